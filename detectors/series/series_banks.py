"""The series of one service that are watched: their channels, banks and open findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.counts.aggregate import Aggregate, SeriesKey
from detectors.counts.channel_plan import Channel, plan
from detectors.counts.history import CellHistory, Rows
from detectors.engine.baseline import FLAG, VALUE, Baseline
from detectors.engine.crossings import Crossings
from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.pooling import moderated
from detectors.engine.shiryaev_roberts import Bank, FlagBank, ValueBank
from detectors.engine.snapshot import Arrays, part
from detectors.engine.ticks import DAY_S, Floats, Ints
from detectors.finding import ALL
from detectors.scorers.protocol import ScoreSpec
from detectors.series.adopted_baselines import Learned, placed_rows
from detectors.series.baseline_origin import Origin
from detectors.series.baseline_reference import Reference, as_text
from detectors.series.budget_shares import BudgetShares
from detectors.series.channel_layout import SideBySide
from detectors.series.watched_series import (
    Crossing,
    OpenFinding,
    Watched,
    life_of,
    packed,
    relive,
    unpacked,
)
from detectors.watch_config import WatchConfig

MIN_ROWS = 100
"""Rows a baseline needs."""
LEAST_A_WEEK, WEEK_S = 20, 7 * DAY_S
"""A slice with fewer rows lives in its roll-up."""
DOMINANT = 0.98
"""A slice with more of the traffic than this only repeats the whole."""


@dataclass(slots=True)
class _Fit:
    """Dense counts of one channel over the learning window."""

    series: int
    channel: Channel
    n: Any
    s: Any


@dataclass(slots=True)
class WatchList:
    """Watched series of one service and the banks that hold their statistics."""

    tick_s: int
    series: dict[int, Watched] = field(default_factory=dict)
    shares: BudgetShares = field(default_factory=BudgetShares)
    flags: FlagBank = field(init=False)
    values: ValueBank = field(init=False)
    _flat: SideBySide | None = None
    _near: frozenset[int] | None = None

    def __post_init__(self) -> None:
        self.flags, self.values = FlagBank(self.tick_s), ValueBank(self.tick_s)

    def fit(
        self,
        series: Mapping[int, SeriesKey],
        trail: CellHistory,
        start: int,
        end: int,
        config: WatchConfig,
        fold: Aggregate,
    ) -> tuple[list[int], list[int]]:
        """Learn baselines from ticks ``start`` to ``end`` (not included) and begin to watch.

        Returns the numbers of series that are done with learning (watched, or never worth watching) and of
        those whose data were too poor.
        """
        rows = trail.by_series(start, end - 1)
        whole = {
            (k.unit, k.score): int(rows[n][:, 3].sum())
            for n, k in series.items()
            if k.slice == ALL and n in rows
        }
        done: list[int] = []
        poor: list[int] = []
        fits: list[_Fit] = []
        for number, key in sorted(series.items()):
            mine = rows.get(number)
            spec = config.specs[key.score]
            if key.slice != ALL and not _worth_slicing(spec, key):
                done.append(number)
            elif mine is None or mine[:, 3].sum() < _least_rows(key, (end - start) * self.tick_s):
                poor.append(number)
            elif key.slice != ALL and mine[:, 3].sum() > DOMINANT * whole.get((key.unit, key.score), 0):
                done.append(number)
            else:
                done.append(number)
                fits.extend(_Fit(number, c, *dense(c, mine, start, end)) for c in _plan(spec, mine, fold))
        fitted = self._watch(fits, series, rows, start, end, config)
        unfit = {f.series for f in fits} - fitted
        self._flat = self._near = None
        return [n for n in done if n not in unfit], poor + sorted(unfit)

    def _watch(
        self,
        fits: Sequence[_Fit],
        series: Mapping[int, SeriesKey],
        rows: Mapping[int, Rows],
        start: int,
        end: int,
        config: WatchConfig,
    ) -> set[int]:
        """Fit channels, append those that can be watched to the banks, and list their series."""
        fitted: list[tuple[str, list[_Fit], Baseline]] = []
        for form, fit in ((FLAG, fit_flags), (VALUE, fit_values)):
            chosen = [f for f in fits if f.channel.form == form]
            if chosen:
                n, s = (np.stack(side, axis=1) for side in ([f.n for f in chosen], [f.s for f in chosen]))
                baseline = fit(n, s, start, self.tick_s)
                good = np.flatnonzero(baseline.fit)
                kept = [chosen[i] for i in good]
                scores = [(series[f.series].unit, series[f.series].score) for f in kept]
                fitted.append((form, kept, moderated(baseline.take(good), scores)))
        sizes = Counter(f.series for _, channels, _ in fitted for f in channels)
        self.shares.deal({n: series[n] for n in sizes}, config)
        w = {n: self.shares.w(n, channels, config) for n, channels in sizes.items()}
        placed: dict[int, list[tuple[Channel, int, str]]] = {}
        for form, channels, baseline in fitted:
            if channels:
                bank = self.bank(form)
                places = bank.append(baseline, np.array([w[f.series] for f in channels]), tick=end - 1)
                for i, (f, place) in enumerate(zip(channels, places, strict=True)):
                    version = baseline.take([i]).version
                    placed.setdefault(f.series, []).append((f.channel, int(place), version))
        for number in sorted(placed):
            cells, counts = histogram(rows[number])
            self.series[number] = Watched(
                number,
                series[number],
                tuple(channel for channel, _, _ in placed[number]),
                tuple(place for _, place, _ in placed[number]),
                start,
                end,
                placed[number][0][2],
                cells,
                counts,
                origin=Origin(tick=start),
            )
        return set(placed)

    def adopt(self, learned: Mapping[int, Learned], origin: Origin, tick: int, config: WatchConfig) -> None:
        """Watch series by baselines that were learned elsewhere, from ``tick`` on."""
        keys = {number: one.key for number, one in learned.items()}
        sizes = {number: len(one.channels) for number, one in learned.items()}
        self.shares.deal(keys, config)
        w = {number: self.shares.w(number, channels, config) for number, channels in sizes.items()}
        rows = placed_rows(self.bank, learned, w, tick)
        for number, one in sorted(learned.items()):
            self.series[number] = Watched(
                number,
                one.key,
                one.channels,
                tuple(rows[number, i] for i in range(len(one.channels))),
                tick - 1,
                tick,
                one.version,
                one.cells,
                one.counts,
                origin=origin,
            )
        self._flat = self._near = None

    def drop(self, numbers: Iterable[int]) -> list[Watched]:
        """Watch these series no longer; the ones that were. Their share of the budget stays unspent."""
        found = [self.series.pop(n) for n in numbers if n in self.series]
        self._flat = self._near = None
        return found

    def update(
        self, tick: int, series: Ints, cells: Ints, counts: Ints
    ) -> tuple[list[tuple[Watched, Crossing]], list[Watched]]:
        """Close one tick for the watched series among ``series``.

        Returns the ones that crossed, in order, and the ones whose open change ended (still open: the caller
        closes them).
        """
        self._near = None
        if not self.series:
            return [], []
        flat = self.side_by_side()
        n, s = flat.sums(series, cells, counts)
        watched = (n > 0) & ~self._closed_channels(flat)
        crossed = self._crossed(
            flat, watched, lambda bank, at: bank.update(tick, n[at], s[at], flat.rows[at])
        )
        return crossed, self._ended(flat, n, s)

    def peek(self, tick: int, series: Ints, cells: Ints, counts: Ints) -> list[tuple[Watched, Crossing]]:
        """Series that would cross with what an open tick holds so far; changes nothing."""
        flat = self.side_by_side()
        n, s = flat.sums(series, cells, counts)
        near = np.isin(flat.series, np.array(sorted(self.near()), dtype=np.int64))
        watched = (n > 0) & near & ~self._closed_channels(flat)
        return self._crossed(flat, watched, lambda bank, at: bank.peek(tick, n[at], s[at], flat.rows[at]))

    def near(self) -> frozenset[int]:
        """Numbers of the series that the next tick may bring to a crossing."""
        if self._near is None:
            rows = {FLAG: set(map(int, self.flags.near())), VALUE: set(map(int, self.values.near()))}
            self._near = frozenset(
                number
                for number, w in self.series.items()
                if w.open is None
                and any(row in rows[c.form] for c, row in zip(w.channels, w.rows, strict=True))
            )
        return self._near

    def _crossed(
        self, flat: SideBySide, watched: Any, step: Callable[[Bank, Ints], Crossings]
    ) -> list[tuple[Watched, Crossing]]:
        """Series that crossed when ``step`` was done with their channels, each by its clearest channel."""
        crossed: dict[int, Crossing] = {}
        for form, bank in ((FLAG, self.flags), (VALUE, self.values)):
            mine = np.flatnonzero((flat.forms == form) & watched)
            if not len(mine):
                continue
            order = mine[np.argsort(flat.rows[mine], kind="stable")]
            crossings = step(bank, order)
            by_row = {int(r): int(c) for r, c in zip(flat.rows[order], order, strict=True)}
            for i, row in enumerate(crossings.rows):
                channel = by_row[int(row)]
                number = int(flat.series[channel])
                c = Crossing(
                    int(flat.places[channel]),
                    float(crossings.log_evidence[i]),
                    float(crossings.threshold[i]),
                    int(crossings.direction[i]),
                )
                have = crossed.get(number)
                if have is None or c.evidence - c.threshold > have.evidence - have.threshold:
                    crossed[number] = c
        return [(self.series[n], crossed[n]) for n in sorted(crossed)]

    def side_by_side(self) -> SideBySide:
        """Channels of all watched series (there must be one)."""
        if self._flat is None:
            self._flat = SideBySide.of(self.series)
        return self._flat

    def _closed_channels(self, flat: SideBySide) -> Any:
        still_open = [n for n, w in self.series.items() if w.open is not None]
        if not still_open:
            return np.zeros(len(flat.series), dtype=bool)
        return np.isin(flat.series, np.array(still_open, dtype=np.int64))

    def open(self, watched: Watched, opened: OpenFinding) -> None:
        """A finding was made: forget the evidence, and stay quiet until it ends."""
        watched.open = opened
        for channel, row in zip(watched.channels, watched.rows, strict=True):
            self.bank(channel.form).reset([row])

    def _ended(self, flat: SideBySide, n: Any, s: Any) -> list[Watched]:
        """Series whose open change ended with this tick."""
        ended = []
        for number, watched in sorted(self.series.items()):
            if watched.open is not None:
                at = int(flat.starts[flat.index[number]]) + watched.open.channel
                if watched.open.recovery.update(float(n[at]), float(s[at])):
                    ended.append(watched)
        return ended

    def bank(self, form: str) -> FlagBank | ValueBank:
        """Where channels of a form have their rows."""
        return self.flags if form == FLAG else self.values

    def baseline(self, watched: Watched, channel: int) -> Baseline:
        """Baseline row of one channel."""
        bank = self.bank(watched.channels[channel].form)
        assert bank.baseline is not None  # noqa: S101 - it holds this row
        return bank.baseline.take([watched.rows[channel]])

    def references(self, watched: Watched, series: str) -> list[Reference]:
        """Its baseline channel by channel; ``series`` is its id."""
        key, cells, counts = watched.key, tuple(watched.cells.tolist()), tuple(watched.counts.tolist())
        found = []
        for i, channel in enumerate(watched.channels):
            base = self.baseline(watched, i)
            found.append(
                Reference(
                    *(key.unit, key.score, key.slice, series, watched.version, channel.name),
                    *(base.version, as_text(base), cells, counts),
                )
            )
        return found

    def kappa(self, watched: Watched, channel: int) -> float:
        """Largest divisor of a channel's evidence at usual traffic."""
        bank = self.bank(watched.channels[channel].form)
        return float(bank.kappa[0, :, watched.rows[channel]].max())

    def set_budget(self, config: WatchConfig) -> None:
        """Let thresholds follow the budget and severities in ``config``; the evidence stays."""
        for since in sorted({watched.since for watched in self.series.values()}):  # version 2 kept no shares
            self.shares.deal({n: w.key for n, w in self.series.items() if w.since == since}, config)
        self.shares.follow({n: watched.key for n, watched in self.series.items()}, config)
        for form, bank in ((FLAG, self.flags), (VALUE, self.values)):
            w = bank.w.copy()
            for number, watched in self.series.items():
                mine = [r for c, r in zip(watched.channels, watched.rows, strict=True) if c.form == form]
                w[mine] = self.shares.w(number, len(watched.channels), config)
            moved = np.flatnonzero(w != bank.w)
            if len(moved):
                bank.rebudget(moved, w[moved])

    def find(self, key: SeriesKey) -> Watched | None:
        """The watched series with this key."""
        return next((w for w in self.series.values() if w.key == key), None)

    def evidence(self, watched: Watched, tick: int) -> tuple[float, float]:
        """Evidence and threshold of the channel that is nearest to its threshold."""
        pairs = []
        for channel, row in zip(watched.channels, watched.rows, strict=True):
            bank = self.bank(channel.form)
            gap = bank.w[row] * max(tick - int(bank.last_tick[row]), 0)
            evidence = float(np.log(max(bank.s[:, row].sum() + gap, 1e-300)) + bank.threshold[row])
            pairs.append((evidence, float(bank.threshold[row])))
        return max(pairs, key=lambda p: p[0] - p[1])

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays for a snapshot."""
        facts = [
            [
                w.number,
                [[c.name, c.form] for c in w.channels],
                list(w.rows),
                w.start,
                w.since,
                w.version,
                packed(w.open),
            ]
            for _, w in sorted(self.series.items())
        ]
        arrays: Arrays = {f"flags.{k}": v for k, v in self.flags.snapshot().items()}
        arrays |= {f"values.{k}": v for k, v in self.values.snapshot().items()}
        for number, w in self.series.items():
            arrays[f"series.{number}.cells"], arrays[f"series.{number}.counts"] = w.cells, w.counts
            for i, c in enumerate(w.channels):
                arrays[f"series.{number}.table.{i}"] = c.table
        lives = [life_of(w) for _, w in sorted(self.series.items())]
        return {"series": facts, "lives": lives, "shares": self.shares.state()}, arrays

    @classmethod
    def restore(
        cls, tick_s: int, facts: Mapping[str, Any], arrays: Arrays, names: Mapping[int, SeriesKey]
    ) -> WatchList:
        """Inverse of `state`."""
        watch = cls(tick_s)
        watch.shares = BudgetShares.restore(facts.get("shares", []))
        watch.flags = FlagBank.restore(part(arrays, "flags."))
        watch.values = ValueBank.restore(part(arrays, "values."))
        for number, channels, rows, start, since, version, opened in facts["series"]:
            watch.series[number] = Watched(
                number,
                names[number],
                tuple(
                    Channel(name, form, arrays[f"series.{number}.table.{i}"])
                    for i, (name, form) in enumerate(channels)
                ),
                tuple(rows),
                start,
                since,
                version,
                arrays[f"series.{number}.cells"],
                arrays[f"series.{number}.counts"],
                unpacked(opened),
            )
        for number, *life in facts.get("lives", ()):
            relive(watch.series[number], *life)
        return watch


def _least_rows(key: SeriesKey, window_s: int) -> float:
    return MIN_ROWS if key.slice == ALL else max(MIN_ROWS, LEAST_A_WEEK * window_s / WEEK_S)


def _worth_slicing(spec: ScoreSpec, key: SeriesKey) -> bool:
    """Categories have many channels: they are watched over the whole and by release only."""
    return spec.kind != "category" or key.slice.startswith("release=")


def _plan(spec: ScoreSpec, rows: Rows, fold: Aggregate) -> tuple[Channel, ...]:
    histogram = np.bincount(rows[:, 2], weights=rows[:, 3]).astype(np.int64)
    return plan(spec, histogram, len(fold.category_names(spec.name)))


def dense(channel: Channel, rows: Rows, start: int, end: int) -> tuple[Floats, Floats]:
    """(n, s) of a channel in each tick from ``start`` to ``end`` (not included), from rows of one series."""
    at = rows[:, 0] - start
    weight = rows[:, 3].astype(float)
    value = channel.table[np.minimum(rows[:, 2], len(channel.table) - 1)]
    size = end - start
    n: Floats = np.bincount(at, weights=weight, minlength=size).astype(float)
    s: Floats = np.bincount(at, weights=weight * value, minlength=size).astype(float)
    return n, s


def histogram(rows: Rows) -> tuple[Ints, Ints]:
    """Cells of rows of one series and how often each was counted."""
    cells, at = np.unique(rows[:, 2], return_inverse=True)
    return cells.astype(np.int64), np.bincount(at, weights=rows[:, 3]).astype(np.int64)
