"""When something happened, as far as the sender's clock can be believed."""

from __future__ import annotations

from infra.clock import NS_PER_S
from ingest.log.clock_marks import LIVE

MAX_AHEAD_NS = 300 * NS_PER_S
"""A live record may be this far ahead of its arrival: one bad clock must not make everyone else late."""

MAX_NS = (1 << 63) - 1
"""Last time a column can hold (the year 2262)."""


def event_time(at_ns: int, received_ns: int, lineage: str) -> tuple[int, bool]:
    """Event time for clocks and detectors, and whether the sender's time was replaced by ``received_ns``.

    Only the live lineage is held against the wall: others have a clock of their own.
    """
    limit_ns = received_ns + MAX_AHEAD_NS if lineage == LIVE else MAX_NS
    return (received_ns, True) if at_ns > limit_ns else (at_ns, False)
