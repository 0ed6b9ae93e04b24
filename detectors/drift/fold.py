"""Counts of every series per tick, folded from observations.

A *series* here is (unit, score, slice) within one service. Every row of an observation counts once in the
empty slice and once in each single-dimension slice whose value is tracked; sums are of whole numbers, so
they do not depend on how rows were grouped into messages. A tick that has closed takes no more counts:
rows that come later are *late*, counted apart and never fed to a detector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detectors.finding import ALL
from detectors.observation import ABSENT, Observation, slice_text
from detectors.scorers.judgement import bounded
from detectors.scorers.protocol import ScoreSpec

_CELL_BITS = 20
_SLICE_BITS = 16
_CELLS = (1 << _CELL_BITS) - 1
_SLICES = (1 << _SLICE_BITS) - 1


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """Which series of a service: ``slice`` is ``all`` or ``dim=value``."""

    unit: str
    score: str
    slice: str


@dataclass(frozen=True, slots=True)
class TickCounts:
    """Counts of one tick: parallel lists sorted by series and cell. ``series`` are numbers of a `Fold`."""

    tick: int
    series: list[int]
    cells: list[int]
    counts: list[int]


@dataclass(slots=True)
class Seen:
    """First and last tick at which a value of a dimension was seen, and rows so far."""

    first: int
    last: int
    rows: int


class Fold:
    """Open ticks of one service, and the names behind the numbers.

    Parameters
    ----------
    specs
        The scores that are known; others are left out. Of judgements, whose names nobody declares, the first
        ones are known and the rest count as one (`detectors.scorers.judgement.bounded`).
    tick_s
        Length of a tick, seconds; a multiple of 60.
    max_values
        Values tracked per unit and dimension, in order of first appearance; later ones count in ``all`` only.
    """

    def __init__(self, specs: Mapping[str, ScoreSpec], tick_s: int, max_values: int) -> None:
        self._specs = specs
        self._minutes = tick_s // 60
        self._max_values = max_values
        self._scores: dict[str, int] = {}
        self._slices: dict[tuple[str, str, str], int] = {}
        self._levels: dict[str, dict[str, int]] = {}
        self._seen: dict[tuple[str, str], dict[str, Seen]] = {}
        self._open: dict[int, dict[int, int]] = {}
        self.late_rows = 0

    def add(self, observation: Observation, next_tick: int) -> list[TickCounts]:
        """Fold one observation; return the counts of its late rows (ticks before ``next_tick``)."""
        o = observation
        ticks = [m // self._minutes for m in o.minutes]
        slices = self._slices_of_rows(o, ticks)
        columns = self._columns(o)
        late: dict[int, dict[int, int]] = {}
        for row, tick in enumerate(ticks):
            if tick < next_tick:
                self.late_rows += 1
                bucket = late.setdefault(tick, {})
            else:
                bucket = self._open.setdefault(tick, {})
            for cells, codes, score in columns:
                cell = cells[row]
                if cell == ABSENT:
                    continue
                low = score | (cell if codes is None else codes[cell])
                for high in slices[row]:
                    key = high | low
                    bucket[key] = bucket.get(key, 0) + 1
        return [_counts(tick, late[tick]) for tick in sorted(late)]

    def _columns(self, o: Observation) -> list[tuple[tuple[int, ...], list[int] | None, int]]:
        """Per known score: its cells by row, the cell behind each name (categories), its number in place."""
        columns = []
        for said, column in o.scores.items():
            name = bounded(said, self._scores)
            spec = self._specs.get(name)
            if spec is None or spec.unit != o.unit:
                continue
            codes = None
            if spec.kind == "category":
                levels = self._levels.setdefault(name, {})
                codes = [levels.setdefault(v, len(levels)) for v in column.values]
            number = self._scores.setdefault(name, len(self._scores))
            columns.append((column.rows, codes, number << (_CELL_BITS + _SLICE_BITS)))
        return columns

    def _slices_of_rows(self, o: Observation, ticks: list[int]) -> list[list[int]]:
        """Per row the numbers (in place) of the slices it counts in; slice 0 is the empty one."""
        slices: list[list[int]] = [[0] for _ in ticks]
        for dimension, column in o.dimensions.items():
            seen = self._seen.setdefault((o.unit, dimension), {})
            numbers = [self._slice_number(o.unit, dimension, v) for v in column.values]
            for row, at in enumerate(column.rows):
                if at == ABSENT or numbers[at] == 0:
                    continue
                slices[row].append(numbers[at] << _CELL_BITS)
                value = column.values[at]
                record = seen.get(value)
                if record is None:
                    seen[value] = Seen(ticks[row], ticks[row], 1)
                else:
                    record.first = min(record.first, ticks[row])
                    record.last = max(record.last, ticks[row])
                    record.rows += 1
        return slices

    def _slice_number(self, unit: str, dimension: str, value: str) -> int:
        """Number of a slice, admitting it if there is room; 0 if it is not tracked."""
        key = (unit, dimension, value)
        number = self._slices.get(key)
        if number is not None:
            return number
        admitted = sum(1 for u, d, _ in self._slices if (u, d) == (unit, dimension))
        if admitted >= self._max_values or len(self._slices) >= _SLICES:
            return 0
        self._slices[key] = len(self._slices) + 1
        return self._slices[key]

    def advance(self, until: int) -> list[TickCounts]:
        """Close every open tick before ``until``; their counts in order of time."""
        return [_counts(t, self._open.pop(t)) for t in sorted(t for t in self._open if t < until)]

    def open_counts(self) -> list[TickCounts]:
        """Counts so far of the ticks still open."""
        return [_counts(t, self._open[t]) for t in sorted(self._open)]

    def last_open_tick(self) -> int | None:
        """Latest open tick that holds counts."""
        return max(self._open, default=None)

    def first_open_tick(self) -> int | None:
        """Earliest open tick that holds counts."""
        return min(self._open, default=None)

    def names(self) -> dict[int, SeriesKey]:
        """Key of every series number that can occur."""
        slices = {0: (None, ALL)} | {
            n: (unit, slice_text(**{dimension: value}))
            for (unit, dimension, value), n in self._slices.items()
        }
        out: dict[int, SeriesKey] = {}
        for score, number in self._scores.items():
            unit = self._specs[score].unit
            for slice_number, (of, text) in slices.items():
                if of in (None, unit):
                    out[(number << _SLICE_BITS) | slice_number] = SeriesKey(unit, score, text)
        return out

    def redundant(self, tick: int) -> frozenset[int]:
        """Series numbers that only repeat the whole: slices of a dimension with one value up to ``tick``.

        It is the rows of ticks up to this one that decide, not what has been read: the same log cut into
        other batches, or with its marks elsewhere, gives the same.
        """
        alone = []
        for (unit, dimension), values in self._seen.items():
            had = [value for value, seen in values.items() if seen.first <= tick]
            if len(had) == 1:
                alone.append(self._slices[unit, dimension, had[0]])
        return frozenset((s << _SLICE_BITS) | n for s in self._scores.values() for n in alone)

    def levels(self, score: str) -> list[str]:
        """Names of a category score's cells, by cell."""
        return list(self._levels.get(score, {}))

    def seen(self, unit: str) -> dict[str, dict[str, Seen]]:
        """Per dimension of a unit: its values and when they were seen."""
        return {d: dict(values) for (u, d), values in self._seen.items() if u == unit}

    def state(self) -> dict[str, Any]:
        """Plain form of everything, for a snapshot."""
        return {
            "scores": list(self._scores),
            "slices": [list(k) for k in self._slices],
            "levels": {k: list(v) for k, v in self._levels.items()},
            "seen": [
                [unit, dimension, [[v, s.first, s.last, s.rows] for v, s in values.items()]]
                for (unit, dimension), values in self._seen.items()
            ],
            "open": [[tick, sorted(bucket.items())] for tick, bucket in sorted(self._open.items())],
            "late_rows": self.late_rows,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Inverse of `state`."""
        self._scores = {name: i for i, name in enumerate(state["scores"])}
        self._slices = {(u, d, v): i + 1 for i, (u, d, v) in enumerate(state["slices"])}
        self._levels = {k: {name: i for i, name in enumerate(v)} for k, v in state["levels"].items()}
        self._seen = {
            (unit, dimension): {v: Seen(first, last, rows) for v, first, last, rows in values}
            for unit, dimension, values in state["seen"]
        }
        self._open = {tick: dict(map(tuple, items)) for tick, items in state["open"]}
        self.late_rows = state["late_rows"]


def _counts(tick: int, bucket: Mapping[int, int]) -> TickCounts:
    keys = sorted(bucket)
    return TickCounts(
        tick, [k >> _CELL_BITS for k in keys], [k & _CELLS for k in keys], [bucket[k] for k in keys]
    )
