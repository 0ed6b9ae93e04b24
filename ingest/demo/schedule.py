"""When people turn to the four apps, and when something goes wrong: pure, seeded, ending now."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from infra.clock import NS_PER_S, to_datetime
from ingest.demo.chance import Chance
from ingest.demo.conditions import HEARD_WRONG_SHARE, Conditions

SUPPORT, COPILOT = "support-assistant", "code-copilot"
CALLS, STUDIO = "call-notes", "banner-studio"
CALLS_RELEASES = ("2.3.1", "2.4.0")
"""Releases of the call notes, before and after the event day's."""
QUIET_PROMPT, RELEASED_PROMPT, COPILOT_PROMPT = "7", "8", "3"

HOUR_NS = 3600 * NS_PER_S
DAY_NS = 24 * HOUR_NS

CALLS_PER_CONVERSATION = 1.97
"""Model calls of a support conversation on a quiet day, on average."""
SUPPORT_SHARE = 0.55
"""Share of the interactions of the first two apps that belong to the support assistant."""
CALLS_SHARE, STUDIO_SHARE = 0.12, 0.06
"""Interactions of the other two, as shares of those."""
_LANGUAGES = (("en", 0.40), ("es", 0.25), ("de", 0.20), ("fr", 0.15))
HEARD_H = 8
"""Hours into the event day at which the call notes are released."""
NAMELESS_SHARES = {SUPPORT: 0.02, COPILOT: 0.05, CALLS: 0.05, STUDIO: 0.25}
"""Per app the share of requests that name a user only, the same of a conversation only, and of neither."""
_SWING, _PEAK_H = 0.45, 8.0  # the shop's day: busiest eight hours after the schedule's day begins
_WEEKEND = 0.75
_MEAN_OVER_WEEK = (5 + 2 * _WEEKEND) / 7


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of a person: a conversation, a question, a recorded call, a picture.

    ``release`` is the app's where that changes. ``names_user`` and ``names_conversation`` say what of the two
    its telemetry carries.
    """

    at_ns: int
    service: str
    key: str
    user: str
    conversation: str
    language: str
    prompt_version: str
    release: str = ""
    names_user: bool = True
    names_conversation: bool = True

    @property
    def label(self) -> str:
        """Name of the arrival in its schedule."""
        return f"{self.service}/{self.key}"


@dataclass(frozen=True, slots=True)
class Planted:
    """Something that goes wrong on purpose, from ``onset_ns`` to the end.

    ``switched_ns`` is when the conditions change, ``onset_ns`` when it can first be seen. ``scores`` are the
    scores that state the cause itself, ``echoes`` those that move as a true consequence of it.
    """

    name: str
    title: str
    service: str
    slice: str
    switched_ns: int
    onset_ns: int
    scores: tuple[str, ...]
    echoes: tuple[str, ...] = ()

    @property
    def score(self) -> str:
        """The score that states the cause best."""
        return self.scores[0]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Arrivals from ``start_ns`` to ``end_ns`` in order of time; the last day is the event day."""

    seed: int
    start_ns: int
    event_day_ns: int
    end_ns: int
    tick_ns: int
    arrivals: tuple[Arrival, ...]
    planted: tuple[Planted, ...]

    def conditions_at(self, at_ns: int) -> Conditions:
        """How the simulated models behave at a time."""
        on = {p.name for p in self.planted if p.switched_ns <= at_ns}
        return Conditions(
            refusal_share=MappingProxyType({"es": 0.60} if "refusals-es" in on else {}),
            loop_share=0.35 if "tool-loop" in on else 0.0,
            secret_share=0.08 if "secret-leak" in on else 0.0,
            wordiness=2.2 if "model-swap" in on else 1.0,
            heard_wrong=0.4 if "heard-loops" in on else HEARD_WRONG_SHARE,
            loops="heard-loops" in on,
        )

    def slices(self, quiet_s: int = 1200) -> Iterator[tuple[int, int, Sequence[Arrival]]]:
        """(from, to, arrivals) in order: ``quiet_s`` seconds each, one tick each on the event day.

        No slice contains a change of conditions.
        """
        changes = {p.switched_ns for p in self.planted} | {self.event_day_ns, self.end_ns}
        low, position = self.start_ns, 0
        while low < self.end_ns:
            step = self.tick_ns if low >= self.event_day_ns else quiet_s * NS_PER_S
            high = min([low + step, *(c for c in changes if c > low)])
            first = position
            while position < len(self.arrivals) and self.arrivals[position].at_ns < high:
                position += 1
            yield low, high, self.arrivals[first:position]
            low = high


def build(
    anchor_ns: int,
    *,
    seed: int = 20,
    interactions: int = 30_000,
    quiet_days: int = 14,
    tick_s: int = 300,
    incidents: bool = True,
) -> Schedule:
    """The schedule whose event day ends at ``anchor_ns`` (now), cut down to a tick.

    ``interactions`` model calls of the first two apps are expected over the ``quiet_days``, and as many a day
    on the event day; those of the others come on top.
    ``incidents=False`` leaves the event day quiet.
    """
    tick_ns = tick_s * NS_PER_S
    end_ns = anchor_ns // tick_ns * tick_ns
    start_ns = end_ns - (quiet_days + 1) * DAY_NS
    event_day_ns = end_ns - DAY_NS
    chance = Chance(seed)
    release_ns = event_day_ns + 3 * HOUR_NS if incidents else end_ns
    heard_ns = event_day_ns + HEARD_H * HOUR_NS if incidents else end_ns
    per_day = interactions / quiet_days
    conversations = per_day * SUPPORT_SHARE / CALLS_PER_CONVERSATION
    arrivals: list[Arrival] = []
    for day in range(quiet_days + 1):
        day_ns = start_ns + day * DAY_NS
        for at_ns, key in _times(chance, SUPPORT, day, day_ns, conversations):
            version = RELEASED_PROMPT if at_ns >= release_ns else QUIET_PROMPT
            arrivals.append(_conversation(chance, at_ns, key, version))
        for at_ns, key in _times(chance, COPILOT, day, day_ns, per_day * (1 - SUPPORT_SHARE)):
            arrivals.append(_question(chance, at_ns, key, hour=(at_ns - start_ns) // HOUR_NS))
        for at_ns, key in _times(chance, CALLS, day, day_ns, per_day * CALLS_SHARE):
            arrivals.append(_call(chance, at_ns, key, CALLS_RELEASES[at_ns >= heard_ns]))
        for at_ns, key in _times(chance, STUDIO, day, day_ns, per_day * STUDIO_SHARE):
            user = f"designer-{chance.stream(STUDIO, key).randrange(12):02d}"
            arrivals.append(Arrival(at_ns, STUDIO, key, user, f"brief-{key}", "en", ""))
    arrivals = sorted((_named(chance, a) for a in arrivals), key=lambda a: (a.at_ns, a.key))
    planted = _planted(event_day_ns, arrivals) if incidents else ()
    return Schedule(seed, start_ns, event_day_ns, end_ns, tick_ns, tuple(arrivals), planted)


_OF_WHOLES = (
    "trace_input_tokens",
    "trace_output_tokens",
    "conversation_input_tokens",
    "conversation_output_tokens",
    "conversation_duration_s",
)
"""Longer answers and more calls also show in whole runs and conversations."""


def _planted(event_day_ns: int, arrivals: Sequence[Arrival]) -> tuple[Planted, ...]:
    """The incidents: two in each of the first two apps, hours apart, and one in the call notes."""
    leak_ns = event_day_ns + 5 * HOUR_NS
    first_leak_ns = min(
        (a.at_ns for a in arrivals if a.service == COPILOT and a.at_ns >= leak_ns), default=leak_ns
    )
    at = {"A": event_day_ns + 3 * HOUR_NS, "C": event_day_ns + 14 * HOUR_NS, "D": event_day_ns + 13 * HOUR_NS}
    return (
        Planted(
            "refusals-es",
            "refusals 1 % -> 60 % in Spanish after prompt version 8",
            SUPPORT,
            "language=es",
            at["A"],
            at["A"],
            ("refusal",),
            ("refused_share",),
        ),
        Planted(
            "secret-leak",
            "credentials in 8 % of the copilot's answers",
            COPILOT,
            "all",
            leak_ns,
            first_leak_ns,
            ("secrets",),
        ),
        Planted(
            "model-swap",
            "another model behind the same name, answers 1.9 times as long",
            COPILOT,
            "all",
            at["D"],
            at["D"],
            ("output_length", "output_tokens"),
            ("latency_s", "trace_duration_s", "repetition", *_OF_WHOLES),
        ),
        Planted(
            "tool-loop",
            "35 % of conversations call one tool 4 to 7 times",
            SUPPORT,
            "all",
            at["C"],
            at["C"],
            ("tool_loop", "tool_repeats", "tool_calls", "steps"),
            (
                "trace_duration_s",
                "latency_s",
                "input_tokens",
                "output_tokens",
                "output_length",
                "finish_reason",
                "model_calls",
                *_OF_WHOLES,
            ),
        ),
        Planted(
            "heard-loops",
            "40 % of the transcripts repeat one sentence since release 2.4.0",
            CALLS,
            "all",
            event_day_ns + HEARD_H * HOUR_NS,
            event_day_ns + HEARD_H * HOUR_NS,
            ("asr_hallucination", "degenerate", "repetition"),
            ("words_per_second", "output_length", "no_speech"),
        ),
    )


def _times(chance: Chance, service: str, day: int, day_ns: int, mean: float) -> Iterator[tuple[int, str]]:
    """Poisson arrivals of one day, thinned by the hour and, on calendar weekends, by `_WEEKEND`.

    A candidate's fate depends on its own draw, so a weekend only removes arrivals.
    """
    rng = chance.stream("arrivals", service, day)
    highest = mean * (1 + _SWING) / _MEAN_OVER_WEEK
    at_h, n = rng.expovariate(highest / 24), 0
    while at_h < 24:
        at_ns = day_ns + int(at_h * HOUR_NS)
        rate = (1 + _SWING * math.cos((at_h - _PEAK_H) / 24 * 2 * math.pi)) / (1 + _SWING)
        if to_datetime(at_ns).weekday() >= 5:
            rate *= _WEEKEND
        if rng.random() < rate:
            yield at_ns, f"{day:02d}-{n:04d}"
        at_h, n = at_h + rng.expovariate(highest / 24), n + 1


def _conversation(chance: Chance, at_ns: int, key: str, prompt_version: str) -> Arrival:
    rng = chance.stream(SUPPORT, key)
    language = rng.choices([name for name, _ in _LANGUAGES], [share for _, share in _LANGUAGES])[0]
    user = f"customer-{rng.randrange(6000):04d}"
    return Arrival(at_ns, SUPPORT, key, user, f"conversation-{key}", language, prompt_version)


def _named(chance: Chance, arrival: Arrival) -> Arrival:
    """The arrival with what its telemetry names of who asks."""
    share = NAMELESS_SHARES[arrival.service]
    draw = chance.stream("names", arrival.label).random()
    return replace(arrival, names_user=not share <= draw < 3 * share, names_conversation=draw >= 2 * share)


def _call(chance: Chance, at_ns: int, key: str, release: str) -> Arrival:
    rng = chance.stream(CALLS, key)
    language = rng.choices([name for name, _ in _LANGUAGES], [share for _, share in _LANGUAGES])[0]
    user = f"agent-{rng.randrange(40):02d}"
    return Arrival(at_ns, CALLS, key, user, f"call-{key}", language, "", release)


def _question(chance: Chance, at_ns: int, key: str, hour: int) -> Arrival:
    """Questions of one developer within an hour share a session."""
    user = f"developer-{chance.stream(COPILOT, key).randrange(140):03d}"
    return Arrival(at_ns, COPILOT, key, user, f"session-{user}-{hour}", "en", COPILOT_PROMPT)
