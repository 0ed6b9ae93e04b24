"""What comes of closing ticks of a service."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from detectors.closed_ticks import SharedRow
from detectors.counts.aggregate import TickCounts
from detectors.counts.series_rows import CellRow
from detectors.finding import Finding


@dataclass(slots=True)
class Closed:
    """What came of closing ticks; ``uncounted`` are those that are closed and not in ``cells`` yet."""

    cells: list[CellRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    shared: list[SharedRow] = field(default_factory=list)
    uncounted: deque[TickCounts] = field(default_factory=deque)
