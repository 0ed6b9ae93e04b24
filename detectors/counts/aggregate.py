"""Counts of every series per tick, folded from observations.

A *series* here is (unit, score, slice) within one service. Every row of an observation counts once in the
empty slice and once in each single-dimension slice whose value is tracked; sums are of whole numbers, so
they do not depend on how rows were grouped into messages. A tick that has closed takes no more counts:
rows that come later are *late*, counted apart and never fed to a detector.

Values of two generations of a scorer are not comparable. A score counts in the newest generation seen: with
the first row of a newer one, what its open ticks hold of the older is dropped, and rows of the older that
come after it (workers are not replaced all at once) are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detectors.counts.weight import Weight
from detectors.finding import ALL
from detectors.observation import ABSENT, OTHER, Observation, slice_pairs, slice_text
from detectors.scorers.judgement import bounded
from detectors.scorers.protocol import ScoreSpec

UNSLICED = frozenset({"request_parameters"})
"""Dimensions whose new values are suspects, and by whose values no traffic is divided."""

MOST_LEVELS = 256
"""Names of a category that are counted by themselves in a service, in order of first appearance; the rest is
`OTHER`."""

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
    """Counts of one tick: parallel lists sorted by series and cell. ``series`` are numbers of a `Fold`.

    ``beyond`` is how many of the counts detection leaves out (see `weight`). ``parts`` are the series, each
    with where its cells begin and end.
    """

    tick: int
    series: list[int]
    cells: list[int]
    counts: list[int]
    beyond: list[int]
    parts: list[tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Counted:
    """A series as it is counted now."""

    key: SeriesKey
    generation: int
    spec: ScoreSpec


@dataclass(slots=True)
class Seen:
    """First and last tick at which a value of a dimension was seen, and rows so far."""

    first: int
    last: int
    rows: int


@dataclass(frozen=True, slots=True)
class _Alone:
    """Series that only repeat the whole in the ticks from ``since`` up to ``until``, not included."""

    since: int
    until: int
    series: frozenset[int]


_EVER = 1 << 62
_NOWHERE = _Alone(0, 0, frozenset())


class Aggregate:
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
        self._generations: dict[str, int] = {}
        self._renewed: list[str] = []
        self._seen: dict[tuple[str, str], dict[str, Seen]] = {}
        self._open: dict[int, dict[int, int]] = {}
        self._names: dict[int, SeriesKey] = {}
        self._named = (0, 0)
        self._counted: dict[int, Counted] = {}
        self._alone = _NOWHERE
        self._beyond: dict[int, dict[int, int]] = {}
        self._weight = Weight()
        self._latest: dict[int, int] = {}
        self.late_rows = 0

    def add(self, observation: Observation, next_tick: int) -> list[TickCounts]:
        """Fold one observation; return the counts of its late rows (ticks before ``next_tick``)."""
        o = observation
        self._alone = _NOWHERE
        ticks = [m // self._minutes for m in o.minutes]
        slices = self._slices_of_rows(o, ticks)
        columns = self._columns(o)
        late: dict[int, dict[int, int]] = {}
        beyond = self._weight.beyond(o, next_tick * self._minutes)
        for row, tick in enumerate(ticks):
            left_out = self._beyond.setdefault(tick, {}) if beyond[row] else None
            if tick < next_tick:
                self.late_rows += 1
                bucket = late.setdefault(tick, {})
            else:
                bucket = self._open.setdefault(tick, {})
                self._latest[tick] = max(self._latest.get(tick, 0), o.minutes[row])
            for cells, codes, score in columns:
                cell = cells[row]
                if cell == ABSENT:
                    continue
                low = score | (cell if codes is None else codes[cell])
                for high in slices[row]:
                    key = high | low
                    bucket[key] = bucket.get(key, 0) + 1
                    if left_out is not None:
                        left_out[key] = left_out.get(key, 0) + 1
        return [_counts(tick, late[tick], {}) for tick in sorted(late)]

    def _columns(self, o: Observation) -> list[tuple[tuple[int, ...], list[int] | None, int]]:
        """Per known score: its cells by row, the cell behind each name (categories), its number in place."""
        columns = []
        for said, column in o.scores.items():
            name = bounded(said, self._scores)
            spec = self._specs.get(name)
            if spec is None or spec.unit != o.unit:
                continue
            if not self.renew(name, o.generations.get(said, spec.generation)):
                continue
            rows, codes = column.rows, None
            if spec.grid is not None and max(rows, default=0) >= spec.grid.cells:
                rows = tuple(
                    cell if cell < spec.grid.cells else ABSENT for cell in rows
                )  # of no grid of ours
            if spec.kind == "category":
                codes = [self.level_number(name, v) for v in column.values]
            number = self._scores.setdefault(name, len(self._scores))
            columns.append((rows, codes, number << (_CELL_BITS + _SLICE_BITS)))
        return columns

    def _slices_of_rows(self, o: Observation, ticks: list[int]) -> list[list[int]]:
        """Per row the numbers (in place) of the slices it counts in; slice 0 is the empty one."""
        slices: list[list[int]] = [[0] for _ in ticks]
        for dimension, column in o.dimensions.items():
            seen = self._seen.setdefault((o.unit, dimension), {})
            if dimension in UNSLICED:
                known = len(seen)
                numbers = [-1 if v in seen or known < self._max_values else 0 for v in column.values]
            else:
                numbers = [self._slice_number(o.unit, dimension, v) for v in column.values]
            for row, at in enumerate(column.rows):
                if at == ABSENT or numbers[at] == 0:
                    continue
                if numbers[at] > 0:
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

    def renew(self, score: str, generation: int) -> bool:
        """Count a score in a generation from now on; whether it is not an older one than is counted."""
        known = self._generations.setdefault(score, generation)
        if generation <= known:
            return generation == known
        self._generations[score] = generation
        self._counted.clear()
        self._levels.pop(score, None)
        self._renewed.append(score)
        number = self._scores.get(score)
        for tick, bucket in self._open.items():
            self._open[tick] = {k: n for k, n in bucket.items() if k >> _CELL_BITS + _SLICE_BITS != number}
        return True

    def take_renewed(self) -> list[str]:
        """Scores that are counted in a newer generation since the last call."""
        renewed, self._renewed = self._renewed, []
        return renewed

    def generation(self, score: str) -> int:
        """The generation a score is counted in."""
        return self._generations.get(score, self._specs[score].generation)

    def admit(self, key: SeriesKey) -> int | None:
        """Number of a series no row of which has come; None where the score or the slice is not tracked."""
        spec = self._specs.get(key.score)
        if spec is None or spec.unit != key.unit:
            return None
        self._alone = _NOWHERE
        slice_ = 0
        if key.slice != ALL:
            ((dimension, value),) = slice_pairs(key.slice).items()
            slice_ = self._slice_number(key.unit, dimension, value)
            if not slice_:
                return None
        return self._scores.setdefault(key.score, len(self._scores)) << _SLICE_BITS | slice_

    def level_number(self, score: str, name: str) -> int:
        """Cell of a category's name, given one if it has none; that of `OTHER` if there is no room."""
        levels = self._levels.setdefault(score, {})
        if name not in levels and len(levels) >= MOST_LEVELS:
            name = OTHER
        return levels.setdefault(name, len(levels))

    def advance(self, until: int) -> list[TickCounts]:
        """Close every open tick before ``until``; their counts in order of time."""
        self._latest = {t: minute for t, minute in self._latest.items() if t >= until}
        self._weight.close(until * self._minutes)
        closed = sorted(t for t in self._open if t < until)
        return [_counts(t, self._open.pop(t), self._beyond.pop(t, {})) for t in closed]

    def open_counts(self, last: int | None = None) -> list[TickCounts]:
        """Counts so far of the ticks still open, up to tick ``last``."""
        ticks = sorted(t for t in self._open if last is None or t <= last)
        return [_counts(t, self._open[t], self._beyond.get(t, {})) for t in ticks]

    def last_open_tick(self) -> int | None:
        """Latest open tick that holds counts."""
        return max(self._open, default=None)

    def latest_minute(self, tick: int) -> int:
        """Latest minute of an open tick that holds rows; its last one where that is not known."""
        return self._latest.get(tick, (tick + 1) * self._minutes - 1)

    def first_open_tick(self) -> int | None:
        """Earliest open tick that holds counts."""
        return min(self._open, default=None)

    def names(self) -> Mapping[int, SeriesKey]:
        """Key of every series number that can occur; not to be changed."""
        now = (len(self._scores), len(self._slices))  # both only grow
        if now != self._named:
            self._names, self._named = self._name_all(), now
        return self._names

    def counted(self, number: int) -> Counted:
        """What stands behind a series number of `names`."""
        known = self._counted.get(number)
        if known is None:
            key = self.names()[number]
            known = Counted(key, self.generation(key.score), self._specs[key.score])
            self._counted[number] = known
        return known

    def _name_all(self) -> dict[int, SeriesKey]:
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
        if not self._alone.since <= tick < self._alone.until:
            self._alone = self._alone_at(tick)
        return self._alone.series

    def _alone_at(self, tick: int) -> _Alone:
        """What holds from the last time until the next time that a value is first seen."""
        alone, since, until = [], 0, _EVER
        for (unit, dimension), values in self._seen.items():
            had = []
            for value, seen in values.items():
                if seen.first <= tick:
                    had.append(value)
                    since = max(since, seen.first)
                else:
                    until = min(until, seen.first)
            if len(had) == 1 and dimension not in UNSLICED:
                alone.append(self._slices[unit, dimension, had[0]])
        numbers = ((s << _SLICE_BITS) | n for s in self._scores.values() for n in alone)
        return _Alone(since, until, frozenset(numbers))

    def category_names(self, score: str) -> list[str]:
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
            "generations": dict(self._generations),
            "seen": [
                [unit, dimension, [[v, s.first, s.last, s.rows] for v, s in values.items()]]
                for (unit, dimension), values in self._seen.items()
            ],
            "open": [[tick, sorted(bucket.items())] for tick, bucket in sorted(self._open.items())],
            "latest": sorted(self._latest.items()),
            "beyond": [[tick, sorted(bucket.items())] for tick, bucket in sorted(self._beyond.items())],
            "weight": self._weight.state(),
            "late_rows": self.late_rows,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Inverse of `state`."""
        self._scores = {name: i for i, name in enumerate(state["scores"])}
        self._slices = {(u, d, v): i + 1 for i, (u, d, v) in enumerate(state["slices"])}
        self._levels = {k: {name: i for i, name in enumerate(v)} for k, v in state["levels"].items()}
        self._generations = dict(state.get("generations", {}))  # the first snapshots of version 2 had none
        self._seen = {
            (unit, dimension): {v: Seen(first, last, rows) for v, first, last, rows in values}
            for unit, dimension, values in state["seen"]
        }
        self._open = {tick: dict(map(tuple, items)) for tick, items in state["open"]}
        self._latest = dict(map(tuple, state.get("latest", ())))
        self._beyond = {tick: dict(map(tuple, items)) for tick, items in state.get("beyond", ())}
        self._weight.restore(state.get("weight", ((), ())))
        self.late_rows = state["late_rows"]
        self._named, self._alone = (0, 0), _NOWHERE
        self._counted.clear()


def _counts(tick: int, bucket: Mapping[int, int], beyond: Mapping[int, int]) -> TickCounts:
    keys = sorted(bucket)
    series = [k >> _CELL_BITS for k in keys]
    return TickCounts(
        tick,
        series,
        [k & _CELLS for k in keys],
        [bucket[k] for k in keys],
        [beyond.get(k, 0) for k in keys],
        _parts(series),
    )


def _parts(series: list[int]) -> list[tuple[int, int, int]]:
    """Each number of a sorted list, with where it begins and ends."""
    parts = []
    begin, number = 0, series[0] if series else 0
    for at, now in enumerate(series):
        if now != number:
            parts.append((number, begin, at))
            begin, number = at, now
    if series:
        parts.append((number, begin, len(series)))
    return parts
