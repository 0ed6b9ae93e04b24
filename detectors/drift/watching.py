"""The series of one service that are watched: their channels, banks and open findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.drift.baseline import FLAG, VALUE, Baseline
from detectors.drift.budget import CLASS_SHARES
from detectors.drift.detectable import smallest_changes
from detectors.drift.dispersion import fit_flags, fit_values
from detectors.drift.fold import Fold, SeriesKey
from detectors.drift.plan import Channel, plan
from detectors.drift.shiryaev_roberts import FlagBank, ValueBank
from detectors.drift.side_by_side import SideBySide
from detectors.drift.snapshot import Arrays
from detectors.drift.ticks import Ints
from detectors.drift.trail import Rows, Trail
from detectors.drift.watch_config import WatchConfig
from detectors.drift.watched import Crossing, OpenFinding, Watched, packed, unpacked
from detectors.finding import ALL
from detectors.scorers.protocol import ScoreSpec

MIN_ROWS = 100
"""Rows a baseline needs; a series with fewer lives in its roll-up."""
DOMINANT = 0.98
"""A slice with more of the traffic than this only repeats the whole."""
LATE_SERIES = 200
"""How many series that begin after the first fit a service's reserve is split over."""


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
    flags: FlagBank = field(init=False)
    values: ValueBank = field(init=False)
    _flat: SideBySide | None = None

    def __post_init__(self) -> None:
        self.flags, self.values = FlagBank(self.tick_s), ValueBank(self.tick_s)

    def fit(
        self,
        series: Mapping[int, SeriesKey],
        trail: Trail,
        start: int,
        end: int,
        config: WatchConfig,
        fold: Fold,
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
            elif mine is None or mine[:, 3].sum() < MIN_ROWS:
                poor.append(number)
            elif key.slice != ALL and mine[:, 3].sum() > DOMINANT * whole.get((key.unit, key.score), 0):
                done.append(number)
            else:
                done.append(number)
                fits.extend(_dense(number, c, mine, start, end) for c in _plan(spec, mine, fold))
        fitted = self._watch(fits, series, rows, start, end, config)
        unfit = {f.series for f in fits} - fitted
        self._flat = None
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
                fitted.append((form, [chosen[i] for i in good], baseline.take(good)))
        kept = Counter(f.series for _, channels, _ in fitted for f in channels)
        w = _shares({n: series[n] for n in kept}, kept, config, late=bool(self.series))
        placed: dict[int, list[tuple[Channel, int, str]]] = {}
        for form, channels, baseline in fitted:
            if channels:
                bank = self.flags if form == FLAG else self.values
                places = bank.append(baseline, np.array([w[f.series] for f in channels]), tick=end - 1)
                for i, (f, place) in enumerate(zip(channels, places, strict=True)):
                    version = baseline.take([i]).version
                    placed.setdefault(f.series, []).append((f.channel, int(place), version))
        for number in sorted(placed):
            cells, at = np.unique(rows[number][:, 2], return_inverse=True)
            self.series[number] = Watched(
                number,
                series[number],
                tuple(channel for channel, _, _ in placed[number]),
                tuple(place for _, place, _ in placed[number]),
                start,
                end,
                placed[number][0][2],
                cells.astype(np.int64),
                np.bincount(at, weights=rows[number][:, 3]).astype(np.int64),
            )
        return set(placed)

    def update(
        self, tick: int, series: Ints, cells: Ints, counts: Ints
    ) -> tuple[list[tuple[Watched, Crossing]], list[Watched]]:
        """Close one tick for the watched series among ``series``.

        Returns the ones that crossed, in order, and the ones whose open change ended (still open: the caller
        closes them).
        """
        if not self.series:
            return [], []
        if self._flat is None:
            self._flat = SideBySide.of(self.series)
        flat = self._flat
        n, s = flat.sums(series, cells, counts)
        crossed: dict[int, Crossing] = {}
        for form, bank in ((FLAG, self.flags), (VALUE, self.values)):
            mine = np.flatnonzero((flat.forms == form) & (n > 0) & ~self._closed_channels(flat))
            if not len(mine):
                continue
            order = mine[np.argsort(flat.rows[mine], kind="stable")]
            crossings = bank.update(tick, n[order], s[order], flat.rows[order])
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
        return [(self.series[n], crossed[n]) for n in sorted(crossed)], self._ended(flat, n, s)

    def _closed_channels(self, flat: SideBySide) -> Any:
        still_open = [n for n, w in self.series.items() if w.open is not None]
        return np.isin(flat.series, np.array(still_open, dtype=np.int64))

    def open(self, watched: Watched, opened: OpenFinding) -> None:
        """A finding was made: forget the evidence, and stay quiet until it ends."""
        watched.open = opened
        for channel, row in zip(watched.channels, watched.rows, strict=True):
            (self.flags if channel.form == FLAG else self.values).reset([row])

    def _ended(self, flat: SideBySide, n: Any, s: Any) -> list[Watched]:
        """Series whose open change ended with this tick."""
        ended = []
        for number, watched in sorted(self.series.items()):
            if watched.open is not None:
                at = int(flat.starts[flat.index[number]]) + watched.open.channel
                if watched.open.recovery.update(float(n[at]), float(s[at])):
                    ended.append(watched)
        return ended

    def baseline(self, watched: Watched, channel: int) -> Baseline:
        """Baseline row of one channel."""
        bank = self.flags if watched.channels[channel].form == FLAG else self.values
        assert bank.baseline is not None  # noqa: S101 - it holds this row
        return bank.baseline.take([watched.rows[channel]])

    def kappa(self, watched: Watched, channel: int) -> float:
        """Largest divisor of a channel's evidence at usual traffic."""
        bank = self.flags if watched.channels[channel].form == FLAG else self.values
        return float(bank.kappa[:, watched.rows[channel], 0].max())

    def find(self, key: SeriesKey) -> Watched | None:
        """The watched series with this key."""
        return next((w for w in self.series.values() if w.key == key), None)

    def evidence(self, watched: Watched, tick: int) -> tuple[float, float]:
        """Evidence and threshold of the channel that is nearest to its threshold."""
        pairs = []
        for channel, row in zip(watched.channels, watched.rows, strict=True):
            bank = self.flags if channel.form == FLAG else self.values
            gap = bank.w[row] * max(tick - int(bank.last_tick[row]), 0)
            evidence = float(np.log(max(bank.s[:, row].sum() + gap, 1e-300)) + bank.threshold[row])
            pairs.append((evidence, float(bank.threshold[row])))
        return max(pairs, key=lambda p: p[0] - p[1])

    def outlook(self, watched: Watched | None, tick: int) -> dict[str, float | None]:
        """Evidence, threshold, and the smallest change noticed within an hour, a day and a week."""
        names = ("detectable_1h", "detectable_1d", "detectable_7d")
        if watched is None:
            return dict.fromkeys(("evidence", "threshold", *names))
        evidence, threshold = self.evidence(watched, tick)
        bank = self.flags if watched.channels[0].form == FLAG else self.values
        row = watched.rows[0]
        changes = smallest_changes(self.baseline(watched, 0), bank.kappa[:, [row]], bank.threshold[[row]])
        base = self.baseline(watched, 0)
        level = 1 - base.level[0] if base.mirrored[0] else base.level[0]
        out: dict[str, float | None] = {"evidence": round(evidence, 9), "threshold": threshold}
        for name, change in zip(names, changes, strict=True):
            steps = [abs(v - level) for v in (change.rise[0], change.fall[0]) if np.isfinite(v)]
            out[name] = float(min(steps)) if steps else None
        return out

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
        return {"series": facts}, arrays

    @classmethod
    def restore(
        cls, tick_s: int, facts: Mapping[str, Any], arrays: Arrays, names: Mapping[int, SeriesKey]
    ) -> WatchList:
        """Inverse of `state`."""
        watch = cls(tick_s)
        watch.flags = FlagBank.restore(_part(arrays, "flags."))
        watch.values = ValueBank.restore(_part(arrays, "values."))
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
        return watch


def _part(arrays: Arrays, prefix: str) -> Arrays:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _worth_slicing(spec: ScoreSpec, key: SeriesKey) -> bool:
    """Categories have many channels: they are watched over the whole and by release only."""
    return spec.kind != "category" or key.slice.startswith("release=")


def _plan(spec: ScoreSpec, rows: Rows, fold: Fold) -> tuple[Channel, ...]:
    histogram = np.bincount(rows[:, 2], weights=rows[:, 3]).astype(np.int64)
    return plan(spec, histogram, len(fold.levels(spec.name)))


def _dense(number: int, channel: Channel, rows: Rows, start: int, end: int) -> _Fit:
    at = rows[:, 0] - start
    weight = rows[:, 3].astype(float)
    value = channel.table[np.minimum(rows[:, 2], len(channel.table) - 1)]
    size = end - start
    return _Fit(
        number,
        channel,
        np.bincount(at, weights=weight, minlength=size),
        np.bincount(at, weights=weight * value, minlength=size),
    )


def _shares(
    series: Mapping[int, SeriesKey], channels: Mapping[int, int], config: WatchConfig, *, late: bool
) -> dict[int, float]:
    """Expected false alarms per tick that each channel of a series may spend, of its severity's budget.

    Series over the whole of the traffic divide one part of the budget, slices another; what begins later
    draws from the reserve.
    """
    classes = {
        n: ("rollup" if key.slice == ALL else "slice", config.specs[key.score].severity)
        for n, key in series.items()
    }
    sizes = Counter(classes.values())
    out = {}
    for number, (kind, severity) in classes.items():
        service = (config.pages if severity == "page" else config.tickets).per_tick(config.tick_s)
        share = CLASS_SHARES["reserve"] / LATE_SERIES if late else CLASS_SHARES[kind] / sizes[kind, severity]
        out[number] = service * share / channels[number]
    return out
