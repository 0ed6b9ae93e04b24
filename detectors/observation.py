"""What stage 1 tells stage 2: versioned binary messages without text.

Three kinds share the ``observations`` topic. An *observation* holds the measured cells of the interactions
(or traces) of one raw message for one service: one row each, columns by dimension and score, so every
slice of every score can be counted from it. A *mark* says how far a source partition has come. A *control
record* changes what a detector holds, at a tick it names.

Layout: one version byte, one kind byte, then MessagePack. Columns of a batch are dictionary-encoded.
Readers take this version and the one before (1: rows did not say when in their minute they ended, nor their
trace and prompt). Counting is by whole numbers, so batches add up in any grouping.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack

VERSION = 2
"""First byte of every message."""

ABSENT = -1
"""Cell of a score or dimension that does not apply to a row."""

MAX_VALUES = 32
"""Distinct values a dimension may have in one message; the rest is `OTHER`."""

MAX_VALUE_LENGTH = 64
"""Characters of a dimension's value that are kept."""

OTHER = "other"

MAX_CELL = (1 << 20) - 1
"""Cells have so many numbers where they are counted."""
MAX_GENERATION = (1 << 31) - 1
LATEST_MINUTE = ((1 << 32) - 1) // 60
"""The last one that the store's times hold, in the year 2106."""
LATEST_NS = (1 << 63) - 1

_OBSERVATION, _MARK, _CONTROL = 1, 2, 3


class WrongFormat(ValueError):
    """Bytes that are not a message of a readable version."""


@dataclass(frozen=True, slots=True, order=True)
class SourcePosition:
    """Where a record stood: topic, partition and offset of its raw message."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, order=True)
class ServiceKey:
    """Whose records they are. ``environment`` is empty when the app gave none."""

    tenant: str
    lineage: str
    environment: str
    service: str

    def text(self) -> str:
        """``tenant/lineage/environment/service`` with ``%`` and ``/`` percent-encoded: the message key."""
        parts = (self.tenant, self.lineage, self.environment, self.service)
        return "/".join(p.replace("%", "%25").replace("/", "%2F") for p in parts)

    @classmethod
    def parse(cls, text: str) -> ServiceKey:
        """Inverse of `text`.

        Raises
        ------
        WrongFormat
            If there are not four parts.
        """
        parts = [p.replace("%2F", "/").replace("%25", "%") for p in text.split("/")]
        if len(parts) != 4:
            raise WrongFormat(f"{text!r} is not tenant/lineage/environment/service")
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: per row an index into ``values``, or `ABSENT`. Scores without names have no ``values``."""

    values: tuple[str, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """The rows of one raw message for one service and unit.

    ``minutes`` is the event minute of each row (Unix time // 60 s). ``dimensions`` maps a dimension to its
    column. ``scores`` maps ``name`` to the column of cells on the score's grid; of a category to indices into
    its names. ``generations`` gives the generation of each score. ``users`` and ``conversations`` are keyed
    64-bit hashes, 0 where unknown. What whole conversations need of each row stands in ``at_ms``
    (milliseconds into its minute) and, as keyed hashes, ``traces`` and ``prompts`` (0 where unknown or
    without a conversation); the three are empty where the sender's version had none.
    """

    key: ServiceKey
    source: SourcePosition
    unit: str
    minutes: tuple[int, ...]
    dimensions: dict[str, Column]
    scores: dict[str, Column]
    generations: dict[str, int]
    users: tuple[int, ...] = ()
    conversations: tuple[int, ...] = ()
    settings_version: int = 0
    at_ms: tuple[int, ...] = ()
    traces: tuple[int, ...] = ()
    prompts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.minutes)
        for name, column in (*self.dimensions.items(), *self.scores.items()):
            if len(column.rows) != n:
                raise WrongFormat(f"column {name!r} has {len(column.rows)} rows, expected {n}")
        plain = (self.users, self.conversations, self.at_ms, self.traces, self.prompts)
        if any(len(rows) not in (0, n) for rows in plain):
            raise WrongFormat(f"a column of whole numbers has another length than the {n} rows")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one source partition of one lineage has come.

    ``next_offset`` is the raw offset up to which every observation stands before this mark in the log;
    ``event_ns`` the latest event time seen in the lineage. ``idle`` says the partition has nothing to read;
    ``ended`` that the lineage gets no more data.
    """

    tenant: str
    lineage: str
    topic: str
    partition: int
    next_offset: int
    event_ns: int
    idle: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """A change of detector state, effective at ``tick``: ``action`` names it, ``body`` details it."""

    key: ServiceKey
    action: str
    tick: int
    body: dict[str, Any] = field(default_factory=dict)


Message = Observation | Mark | Control


def encode(message: Message) -> bytes:
    """Bytes of a message; equal messages give equal bytes."""
    if isinstance(message, Observation):
        kind, body = _OBSERVATION, _observation_body(message)
    elif isinstance(message, Mark):
        m = message
        kind = _MARK
        body = [m.tenant, m.lineage, m.topic, m.partition, m.next_offset, m.event_ns, m.idle, m.ended]
    else:
        c = message
        kind, body = _CONTROL, [c.key.text(), c.action, c.tick, sorted(c.body.items())]
    return bytes((VERSION, kind)) + bytes(msgpack.packb(body))


def _observation_body(o: Observation) -> list[Any]:
    first = min(o.minutes, default=0)
    return [
        o.key.text(),
        [o.source.topic, o.source.partition, o.source.offset],
        o.unit,
        first,
        [m - first for m in o.minutes],
        [[name, c.values, c.rows] for name, c in sorted(o.dimensions.items())],
        [[name, o.generations[name], c.values, c.rows] for name, c in sorted(o.scores.items())],
        o.users,
        o.conversations,
        o.settings_version,
        o.at_ms,
        o.traces,
        o.prompts,
    ]


def decode(data: bytes) -> Message:
    """Read a message.

    Raises
    ------
    WrongFormat
        If the version or kind is unknown or the body is not of its form.
    """
    if len(data) < 3 or data[0] not in (VERSION, VERSION - 1):
        found = data[0] if data else None
        raise WrongFormat(f"message version {found} is not readable, expected {VERSION - 1} or {VERSION}")
    try:
        body = msgpack.unpackb(data[2:], use_list=False)
        if data[1] == _OBSERVATION:
            return _observation(body)
        if data[1] == _MARK:
            tenant, lineage, topic, partition, next_offset, event_ns, idle, ended = body
            _check(str, (tenant, lineage, topic))
            _check(int, (partition, next_offset, event_ns))
            _check(bool, (idle, ended))
            _within("offsets and times", (partition, next_offset, event_ns), 0, LATEST_NS)
            return Mark(tenant, lineage, topic, partition, next_offset, event_ns, idle, ended)
        if data[1] == _CONTROL:
            key, action, tick, items = body
            _check(str, (action, *(name for name, _ in items)))
            _check(int, (tick,))
            _within("ticks", (tick,), -LATEST_NS, LATEST_NS)
            return Control(ServiceKey.parse(key), action, tick, dict(items))
    except WrongFormat:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, msgpack.UnpackException) as error:
        raise WrongFormat(f"message body is not readable: {error}") from error
    raise WrongFormat(f"message kind {data[1]} is unknown")


def _observation(body: Any) -> Observation:
    key, source, unit, first, minutes, dimensions, scores, users, conversations, settings_version, *new = body
    at_ms, traces, prompts = new or ((), (), ())
    _check(str, [unit, *(name for name, *_ in (*dimensions, *scores))])
    _check(int, [first, *minutes, *users, *conversations, settings_version, *(g for _, g, _, _ in scores)])
    for *_, values, rows in (*dimensions, *scores):
        _check(str, values)
        _check(int, rows)
    _check(int, [*at_ms, *traces, *prompts])
    _within("generations", tuple(g for _, g, _, _ in scores), 0, MAX_GENERATION)
    _within("versions", (settings_version,), 0, LATEST_NS)
    _within("hashes", (*users, *conversations, *traces, *prompts), 0, (1 << 64) - 1)
    _within("milliseconds of a minute", at_ms, 0, 59_999)
    if minutes:
        _within("minutes", (first + min(minutes), first + max(minutes)), 0, LATEST_MINUTE)
    for *_, values, rows in dimensions:
        _within("cells of dimensions", rows, ABSENT, len(values) - 1)
    for *_, values, rows in scores:
        _within("cells of scores", rows, ABSENT, len(values) - 1 if values else MAX_CELL)
    return Observation(
        key=ServiceKey.parse(key),
        source=SourcePosition(*source),
        unit=unit,
        minutes=tuple(first + m for m in minutes),
        dimensions={name: Column(values, rows) for name, values, rows in dimensions},
        scores={name: Column(values, rows) for name, _, values, rows in scores},
        generations={name: generation for name, generation, _, _ in scores},
        users=users,
        conversations=conversations,
        settings_version=settings_version,
        at_ms=at_ms,
        traces=traces,
        prompts=prompts,
    )


def _check(type_: type, values: Iterable[Any]) -> None:
    """Whether all are of that very type.

    Raises
    ------
    WrongFormat
        If one is not.
    """
    if other := set(map(type, values)) - {type_}:
        raise WrongFormat(f"expected {type_.__name__}, found {', '.join(sorted(t.__name__ for t in other))}")


def _within(what: str, numbers: Sequence[int], least: int, most: int) -> None:
    """Whether all lie between two bounds.

    Raises
    ------
    WrongFormat
        If one does not.
    """
    if numbers and not (least <= min(numbers) and max(numbers) <= most):
        raise WrongFormat(f"{what} must lie in {least} to {most}, found {min(numbers)} to {max(numbers)}")


def column_of(values: list[str | None]) -> Column:
    """Dictionary-encode a column of names: cut to `MAX_VALUE_LENGTH`, at most `MAX_VALUES`, then `OTHER`."""
    index: dict[str, int] = {}
    rows = []
    for value in values:
        if value is None:
            rows.append(ABSENT)
            continue
        name = value[:MAX_VALUE_LENGTH]
        if name not in index:
            if len(index) >= MAX_VALUES:
                name = OTHER
            index.setdefault(name, len(index))
        rows.append(index[name])
    return Column(tuple(index), tuple(rows))


def slice_text(**pairs: str) -> str:
    """Text form of a slice: ``all``, or sorted ``dim=value`` pairs joined by commas, percent-encoded."""
    if not pairs:
        return "all"
    return ",".join(f"{k}={_escape(v)}" for k, v in sorted(pairs.items()))


def _escape(value: str) -> str:
    for character in "%,=":
        value = value.replace(character, f"%{ord(character):02X}")
    return value


def slice_pairs(text: str) -> dict[str, str]:
    """Inverse of `slice_text`.

    Raises
    ------
    ValueError
        If a part is no pair.
    """
    if text == "all":
        return {}
    pairs = dict(part.split("=") for part in text.split(","))
    return {name: _unescape(value) for name, value in pairs.items()}


def _unescape(value: str) -> str:
    for character in "=,%":
        value = value.replace(f"%{ord(character):02X}", character)
    return value


def series_id(key: ServiceKey, unit: str, score: str, generation: int, slice_: str) -> str:
    """16 hex digits: 64-bit BLAKE2b of the series' key."""
    text = "\x1f".join((key.text(), unit, score, str(generation), slice_))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
