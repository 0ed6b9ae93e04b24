"""What a service's watcher tells of its series: counted cells, states, and what they are compared with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from detectors.baselines.learning import Learner
from detectors.baselines.states import state_of, watched_columns
from detectors.change.level import NO_LEVEL, level
from detectors.counts.aggregate import Aggregate, Counted, SeriesKey, TickCounts
from detectors.counts.history import CellHistory, Rows
from detectors.counts.series_rows import CellRow, SeriesState
from detectors.declared_limits import declared
from detectors.fast.fast_watch import FastWatch
from detectors.finding import ALL, Finding
from detectors.observation import ServiceKey, series_id
from detectors.scorers.protocol import ScoreSpec
from detectors.series.baseline_origin import ADOPTED
from detectors.series.baseline_reference import Reference
from detectors.series.series_banks import WatchList
from detectors.watch_config import WatchConfig

HISTORY_S = 30 * 86_400
"""How far back an onset is looked for."""


class ServiceSeries:
    """The series of one service, as others see them; the watcher that extends it keeps them."""

    key: ServiceKey
    next_tick: int
    _config: WatchConfig
    _fold: Aggregate
    _trail: CellHistory
    _learner: Learner
    _watch: WatchList
    _fast: FastWatch
    _last_tick: int

    @property
    def config(self) -> WatchConfig:
        """What it is watched with, its budget included."""
        return self._config

    @property
    def counts(self) -> Aggregate:
        """Open ticks and the names of series."""
        return self._fold

    def open_findings(self) -> list[Finding]:
        """What was stated of its series and has not ended."""
        opened = [w.open for _, w in sorted(self._watch.series.items())]
        opened += [one for _, one in sorted(self._fast.open.items())]
        found = (one.finding for one in opened if one is not None and one.finding is not None)
        return list({finding.finding_id: finding for finding in found}.values())

    def _cells(self, counts: TickCounts, part: int) -> list[CellRow]:
        redundant, start_s = self._fold.redundant(counts.tick), counts.tick * self._config.tick_s
        return [
            self._cell_row(
                self._fold.counted(number), start_s, part, counts.cells[begin:end], counts.counts[begin:end]
            )
            for number, begin, end in counts.parts
            if number not in redundant
        ]

    def _cell_row(
        self, counted: Counted, start_s: int, part: int, cells: list[int], counts: list[int]
    ) -> CellRow:
        key, grid = counted.key, counted.spec.grid
        whole = key.slice == ALL  # distributions are kept for the whole, sums for slices
        total: float = 0.0
        categories: list[str] = []
        if grid is not None:
            value = grid.value
            total = sum([value(cell) * n for cell, n in zip(cells, counts, strict=True)])
        elif whole:
            levels = self._fold.category_names(key.score)
            categories = [levels[c] for c in cells]
        return CellRow(
            key,
            counted.generation,
            start_s,
            part,
            sum(counts),
            total,
            cells if whole and grid is not None else [],
            counts if whole else [],
            categories,
        )

    def references(self, unit: str, score: str, slice_: str) -> list[Reference]:
        """What a series is compared with, channel by channel; nothing while it is not watched."""
        watched = self._watch.find(SeriesKey(unit, score, slice_))
        if watched is None:
            return []
        generation = self._fold.generation(score)
        return self._watch.references(watched, series_id(self.key, unit, score, generation, slice_))

    @property
    def begun(self) -> bool:
        """Whether a tick with something in it has closed, so that there are series to speak of."""
        return self._learner.began

    def series_states(self) -> list[SeriesState]:
        """State of every series that is watched or learning."""
        redundant = self._fold.redundant(self._last_tick)
        day = 86_400 // self._config.tick_s
        recent = self._trail.by_series(self._last_tick - day + 1, self._last_tick)
        none, last = self._trail.between(0, -1), self._trail.last_ticks()
        return [
            self._state(number, key, recent.get(number, none), last.get(number))
            for number, key in sorted(self._fold.names().items())
            if number not in redundant and (number in self._watch.series or self._learner.knows(number))
        ]

    def _spec(self, score: str) -> ScoreSpec:
        """What is known of a score, in the generation that is counted."""
        return replace(self._config.specs[score], generation=self._fold.generation(score))

    def _state(self, number: int, key: SeriesKey, recent: Rows, last: int | None) -> SeriesState:
        spec = self._spec(key.score)
        watched = self._watch.series.get(number)
        start = self._learner.start_of(number)
        if last is None:  # older than the history
            last = self._last_tick - HISTORY_S // self._config.tick_s
        if watched is not None:
            elsewhere = watched.origin.kind == ADOPTED  # its first tick holds what was learned there
            recent = recent[recent[:, 0] >= watched.start + elsewhere]
        now = level(spec, recent[:, 2], recent[:, 3])
        base = level(spec, *watched.histogram()) if watched else NO_LEVEL
        at = self._time
        return SeriesState(
            unit=key.unit,
            score=key.score,
            generation=spec.generation,
            slice=key.slice,
            series_id=series_id(self.key, key.unit, key.score, spec.generation, key.slice),
            kind=spec.kind,
            state=state_of(watched, (self.next_tick - 1 - last) * self._config.tick_s),
            first_seen=at(watched.start if watched else start),
            last_seen=at(last),
            watching_since=at(watched.since) if watched else None,
            ready_at=None if watched else at(start + self._config.learn),
            baseline_version=watched.version if watched else None,
            baseline_value=base.value,
            baseline_low=base.low,
            baseline_high=base.high,
            current_value=now.value,
            current_low=now.low,
            current_high=now.high,
            n_baseline=base.n,
            n_current=now.n,
            **watched_columns(
                self._watch,
                watched,
                spec,
                base,
                self.next_tick - 1,
                declared(self._config.limits, self.key.service, key.score),
            ),
        )

    def _time(self, tick: int, minute: int | None = None) -> datetime:
        """Start of a tick, or of a minute in it."""
        at_s = max(tick, 0) * self._config.tick_s if minute is None else minute * 60
        return datetime.fromtimestamp(at_s, UTC)
