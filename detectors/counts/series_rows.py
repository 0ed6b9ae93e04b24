"""What watching a service tells the outside: counted cells and the state of each series."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from detectors.counts.aggregate import SeriesKey


class CellRow(NamedTuple):
    """Counts of one series in one tick. ``part`` is 0, or the log offset of late rows to be added."""

    series: SeriesKey
    generation: int
    start_s: int
    part: int
    n: int
    total: float
    cells: list[int]
    counts: list[int]
    categories: list[str]


@dataclass(frozen=True, slots=True)
class SeriesState:
    """What is known of one series now; `COLUMNS` are the names of the table's columns.

    The fields on the baseline are empty while a series learns.
    """

    unit: str
    score: str
    generation: int
    slice: str
    series_id: str
    kind: str
    state: str
    first_seen: datetime
    last_seen: datetime
    watching_since: datetime | None
    ready_at: datetime | None
    baseline_version: str | None
    baseline_value: float | None
    baseline_low: float | None
    baseline_high: float | None
    current_value: float | None
    current_low: float | None
    current_high: float | None
    n_baseline: int
    n_current: int
    evidence: float | None
    threshold: float | None
    detectable_1h: float | None
    detectable_1d: float | None
    detectable_7d: float | None
    detectable_unit: str | None
    origin: str
    examples: int | None
    level_limit: float | None
    level_verdict: str
    accepted_by: str
    accepted_reason: str

    COLUMNS: ClassVar[tuple[str, ...]] = ()

    def row(self) -> tuple[Any, ...]:
        """Values in the order of `COLUMNS`."""
        return tuple(getattr(self, name) for name in self.COLUMNS)


SeriesState.COLUMNS = tuple(f.name for f in fields(SeriesState))
