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
    """What one partition has said. ``passed_ns`` is what others had come to when it last did."""

    next_offset: int
    event_ns: int
    ended: bool
    passed_ns: int = 0


class LineageClock:
    """Watermark of one lineage of one tenant over ``partitions`` source partitions.

    A partition that has never marked this lineage holds the clock: its data may be as old as any. Live
    partitions mark every few seconds; others are released by the mark that ends their lineage. A lineage that
    has ended is complete up to ``tick_ns`` after its latest event, so its last tick closes; data that come
    after all, a second import say, go on from there.

    A partition that says it is idle has read all it got, and stands where the others stood when it spoke the
    time before. It does not let them run ahead for good: after a pause of all of them one is always the first
    to go on, and what the others hold of the same hour would be late.
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
            have = _Partition(mark.next_offset, mark.event_ns, mark.ended)
            self._marks[mark.partition] = have
        elif mark.next_offset >= have.next_offset:
            have.ended = mark.ended or (have.ended and mark.next_offset == have.next_offset)
            have.next_offset = mark.next_offset
            stands_ns = have.passed_ns if mark.idle and not self._live else 0
            have.event_ns = max(have.event_ns, mark.event_ns, stands_ns)
        else:
            return
        have.passed_ns = max(m.event_ns for m in self._marks.values())

    def watermark_ns(self) -> int:
        """Event time before which all is in; never goes back."""
        if len(self._marks) < self._partitions:
            return self._watermark_ns
        running = [m.event_ns for m in self._marks.values() if not m.ended]
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
            "partitions": [
                [p, m.next_offset, m.event_ns, m.ended, m.passed_ns] for p, m in sorted(self._marks.items())
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Inverse of `state`."""
        self._watermark_ns = state["watermark_ns"]
        before = [[p, at, event_ns, ended] for p, at, event_ns, _, ended in state.get("marks", ())]
        self._marks = {p: _Partition(*rest) for p, *rest in state.get("partitions", before)}
