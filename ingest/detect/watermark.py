"""Each lineage's own clock, as a detector sees it in the observation log.

The watermark is the event time before which nothing on time can still come: the minimum over the source
partitions of what their marks say, less the lateness. It depends on the log alone, never on the reader's
clock, so a replay closes the same ticks at the same offsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from detectors.observation import Mark

LIVE = "live"
"""The lineage whose clock is the wall's: its idle partitions go on marking the time."""


@dataclass(slots=True)
class _Partition:
    next_offset: int
    event_ns: int
    idle: bool
    ended: bool


class LineageClock:
    """Watermark of one lineage of one tenant over ``partitions`` source partitions.

    A partition that has never marked this lineage holds the clock: its data may be as old as any. Live
    partitions mark every few seconds; others are released by the mark that ends their lineage. A lineage that
    has ended is complete up to ``tick_ns`` after its latest event, so its last tick closes; data that come
    after all, a second import say, go on from there.
    """

    def __init__(self, lineage: str, partitions: int, lateness_ns: int, tick_ns: int) -> None:
        self._live = lineage == LIVE
        self._partitions = partitions
        self._lateness_ns = lateness_ns
        self._tick_ns = tick_ns
        self._marks: dict[int, _Partition] = {}
        self._watermark_ns = 0

    def update(self, mark: Mark) -> None:
        """Take one mark; older ones (a repeated run) change nothing."""
        have = self._marks.get(mark.partition)
        if have is None:
            self._marks[mark.partition] = _Partition(mark.next_offset, mark.event_ns, mark.idle, mark.ended)
        elif mark.next_offset >= have.next_offset:
            have.idle = mark.idle
            have.ended = mark.ended or (have.ended and mark.next_offset == have.next_offset)
            have.next_offset = mark.next_offset
            have.event_ns = max(have.event_ns, mark.event_ns)

    def watermark_ns(self) -> int:
        """Event time before which all is in; never goes back."""
        if len(self._marks) < self._partitions:
            return self._watermark_ns
        running = [m.event_ns for m in self._marks.values() if not m.ended and (self._live or not m.idle)]
        if running:
            now = min(running) - self._lateness_ns
        elif self.complete():
            now = max(m.event_ns for m in self._marks.values()) + self._tick_ns
        else:
            now = self._watermark_ns
        self._watermark_ns = max(self._watermark_ns, now)
        return self._watermark_ns

    def complete(self) -> bool:
        """Whether the lineage has ended on every partition."""
        return len(self._marks) >= self._partitions and all(m.ended for m in self._marks.values())

    def state(self) -> dict[str, Any]:
        """Plain form for a snapshot."""
        return {
            "watermark_ns": self._watermark_ns,
            "marks": [
                [p, m.next_offset, m.event_ns, m.idle, m.ended] for p, m in sorted(self._marks.items())
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Inverse of `state`."""
        self._watermark_ns = state["watermark_ns"]
        self._marks = {p: _Partition(*rest) for p, *rest in state["marks"]}
