"""When something happened, as far as the sender's clock can be believed."""

from __future__ import annotations

from infra.clock import NS_PER_S
from ingest.clock_marks import LIVE

MAX_AHEAD_NS = 300 * NS_PER_S
"""A live record may be this far ahead of its arrival: one bad clock must not make everyone else late."""
MAX_OTHER_AHEAD_NS = 366 * 86_400 * NS_PER_S
"""A record of another lineage, whose clock may be faster than ours, may be this far ahead."""
MIN_NS = 946_684_800 * NS_PER_S
"""The year 2000. An earlier time is none: it was not said, or in milliseconds, or by a clock never set."""

MAX_NS = (1 << 63) - 1
"""Last time a column can hold (the year 2262)."""


def event_time(at_ns: int, received_ns: int, lineage: str) -> tuple[int, bool]:
    """Event time for clocks and detectors, and whether the sender's time was replaced by ``received_ns``.

    Live records are held against the wall; other lineages have a clock of their own, which a time that was
    replaced does not move.
    """
    ahead_ns = MAX_AHEAD_NS if lineage == LIVE else MAX_OTHER_AHEAD_NS
    can_be = MIN_NS <= at_ns <= min(received_ns + ahead_ns, MAX_NS)
    return (at_ns, False) if can_be else (received_ns, True)


def clock_time(at_ns: int, received_ns: int, lineage: str) -> int:
    """How far a time moves its lineage's clock; 0 if nowhere."""
    event_ns, replaced = event_time(at_ns, received_ns, lineage)
    return event_ns if lineage == LIVE or not replaced else 0
