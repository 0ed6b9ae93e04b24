"""What a row of the harness says: figures against targets, and who was how fast at equal false alarms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and what it should be at most; ``target`` is None where nothing was promised."""

    row: str
    what: str
    ours: float
    target: float | None
    detail: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is met, if there is one."""
        return self.target is None or self.ours <= self.target

    def line(self) -> str:
        """As printed: a mark, the row, what, the figure, its target, detail."""
        target = "" if self.target is None else f"{self.target:.3g}"
        mark = " " if self.met else "!"
        return f"{mark} {self.row:>4}  {self.what:<62}{self.ours:>10.3g}{target:>10}  {self.detail}"


@dataclass(frozen=True, slots=True)
class Delay:
    """Waiting time of the series that change, in ticks or events; who never pages waits to the end."""

    median: float
    p90: float
    missed: float

    @classmethod
    def of(cls, first: Ints, at: int, end: int, per_tick: float = 1.0) -> Delay:
        """From the first alarm of each series (-1: none); alarms before ``at`` are false and left out."""
        late = first[(first < 0) | (first >= at)]
        if not len(late):
            return cls(float("nan"), float("nan"), 1.0)
        waited = np.where(late < 0, end - at, late - at) * per_tick
        return cls(float(np.median(waited)), float(np.quantile(waited, 0.9)), float(np.mean(late < 0)))

    def __str__(self) -> str:
        return "missed" if self.missed > 0.5 else f"{self.median:.0f} / {self.p90:.0f}"


@dataclass(frozen=True, slots=True)
class Alarms:
    """First false alarms of unchanged series watched for ``ticks`` of ``events`` events each."""

    crossed: int
    series: int
    per_10k: float

    @classmethod
    def of(cls, first: Ints, ticks: int, events: float) -> Alarms:
        """From the first alarm of each series, -1 for none: alarms over events watched until then."""
        watched = float(np.where(first < 0, ticks, first + 1).sum()) * events
        crossed = int((first >= 0).sum())
        return cls(crossed, len(first), 1e4 * crossed / max(watched, 1e-9))

    @property
    def share(self) -> float:
        """Of the series, those that alarmed."""
        return self.crossed / self.series

    @property
    def upper(self) -> float:
        """95 % upper limit of that share."""
        if self.crossed == self.series:
            return 1.0
        return float(stats.beta.ppf(0.95, self.crossed + 1, self.series - self.crossed))


@dataclass(frozen=True, slots=True)
class Entry:
    """One detector in one scenario: its false alarms there and its delays, one a change."""

    who: str
    alarms: Alarms
    delays: tuple[Delay, ...]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Contest:
    """Detectors side by side on the same traffic. ``unit`` is that of the delays."""

    row: str
    scenario: str
    changes: tuple[str, ...]
    entries: tuple[Entry, ...]
    unit: str = "ticks"

    def lines(self) -> list[str]:
        """As printed."""
        head = f"  {self.row:>4}  {self.scenario} ({self.unit}, median / 90th percentile)"
        out = [f"{head:<66}{'false':>8}{'per 10k':>9}" + "".join(f"{c:>18}" for c in self.changes)]
        for e in self.entries:
            delays = "".join(f"{d!s:>18}" for d in e.delays)
            said = f"        {e.who:<58}{e.alarms.share:>8.1%}{e.alarms.per_10k:>9.2g}{delays}"
            out.append(f"{said}  {e.remark}".rstrip())
        return out


@dataclass(slots=True)
class Report:
    """What a row found."""

    figures: list[Figure] = field(default_factory=list)
    contests: list[Contest] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Take over what another report says."""
        self.figures += other.figures
        self.contests += other.contests
        self.notes += other.notes
