"""What exporters say of themselves: how many messages each has sent, and how many records it gave up.

Sequence numbers count the messages of one exporter from 0; they come in order or nearly so, some twice. A
number that was left out is missing until it comes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra import kafka

MAX_SOURCES = 10_000
"""Exporters remembered; the one not heard of for longest is forgotten first."""
MAX_OPEN = 1_000
"""Missing numbers of one exporter that can still be told from others when they come."""
MAX_NAME = 64
MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Reported:
    """What one message changed: messages now missing (less than 0: they came), records newly given up."""

    missing: int
    dropped: int


@dataclass(slots=True)
class _Source:
    """``next`` is the number expected, ``open`` those below it that did not come."""

    next: int
    dropped: int
    open: set[int] = field(default_factory=set)


class Sources:
    """Every exporter that was heard of."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, bytes], _Source] = OrderedDict()

    def saw(self, topic: str, headers: Mapping[str, bytes]) -> Reported | None:
        """Take note of a message; ``None`` if no exporter of ours sent it.

        Of an exporter first heard of in the middle, only what happens from now on is told.
        """
        name = headers.get(kafka.HEADER_EXPORTER) or b""
        sequence = _number(headers.get(kafka.HEADER_SEQUENCE))
        dropped = _number(headers.get(kafka.HEADER_DROPPED))
        if not name or len(name) > MAX_NAME or sequence is None or dropped is None:
            return None
        known = self._known.get((topic, name))
        if known is None:
            known = self._known[topic, name] = _Source(sequence, 0 if sequence == 0 else dropped)
            if len(self._known) > MAX_SOURCES:
                self._known.popitem(last=False)
        self._known.move_to_end((topic, name))
        new = max(dropped - known.dropped, 0)
        known.dropped += new
        return Reported(_place(known, sequence), new)


def _place(source: _Source, sequence: int) -> int:
    """How many more messages are missing now."""
    if sequence >= source.next:
        missing = sequence - source.next
        source.open |= set(range(max(source.next, sequence - MAX_OPEN), sequence))
        while len(source.open) > MAX_OPEN:
            source.open.remove(min(source.open))
        source.next = sequence + 1
        return missing
    if sequence in source.open:
        source.open.remove(sequence)
        return -1
    return 0


def _number(value: bytes | None) -> int | None:
    return int(value) if value and len(value) <= MAX_DIGITS and value.isdigit() else None
