"""Silences made in an Alertmanager: what they match, how they are read, and what they do here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from alerts.access.typed_text import TypedText
from alerts.errors import NotPossible
from alerts.faults import Faults
from alerts.incidents.incident import FIRING
from alerts.metrics import Metrics
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Outcome
from alerts.notify.silence_polling import FAILED, STALE_S, HonouredSilences, SilencePoller
from alerts.silences.imported import MAX_ANSWER, BadAnswer, read_silences, redacted
from alerts.silences.matchers import BadMatcher, Matcher, matchers_from_json, matchers_text, matchers_to_json
from alerts.silences.silence import MAX_SILENCES
from detectors.finding import rfc3339
from infra.clock import NS_PER_S, to_datetime, to_ns
from tests.alerts.invented import at, lengths, refusals
from tests.alerts.lifecycles import Process, World
from tests.alerts.memory import HandClock

NOW = to_ns(at("04:00"))
TYPED = TypedText.under_random_keys()
HOUR_NS = 3600 * NS_PER_S


@pytest.mark.parametrize(
    ("matcher", "labels", "matches"),
    [
        (Matcher("score", "refusal"), {"score": "refusal"}, True),
        (Matcher("score", "refus"), {"score": "refusal"}, False),
        (Matcher("score", "refusal", is_equal=False), {"score": "refusal"}, False),
        (Matcher("score", "latency_s", is_equal=False), {"score": "refusal"}, True),
        (Matcher("score", "refus.*", is_regex=True), {"score": "refusal"}, True),
        # all of a value, whatever alternatives there are
        (Matcher("score", "refus", is_regex=True), {"score": "refusal"}, False),
        (Matcher("score", "refus|usal", is_regex=True), {"score": "refusal"}, False),
        (Matcher("score", "refus|refusal", is_regex=True), {"score": "refusal"}, True),
        (Matcher("score", "refusal", is_regex=True), {"score": "refusal\n"}, False),
        (Matcher("score", "refus.*", is_regex=True, is_equal=False), {"score": "refusal"}, False),
        (Matcher("score", "late.*", is_regex=True, is_equal=False), {"score": "refusal"}, True),
        # a label that is not there is without a value
        (Matcher("environment", ""), {}, True),
        (Matcher("environment", "production", is_equal=False), {}, True),
        (Matcher("environment", ".*", is_regex=True), {}, True),
        (Matcher("environment", ".+", is_regex=True), {}, False),
    ],
)
def test_matchers_match_as_an_alertmanagers_do(
    matcher: Matcher, labels: dict[str, str], matches: bool
) -> None:
    assert matcher.matches(labels) is matches
    assert matchers_from_json(matchers_to_json([matcher])) == (matcher,)


def test_a_pattern_that_would_take_exponential_time_takes_none() -> None:
    assert not Matcher("service", "(a+)+b", is_regex=True).matches({"service": "a" * 5_000})
    with pytest.raises(BadMatcher, match=r"pattern 'a\(\?=b\)' cannot be read"):
        Matcher("service", "a(?=b)", is_regex=True)


def row(source_id: str = "s1", ends_ns: int = NOW + 2 * HOUR_NS, **changes: Any) -> dict[str, Any]:
    """A silence of the score refusal, as the API writes it."""
    return {
        "id": source_id,
        "status": {"state": "active"},
        "createdBy": "ana",
        "comment": "rolling back",
        "startsAt": "2026-03-17T03:00:00.000Z",
        "endsAt": rfc3339(to_datetime(ends_ns)),
        "matchers": [matcher("score", "refusal")],
        **changes,
    }


def matcher(name: str, value: str, *, regex: bool = False, equal: bool = True) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": regex, "isEqual": equal}


def test_only_what_is_active_and_may_match_an_alert_of_ours_is_taken() -> None:
    rows = [
        row(),
        row("expired", status={"state": "expired"}),
        row("pending", status={"state": "pending"}),
        row("other", matchers=[matcher("alertname", "HighLatency")]),
        row("no-such-label", matchers=[matcher("instance", "db1"), matcher("score", "refusal")]),
        row("absent", matchers=[matcher("instance", ""), matcher("score", "refusal")]),
        row("ours", matchers=[matcher("alertname", "Lightship.*", regex=True)]),
        row("backwards", matchers=[matcher("score", r"(a)\1", regex=True)]),
        {"id": "broken"},
        "broken",
    ]
    answer = read_silences(json.dumps(rows).encode())
    assert [one.source_id for one in answer.found] == ["s1", "absent", "ours"]
    assert answer.others == 2
    assert [why.split(":")[0] for why in answer.unusable] == [
        *("silence backwards", "silence broken", "silence that is no object"),
    ]
    assert matchers_text(answer.found[1].matchers) == '{instance="", score="refusal"}'


def test_what_labels_do_not_hold_is_redacted_in_matchers_and_patterns_of_it_are_not_used() -> None:
    rows = [
        row(matchers=[matcher("service", "bot of bo@example.org")]),
        row("s2", matchers=[matcher("service", "bo@example.org|x", regex=True)]),
    ]
    answer = redacted(read_silences(json.dumps(rows).encode()), TYPED)
    (kept,) = answer.found
    assert kept.matchers[0].value == TYPED.name("default", "bot of bo@example.org")
    assert "bo@example.org" not in str(answer)
    assert answer.unusable == ("silence s2: a pattern holds what is redacted in labels",)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "no JSON: is the url that of an Alertmanager"),
        (b"{}", "no list: is the url that of an Alertmanager"),
        (b" " * MAX_ANSWER, "larger than 4 MiB"),
        (json.dumps([row(str(k)) for k in range(MAX_SILENCES + 1)]).encode(), "501 active silences"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(body: bytes, words: str) -> None:
    with pytest.raises(BadAnswer, match=words):
        read_silences(body)


class Elsewhere:
    """An Alertmanager: what is silenced there, or why it does not say."""

    def __init__(self, clock: HandClock) -> None:
        self.rows: list[dict[str, Any]] = []
        self.outcome = Outcome(SENT)
        self.metrics = Metrics()
        self._clock = clock
        self.start()

    def start(self) -> None:
        """A process that begins to ask it."""
        answer: Callable[[], tuple[Outcome, bytes]] = lambda: (self.outcome, json.dumps(self.rows).encode())  # noqa: E731
        self.poller = SilencePoller("am", answer, self._clock, self.metrics, Faults(self._clock), TYPED)
        self.honoured = HonouredSilences([self.poller], self._clock)

    def reach(self, process: Process) -> None:
        """Ask, and let the process act upon it."""
        self.poller.poll()
        process.desk.align_silences(self.honoured.changes)
        process.desk.elapse()
        process.send()


def begun() -> tuple[World, Elsewhere]:
    world = World()
    world.clock.ns = NOW
    return world, Elsewhere(world.clock)


def process_of(world: World, elsewhere: Elsewhere | None = None) -> Process:
    process = world.process()
    process.desk.load()
    if elsewhere is not None:
        elsewhere.reach(process)
    return process


def say(world: World, process: Process, *findings: Any) -> None:
    world.log += [f.to_json().encode() for f in findings]
    process.read_on()


def told(world: World) -> list[tuple[str, str]]:
    return [(d.kind, d.brief.what.score) for d in world.channel.got]


def test_an_incident_that_is_silenced_there_is_told_to_nobody_until_the_silence_ends_there() -> None:
    world, elsewhere = begun()
    elsewhere.rows = [row(comment="rolling back, ask bo@example.org")]
    process = process_of(world, elsewhere)
    say(world, process, refusals(), lengths(service="billing-bot"))
    assert told(world) == [("opened", "output_length")]
    (silent,) = [i for i in process.desk.all() if i.silence]
    assert silent.state == FIRING
    (known,) = process.desk.silences()
    assert (known.origin, known.source_id, known.actor) == ("am", "s1", "ana")
    assert known.reason.startswith("rolling back, ask [email")
    with pytest.raises(NotPossible, match="was made in am: expire it there"):
        process.desk.lift(known.silence_id, "bo", "done")
    world.clock.sleep(60)
    elsewhere.start()  # a new process, of both
    process = process_of(world, elsewhere)
    assert [s.silence_id for s in process.desk.silences()] == [known.silence_id]
    assert len(told(world)) == 1
    elsewhere.rows = [row(status={"state": "expired"})]
    elsewhere.reach(process)
    assert told(world)[1:] == [("opened", "refusal")]
    entries = [(entry["action"], entry["silence"]["origin"]) for entry in world.post.actions]
    assert entries == [("silence", "am"), ("silence_ended", "am")]


def test_a_silence_that_is_prolonged_there_goes_on_and_one_that_runs_out_ends_without_an_answer() -> None:
    world, elsewhere = begun()
    elsewhere.rows = [row(ends_ns=NOW + 300 * NS_PER_S)]
    process = process_of(world, elsewhere)
    say(world, process, refusals())
    elsewhere.rows = [row(ends_ns=NOW + 500 * NS_PER_S)]
    elsewhere.reach(process)
    world.clock.ns = NOW + 400 * NS_PER_S
    elsewhere.outcome = Outcome(RETRY, "am: refused")
    elsewhere.reach(process)
    assert told(world) == []
    world.clock.ns = NOW + 500 * NS_PER_S
    elsewhere.reach(process)
    assert told(world) == [("opened", "refusal")]


@pytest.mark.parametrize("outcome", [Outcome(RETRY, "am: time-out"), Outcome(GAVE_UP, "am: 401", 401)])
def test_a_failure_to_ask_changes_nothing_until_what_is_known_is_stale(outcome: Outcome) -> None:
    world, elsewhere = begun()
    elsewhere.rows = [row()]
    process = process_of(world, elsewhere)
    say(world, process, refusals())
    elsewhere.outcome = outcome
    world.clock.sleep(STALE_S)
    elsewhere.reach(process)
    assert told(world) == []
    assert elsewhere.metrics.get(FAILED) == 1
    world.clock.sleep(1)
    elsewhere.reach(process)
    assert told(world) == [("opened", "refusal")]
    assert process.desk.silences()[0].ended_reason == "am did not say for 10 min that it still holds"
    elsewhere.outcome = Outcome(SENT)
    elsewhere.reach(process)
    elsewhere.reach(process)
    assert [s.in_force for s in process.desk.silences()] == [False, True]
    assert len(told(world)) == 1


def test_what_is_not_honoured_any_more_ends() -> None:
    world, elsewhere = begun()
    elsewhere.rows = [row()]
    say(world, process_of(world, elsewhere), refusals())
    process = process_of(world)
    process.desk.align_silences(HonouredSilences([], world.clock).changes)
    process.desk.elapse()
    process.send()
    assert told(world) == [("opened", "refusal")]


def test_a_silence_matches_the_labels_that_the_alert_has_or_would_have() -> None:
    world, elsewhere = begun()
    first = [matcher("severity", "ticket"), matcher("score", "output_length")]
    elsewhere.rows = [row(matchers=first)]
    process = process_of(world, elsewhere)
    say(world, process, lengths())
    assert told(world) == []
    say(world, process, refusals())  # it is a page now
    assert told(world) == [("opened", "refusal")]
    elsewhere.rows = [row("s2", matchers=[matcher("alert_kind", "drift"), matcher("score", "refusal")])]
    elsewhere.reach(process)
    assert process.desk.all()[0].silence is not None
