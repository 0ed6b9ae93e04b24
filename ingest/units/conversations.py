"""The unit ``conversation``: the model calls of one conversation, counted once, when it has come to rest.

Conversations cross source partitions, so stage 2 puts them together, from what observations say of each call
and without any text. Calls wait until the watermark of their lineage has passed them and are then taken in
order of event time: what comes out depends neither on the order of messages of different partitions nor on
how often the watermark moves. A conversation ends after ``idle_s`` without a call, when it has lasted
``longest_s``, or at ``max_calls``; a later call begins another. It is observed at the time it ended.

A turn is a trace; in a conversation that is one single trace, a prompt.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import msgpack

from detectors.observation import ABSENT, Observation, ServiceKey, SourcePosition
from detectors.record import Conversation
from detectors.scorers.protocol import Scores, ScoreSpec
from infra.clock import NS_PER_MS
from infra.kafka import LOGS, OBSERVATIONS
from ingest.repository.observations import CONVERSATION, INTERACTION, MS_PER_MINUTE, Observed, observe

DIMENSIONS = ("release", "prompt_version", "language", "request_model")
"""A conversation has the latest value that a call of it had."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a conversation ends, and how much one lineage may keep in mind (per shard).

    Beyond ``max_open`` conversations the one longest at rest is dropped, beyond ``max_waiting`` calls the
    new ones; both are counted, and neither is observed.
    """

    idle_s: float = 1800.0
    longest_s: float = 86_400.0
    max_calls: int = 1000
    max_open: int = 50_000
    max_waiting: int = 500_000


LIMITS = Limits()

SAID = ("user_objects", "asks_for_human", "rephrases")
"""Flags of messages that say something of the conversation."""
LEVELS = ("injection", "harm")
"""Scores of messages whose rise over a conversation counts."""
MOST_SAID = 64
"""Messages of a conversation that are told apart by what they say."""

Place = tuple[str, int]
"""Text of the service's key, and the keyed hash of the conversation."""


@dataclass(slots=True)
class _Open:
    """What is known of a conversation so far, times in ms; ``turns`` maps traces to their prompts."""

    began: int
    first: int
    last: int
    calls: int = 0
    errors: int = 0
    last_failed: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    refusals: int = 0
    judged: int = 0
    user: int = 0
    turns: dict[int, list[int]] = field(default_factory=dict)
    dimensions: dict[str, str] = field(default_factory=dict)
    said: dict[str, list[int]] = field(default_factory=dict)
    rises: dict[str, list[float]] = field(default_factory=dict)

    def add(self, call: _Call) -> None:
        """Take one call; calls come in order of event time."""
        self.began = min(self.began, call.at_ms - call.latency_ms)
        self.last = call.at_ms
        self.calls += 1
        self.errors += call.failed
        self.last_failed = call.failed
        self.turns.setdefault(call.trace or -self.calls, [])
        self.enrich(call)

    def enrich(self, call: _Call) -> None:
        """Take what may also come after a call: what is known from its text, and tokens."""
        self.input_tokens = _sum(self.input_tokens, call.input_tokens)
        self.output_tokens = _sum(self.output_tokens, call.output_tokens)
        self.judged += call.refused is not None
        self.refusals += bool(call.refused)
        self.user = call.user or self.user
        self.dimensions |= call.dimensions
        prompts = self.turns.get(call.trace)
        if call.prompt and prompts is not None and call.prompt not in prompts:
            prompts.append(call.prompt)
        for name, hit in call.said.items():  # an agent's calls for one message say the same of it
            found = self.said.setdefault(name, [])
            message = call.prompt or call.trace
            if hit and message not in found and len(found) < MOST_SAID:
                found.append(message)
        for name, value in call.levels.items():
            low, rise, n = self.rises.get(name, (value, 0.0, 0))
            self.rises[name] = [min(low, value), max(rise, value - low), n + 1]

    def whole(self) -> Conversation:
        """As scorers see it."""
        prompts = [p[0] for p in self.turns.values() if p]
        several = len(self.turns) > 1
        return Conversation(
            turns=len(self.turns) if several else max(map(len, self.turns.values()), default=0) or 1,
            calls=self.calls,
            errors=self.errors,
            ended_in_error=self.last_failed,
            duration_s=(self.last - self.began) / 1000,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            repeats=len(prompts) - len(set(prompts)) if prompts and several else None,
            refusals=self.refusals,
            judged=self.judged,
            objections=self._said("user_objects"),
            requests_for_human=self._said("asks_for_human"),
            rephrasings=self._said("rephrases"),
            injection_rise=self._rise("injection"),
            harm_rise=self._rise("harm"),
        )

    def _said(self, name: str) -> int | None:
        """Messages of which a score says so; ``None`` where none was read for it."""
        return len(self.said[name]) if name in self.said else None

    def _rise(self, name: str) -> float | None:
        """How far a score of messages rose at most; ``None`` where fewer than two turns have it."""
        if len(self.turns) < 2 or name not in self.rises:
            return None
        _, rise, n = self.rises[name]
        return rise if n > 1 else None


@dataclass(frozen=True, slots=True, order=True)
class _Call:
    """What one row of an observation says of a call. The first fields order calls, the same in every run.

    ``addition`` says that it came after the call (content in a log record, or in another span of it): it is
    no call of its own. How a call ended and how long it took come with its span alone.
    """

    at_ms: int
    addition: bool
    source: tuple[str, int, int]
    row: int
    place: Place
    trace: int = field(compare=False)
    prompt: int = field(compare=False)
    user: int = field(compare=False)
    failed: bool = field(compare=False)
    refused: bool | None = field(compare=False)
    input_tokens: int | None = field(compare=False)
    output_tokens: int | None = field(compare=False)
    latency_ms: int = field(compare=False)
    dimensions: dict[str, str] = field(compare=False)
    said: dict[str, bool] = field(compare=False, default_factory=dict)
    levels: dict[str, float] = field(compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Ended:
    place: Place
    at_ms: int
    was: _Open


class Conversations:
    """Open conversations of one lineage in one shard.

    Parameters
    ----------
    score
        Scores of whole conversations.
    specs
        Every score by name.
    limits
        When conversations end, and how many are kept.
    """

    def __init__(
        self,
        score: Callable[[Sequence[Conversation]], list[Scores]],
        specs: Mapping[str, ScoreSpec],
        limits: Limits,
    ) -> None:
        self._score = score
        self._specs = specs
        self._limits = limits
        self._idle_ms = round(limits.idle_s * 1000)
        self._longest_ms = round(limits.longest_s * 1000)
        self._waiting: list[_Call] = []
        self._open: OrderedDict[Place, _Open] = OrderedDict()
        self.late = 0
        self.evicted = 0
        self.not_taken = 0

    @property
    def open(self) -> int:
        """Conversations under way."""
        return len(self._open)

    def add(self, observation: Observation, watermark_ns: int) -> None:
        """Take the calls of conversations; those before the watermark are late."""
        if observation.unit != INTERACTION or not any(observation.conversations):
            return
        for call in _calls(observation, self._specs):
            if call.at_ms * NS_PER_MS < watermark_ns:
                self.late += 1
            elif len(self._waiting) >= self._limits.max_waiting:
                self.not_taken += 1
            else:
                heapq.heappush(self._waiting, call)

    def advance(self, watermark_ns: int, offset: int, *, complete: bool = False) -> list[Observation]:
        """Conversations that have ended before the watermark, as one observation for each service.

        ``complete`` says that nothing comes after it: all that is open ends just before the watermark.
        """
        ended: list[_Ended] = []
        while self._waiting and self._waiting[0].at_ms * NS_PER_MS < watermark_ns:
            self._apply(heapq.heappop(self._waiting), ended)
        now_ms = -(-watermark_ns // NS_PER_MS)
        self._rest(now_ms, ended)
        if complete:
            while self._open:
                place, was = self._open.popitem(last=False)
                ended.append(_Ended(place, min(was.last + self._idle_ms, now_ms - 1), was))
        return self._observations(ended, offset) if ended else []

    def _apply(self, call: _Call, ended: list[_Ended]) -> None:
        self._rest(call.at_ms, ended)
        have = self._open.get(call.place)
        if call.addition:
            if have is not None:
                have.enrich(call)
            return
        if have is not None and (
            call.at_ms - have.first >= self._longest_ms or have.calls >= self._limits.max_calls
        ):
            ended.append(_Ended(call.place, call.at_ms, self._open.pop(call.place)))
            have = None
        if have is None:
            if len(self._open) >= self._limits.max_open:
                self._open.popitem(last=False)
                self.evicted += 1
            have = self._open.setdefault(call.place, _Open(call.at_ms, call.at_ms, call.at_ms))
        have.add(call)
        self._open.move_to_end(call.place)

    def _rest(self, now_ms: int, ended: list[_Ended]) -> None:
        """End what has been at rest for long enough; the longest at rest stands first."""
        while self._open:
            place, have = next(iter(self._open.items()))
            if now_ms - have.last < self._idle_ms:
                return
            ended.append(_Ended(place, have.last + self._idle_ms, self._open.pop(place)))

    def _observations(self, ended: list[_Ended], offset: int) -> list[Observation]:
        ended.sort(key=lambda e: (e.place, e.at_ms))
        by_service: dict[str, list[tuple[_Ended, Scores]]] = {}
        for one, scores in zip(ended, self._score([e.was.whole() for e in ended]), strict=True):
            by_service.setdefault(one.place[0], []).append((one, scores))
        source = SourcePosition(OBSERVATIONS.name, 0, offset)
        return [
            observe(
                ServiceKey.parse(key),
                source,
                CONVERSATION,
                [_observed(one, scores) for one, scores in found],
                self._specs,
                lambda _, value: int(value or 0),
            )
            for key, found in by_service.items()
        ]

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        opened = [[*place, *(getattr(o, n) for n in _OPEN_FIELDS)] for place, o in self._open.items()]
        waiting = [[getattr(c, n) for n in _CALL_FIELDS] for c in sorted(self._waiting)]
        return [bytes(msgpack.packb([opened, waiting])), self.late, self.evicted, self.not_taken]

    def restore(self, state: Sequence[Any]) -> None:
        """Inverse of `state`."""
        packed, self.late, self.evicted, self.not_taken = state
        opened, waiting = msgpack.unpackb(packed, strict_map_key=False)
        self._open = OrderedDict(((key, conversation), _Open(*rest)) for key, conversation, *rest in opened)
        self._waiting = [_Call(at, add, tuple(source), row, tuple(place), *rest)
                         for at, add, source, row, place, *rest in waiting]  # fmt: skip


_OPEN_FIELDS = tuple(f.name for f in fields(_Open))
_CALL_FIELDS = tuple(f.name for f in fields(_Call))


def _sum(have: int | None, more: int | None) -> int | None:
    return have if more is None else (have or 0) + more


def _observed(one: _Ended, scores: Scores) -> Observed:
    return Observed(
        one.at_ms * NS_PER_MS,
        {name: one.was.dimensions.get(name) for name in DIMENSIONS},
        scores,
        str(one.was.user) if one.was.user else None,
        str(one.place[1]),
    )


def _calls(o: Observation, specs: Mapping[str, ScoreSpec]) -> list[_Call]:
    """Rows of an observation that belong to conversations."""
    key = o.key.text()
    source = (o.source.topic, o.source.partition, o.source.offset)
    values = {
        n: _values(o, n, specs) for n in ("error", "refusal", "input_tokens", "output_tokens", "latency_s")
    }
    messages = {n: _values(o, n, specs) for n in (*SAID, *LEVELS) if n in o.scores}
    n = len(o.minutes)
    at_ms, traces, prompts, users = (column or (0,) * n for column in (o.at_ms, o.traces, o.prompts, o.users))
    named = {d: o.dimensions[d] for d in DIMENSIONS if d in o.dimensions}
    shared: dict[tuple[int, ...], dict[str, str]] = {}
    out = []
    for row, conversation in enumerate(o.conversations):
        if not conversation:
            continue
        error, refusal, asked, said, latency = (column[row] for column in values.values())
        which = tuple(c.rows[row] for c in named.values())
        if which not in shared:  # many calls wait at a time, and few differ in this
            shared[which] = {d: c.values[c.rows[row]] for d, c in named.items() if c.rows[row] != ABSENT}
        out.append(
            _Call(
                o.minutes[row] * MS_PER_MINUTE + at_ms[row],
                o.source.topic == LOGS.name or (error is None and latency is None),
                source,
                row,
                (key, conversation),
                traces[row],
                prompts[row],
                users[row],
                bool(error),
                None if refusal is None else bool(refusal),
                None if asked is None else round(asked),
                None if said is None else round(said),
                round((latency or 0.0) * 1000),
                shared[which],
                {s: bool(v) for s in SAID if (v := messages[s][row] if s in messages else None) is not None},
                {s: v for s in LEVELS if (v := messages[s][row] if s in messages else None) is not None},
            )
        )
    return out


def _values(o: Observation, name: str, specs: Mapping[str, ScoreSpec]) -> Sequence[float | None]:
    """Values of a numeric score by row, as its grid holds them."""
    column, spec = o.scores.get(name), specs.get(name)
    if column is None or spec is None or spec.grid is None:
        return (None,) * len(o.minutes)
    cells, value = spec.grid.cells, spec.grid.value
    return [value(cell) if ABSENT < cell < cells else None for cell in column.rows]
