"""Everything that is watched in one service: series learn, are watched, cross, and explain themselves.

Pure: what comes out follows from the observations and the ticks at which they close, in log order. Nothing
here reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from detectors.drift import report
from detectors.drift.fold import Fold, SeriesKey, TickCounts
from detectors.drift.learning import Learner
from detectors.drift.level import NO_LEVEL, level
from detectors.drift.recovery import Recovery
from detectors.drift.series_rows import CellRow, SeriesState
from detectors.drift.snapshot import Arrays
from detectors.drift.trail import Rows, Trail
from detectors.drift.watch_config import WatchConfig
from detectors.drift.watched import Crossing, OpenFinding, Watched
from detectors.drift.watching import WatchList
from detectors.finding import ALL, Finding
from detectors.observation import Control, Observation, ServiceKey, series_id

HISTORY_S = 30 * 86_400
"""How far back an onset is looked for."""


@dataclass(slots=True)
class Closed:
    """What came of closing ticks."""

    cells: list[CellRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


class ServiceWatcher:
    """State of one service in one lineage.

    Parameters
    ----------
    key
        The service.
    config
        The same for all services.
    next_tick
        Rows before this tick are late from the start.
    """

    def __init__(self, key: ServiceKey, config: WatchConfig, next_tick: int) -> None:
        self.key = key
        self._config = config
        self.next_tick = next_tick
        self._fold = Fold(config.specs, config.tick_s, config.max_values)
        self._trail = Trail()
        self._learner = Learner(config.learn, config.tick_s)
        self._watch = WatchList(config.tick_s)
        self._names: dict[int, SeriesKey] = {}
        self._last_tick = next_tick

    def observe(self, observation: Observation, log_offset: int) -> list[CellRow]:
        """Fold one observation; cells of its late rows, which no detector sees."""
        late = self._fold.add(observation, self.next_tick)
        return [row for counts in late for row in self._cells(counts, log_offset + 1)]

    def control(self, message: Control) -> None:
        """Obey a control record; an action that is not known is left for a later version."""

    def advance(self, until: int | None, log_offset: int) -> Closed:
        """Close the ticks before ``until``, or all that hold counts when there is no more to come."""
        if until is None:
            last = self._fold.last_open_tick()
            until = self.next_tick if last is None else last + 1
        closed = Closed()
        if until <= self.next_tick:
            return closed
        for counts in self._fold.advance(until):
            self._names = self._fold.names()
            self._learn(counts.tick)
            closed.cells.extend(self._cells(counts, 0))
            closed.findings.extend(self._feed(counts, log_offset))
        self.next_tick = until
        self._learn(until)
        return closed

    def _cells(self, counts: TickCounts, part: int) -> list[CellRow]:
        names, redundant = self._fold.names(), self._fold.redundant(counts.tick)
        rows: list[CellRow] = []
        begin = 0
        for end in range(1, len(counts.series) + 1):
            if end < len(counts.series) and counts.series[end] == counts.series[begin]:
                continue
            number = counts.series[begin]
            if number not in redundant:
                rows.append(
                    self._cell_row(
                        names[number], counts.tick, part, counts.cells[begin:end], counts.counts[begin:end]
                    )
                )
            begin = end
        return rows

    def _cell_row(self, key: SeriesKey, tick: int, part: int, cells: list[int], counts: list[int]) -> CellRow:
        spec = self._config.specs[key.score]
        total, categories = 0.0, []
        if spec.grid is not None:
            total = sum(spec.grid.value(cell) * n for cell, n in zip(cells, counts, strict=True))
        else:
            levels = self._fold.levels(key.score)
            categories = [levels[c] for c in cells]
        whole = key.slice == ALL  # distributions are kept for the whole, sums for slices
        return CellRow(
            key,
            spec.generation,
            tick * self._config.tick_s,
            part,
            sum(counts),
            total,
            cells if whole and spec.grid is not None else [],
            counts if whole else [],
            categories if whole else [],
        )

    def _learn(self, tick: int) -> None:
        """Fit what has learned long enough before ``tick``."""
        for start, numbers in self._learner.due(tick):
            series = {n: self._names[n] for n in numbers}
            fitted, poor = self._watch.fit(
                series, self._trail, start, start + self._config.learn, self._config, self._fold
            )
            self._learner.settle(start, fitted, poor)

    def _feed(self, counts: TickCounts, log_offset: int) -> list[Finding]:
        """Give one closed tick to history and detectors; findings of what crossed."""
        tick = counts.tick
        self._last_tick = max(self._last_tick, tick)
        redundant = self._fold.redundant(tick)
        series = np.array(counts.series, dtype=np.int64)
        keep = ~np.isin(series, np.array(sorted(redundant), dtype=np.int64))
        cells, numbers = np.array(counts.cells, dtype=np.int64)[keep], np.array(counts.counts)[keep]
        series = series[keep]
        self._trail.append(tick, series, cells, numbers)
        self._learner.seen(tick, {int(n) for n in np.unique(series)} - set(self._watch.series))
        crossed, ended = self._watch.update(tick, series, cells, numbers)
        findings = self._close(ended, tick)
        for watched, crossing in crossed:
            stated, recovery = self._explain(watched, crossing, tick, log_offset)
            said = None if self._said_by_rollup(watched, stated) else stated
            self._watch.open(watched, OpenFinding(said, crossing.channel, recovery))
            if said is not None:
                findings.append(said)
        if tick % (86_400 // self._config.tick_s) == 0:
            self._trail.drop_before(tick - HISTORY_S // self._config.tick_s)
        return findings

    def _explain(
        self, watched: Watched, crossing: Crossing, tick: int, log_offset: int
    ) -> tuple[Finding, Recovery]:
        return report.finding(
            self.key,
            self._config.specs[watched.key.score],
            watched,
            crossing,
            tick,
            log_offset,
            self._config,
            report.History(self._trail, self._fold, self._watch, self._names),
        )

    def _said_by_rollup(self, watched: Watched, stated: Finding) -> bool:
        """Whether the whole of the same score already has an open finding for the same change."""
        if watched.key.slice == ALL:
            return False
        whole = self._watch.find(SeriesKey(watched.key.unit, watched.key.score, ALL))
        said = whole.open.finding if whole is not None and whole.open is not None else None
        if said is None or said.onset_low is None or said.onset_high is None:
            return False
        if stated.onset_low is None or stated.onset_high is None:
            return False
        overlap = stated.onset_low <= said.onset_high and said.onset_low <= stated.onset_high
        return overlap and stated.direction == said.direction

    def _close(self, ended: list[Watched], tick: int) -> list[Finding]:
        """Findings whose change has ended, with the time."""
        findings = []
        for watched in ended:
            if watched.open is not None and watched.open.finding is not None:
                findings.append(replace(watched.open.finding, ended_at=self._time(tick + 1)))
            watched.open = None
        return findings

    def series_states(self) -> list[SeriesState]:
        """State of every series that is watched or learning."""
        redundant = self._fold.redundant(self._last_tick)
        day = 86_400 // self._config.tick_s
        recent = self._trail.by_series(self._last_tick - day + 1, self._last_tick)
        none = self._trail.between(0, -1)
        return [
            self._state(number, key, recent.get(number, none))
            for number, key in sorted(self._fold.names().items())
            if number not in redundant and (number in self._watch.series or self._learner.knows(number))
        ]

    def _state(self, number: int, key: SeriesKey, recent: Rows) -> SeriesState:
        spec = self._config.specs[key.score]
        watched = self._watch.series.get(number)
        start = self._learner.start_of(number)
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
            state="watching" if watched else "learning",
            first_seen=at(watched.start if watched else start),
            last_seen=at(self._last_tick),
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
            **self._watch.outlook(watched, self.next_tick - 1),
        )

    def _time(self, tick: int) -> datetime:
        return datetime.fromtimestamp(max(tick, 0) * self._config.tick_s, UTC)

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays for a snapshot."""
        watch_facts, arrays = self._watch.state()
        facts = {
            "next_tick": self.next_tick,
            "last_tick": self._last_tick,
            "fold": self._fold.state(),
            "learner": self._learner.state(),
            "watch": watch_facts,
        }
        return facts, arrays | {"trail": self._trail.rows()}

    @classmethod
    def restore(
        cls, key: ServiceKey, config: WatchConfig, facts: Mapping[str, Any], arrays: Arrays
    ) -> ServiceWatcher:
        """Inverse of `state`."""
        watcher = cls(key, config, facts["next_tick"])
        watcher._last_tick = facts["last_tick"]
        watcher._fold.restore(facts["fold"])
        watcher._names = watcher._fold.names()
        watcher._learner.restore(facts["learner"])
        watcher._watch = WatchList.restore(config.tick_s, facts["watch"], arrays, watcher._names)
        watcher._trail.restore(arrays["trail"])
        return watcher
