"""Everything that is watched in one service: series learn, are watched, cross, and explain themselves.

Pure: what comes out follows from the observations and the ticks at which they close, in log order. Nothing
here reads a clock.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from detectors.closed_ticks import SharedRow
from detectors.drift import grant, report
from detectors.drift.accept import Scene, accept, onset_tick, start_anew
from detectors.drift.adopt import adopt
from detectors.drift.adwin_tickets import AdwinTickets, ticket
from detectors.drift.children import children
from detectors.drift.controls import Waiting
from detectors.drift.expected import Announced, informed
from detectors.drift.fold import Fold, SeriesKey, TickCounts
from detectors.drift.learning import Learner
from detectors.drift.level import NO_LEVEL, level
from detectors.drift.origin import ADOPTED
from detectors.drift.people import People
from detectors.drift.proposal import accept_level
from detectors.drift.recovery import Recovery
from detectors.drift.reference import Reference
from detectors.drift.review import as_slow, review
from detectors.drift.series_rows import CellRow, SeriesState
from detectors.drift.shared_counts import shared_counts
from detectors.drift.snapshot import Arrays
from detectors.drift.states import state_of, watched_columns
from detectors.drift.ticks import DAY_S
from detectors.drift.trail import Rows, Trail
from detectors.drift.watch_config import WatchConfig
from detectors.drift.watched import Crossing, OpenFinding, Watched
from detectors.drift.watching import WatchList
from detectors.finding import ALL, Finding
from detectors.observation import Control, Observation, ServiceKey, series_id
from detectors.scorers.protocol import ScoreSpec

HISTORY_S = 30 * 86_400
"""How far back an onset is looked for."""


@dataclass(slots=True)
class Closed:
    """What came of closing ticks."""

    cells: list[CellRow] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    shared: list[SharedRow] = field(default_factory=list)


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

    ``on_tick`` is called with every tick that has closed, before what crossed in it is stated.
    """

    def __init__(self, key: ServiceKey, config: WatchConfig, next_tick: int) -> None:
        self.key = key
        self._config = config
        self.next_tick = next_tick
        self._fold = Fold(config.specs, config.tick_s, config.max_values)
        self._trail = Trail()
        self._learner = Learner(config.learn, config.tick_s)
        self._watch = WatchList(config.tick_s)
        self._waiting = Waiting(key)
        self._people = People(config.specs, config.tick_s, next_tick)
        self._superseded: list[Finding] = []
        self._announced = Announced()
        self._names: Mapping[int, SeriesKey] = {}
        self._last_tick = next_tick
        self._adwin = AdwinTickets()
        self.on_tick: Callable[[int, WatchList], None] | None = None

    def observe(self, observation: Observation, log_offset: int) -> list[CellRow]:
        """Fold one observation; cells of its late rows, which no detector sees."""
        late = self._fold.add(observation, self.next_tick)
        self._people.add(observation, self.next_tick)
        self._renew()
        return [row for counts in late for row in self._cells(counts, log_offset + 1)]

    def _renew(self) -> None:
        """Let series of scores that changed their generation start anew."""
        for score in self._fold.take_renewed():
            numbers = [n for n, key in self._fold.names().items() if key.score == score]
            self._superseded += [
                replace(w.open.finding, notes=(*w.open.finding.notes, "over: the scorer has changed"))
                for w in self._watch.drop(numbers)
                if w.open is not None and w.open.finding is not None
            ]
            self._learner.forget(numbers)
            self._trail.drop(np.array(numbers, dtype=np.int64), self.next_tick)

    def control(self, message: Control) -> None:
        """Take a control record, which is obeyed at its tick."""
        self._waiting.add(message)

    def _obey(self, tick: int) -> list[Finding]:
        """Obey what is due before ``tick`` closes; an action that is not known is left to a later version."""
        findings: list[Finding] = []
        for record in self._waiting.due(tick):
            if record.action == "accept":
                findings += accept(record, self._scene(tick))
            elif record.action == "adopt":
                adopt(record, self._scene(tick), self._fold, self._learner, self._renew)
                self._names = self._fold.names()
            elif record.action == "expect":
                self._announced.add(record)
            elif record.action == "accept_level":
                accept_level(record, self._watch)
            elif record.action == grant.BUDGET:
                self._spend(grant.Grant.of(record.body))
        return findings

    def _spend(self, granted: grant.Grant | None) -> None:
        if granted is not None:
            self._config = self._config.granted(granted)
            self._watch.spend(self._config)

    def _scene(self, tick: int) -> Scene:
        return Scene(self._watch, self._trail, self._config, tick)

    def _review(self, tick: int, log_offset: int) -> list[Finding]:
        """Look at the baselines, before the first tick of a day with anything in it closes."""
        day_ticks = DAY_S // self._config.tick_s
        if tick // day_ticks == self._last_tick // day_ticks:
            return []
        findings = []
        for slow in review(self._scene(tick)):
            stated, recovery = self._explain(slow.watched, slow.crossing, tick - 1, log_offset)
            findings += self._state_finding(slow.watched, slow.crossing, as_slow(stated), recovery)
        return findings

    def advance(self, until: int | None, log_offset: int) -> Closed:
        """Close the ticks before ``until``, or all that hold counts when there is no more to come."""
        if until is None:
            last = self._fold.last_open_tick()
            until = self.next_tick if last is None else last + 1
        closed = Closed()
        if until <= self.next_tick:
            return closed
        ended = self._time(self.next_tick)
        closed.findings.extend(replace(f, ended_at=ended) for f in self._superseded)
        self._superseded = []
        for counts in self._fold.advance(until):
            self._names = self._fold.names()
            self._people.close(counts.tick)
            self._learn(counts.tick)
            closed.findings.extend(self._obey(counts.tick))
            closed.findings.extend(self._review(counts.tick, log_offset))
            closed.cells.extend(self._cells(counts, 0))
            closed.shared.extend(shared_counts(self.key, counts, self._names, self._config.specs))
            closed.findings.extend(self._feed(counts, log_offset))
        self.next_tick = until
        self._learn(until)
        closed.findings.extend(self._obey(until))
        return closed

    def _cells(self, counts: TickCounts, part: int) -> list[CellRow]:
        names, redundant = self._fold.names(), self._fold.redundant(counts.tick)
        rows: list[CellRow] = []
        begin = 0
        while begin < len(counts.series):
            number = counts.series[begin]
            end = bisect_right(counts.series, number, begin)
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
            value = spec.grid.value
            total = sum([value(cell) * n for cell, n in zip(cells, counts, strict=True)])
        else:
            levels = self._fold.levels(key.score)
            categories = [levels[c] for c in cells]
        whole = key.slice == ALL  # distributions are kept for the whole, sums for slices
        return CellRow(
            key,
            self._fold.generation(key.score),
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
        cells, numbers = np.array(counts.cells, dtype=np.int64), np.array(counts.counts)
        if redundant:
            keep = ~np.isin(series, np.array(sorted(redundant), dtype=np.int64))
            series, cells, numbers = series[keep], cells[keep], numbers[keep]
        self._trail.append(tick, series, cells, numbers)
        self._learner.seen(tick, {int(n) for n in np.unique(series)} - set(self._watch.series))
        crossed, ended = self._watch.update(tick, series, cells, numbers)
        if self.on_tick is not None:
            self.on_tick(tick, self._watch)
        findings = self._close(ended, tick)
        for watched, crossing in crossed:
            stated, recovery = self._explain(watched, crossing, tick, log_offset)
            stated = replace(stated, children=children(self._watch, watched, tick))
            findings += self._state_finding(watched, crossing, stated, recovery)
        if self._config.adwin_tickets:
            for watched, crossing in self._adwin.update(tick, self._watch, series, cells, numbers):
                stated, _ = self._explain(watched, crossing, tick, log_offset)
                findings.append(ticket(stated))
        if tick % (86_400 // self._config.tick_s) == 0:
            self._trail.drop_before(tick - HISTORY_S // self._config.tick_s)
        return findings

    def _state_finding(
        self, watched: Watched, crossing: Crossing, stated: Finding, recovery: Recovery
    ) -> list[Finding]:
        """Open a finding, unless its roll-up said it, or take the change for the level if it was expected."""
        tick, tick_s = self._last_tick + 1, self._config.tick_s
        boundary = self._announced.covering(stated, tick_s)
        if boundary is not None:
            start_anew(watched, boundary.origin(onset_tick(stated, self._config)), self._scene(tick))
            return [informed(stated, tick, tick_s)]
        said = None if self._said_by_rollup(watched, stated) else stated
        self._watch.open(watched, OpenFinding(said, crossing.channel, recovery))
        return [] if said is None else [said]

    def _explain(
        self, watched: Watched, crossing: Crossing, tick: int, log_offset: int
    ) -> tuple[Finding, Recovery]:
        return report.finding(
            self.key,
            self._spec(watched.key.score),
            watched,
            crossing,
            tick,
            log_offset,
            self._config,
            report.History(self._trail, self._fold, self._watch, self._names, self._people),
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
            watched.open, watched.calm_since = None, tick + 1
        return findings

    def references(self, unit: str, score: str, slice_: str) -> list[Reference]:
        """What a series is compared with, channel by channel; nothing while it is not watched."""
        watched = self._watch.find(SeriesKey(unit, score, slice_))
        if watched is None:
            return []
        generation = self._fold.generation(score)
        return self._watch.references(watched, series_id(self.key, unit, score, generation, slice_))

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
            **watched_columns(self._watch, watched, spec, base, self.next_tick - 1),
        )

    def _time(self, tick: int) -> datetime:
        return datetime.fromtimestamp(max(tick, 0) * self._config.tick_s, UTC)

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays for a snapshot."""
        watch_facts, arrays = self._watch.state()
        adwin_facts, adwin_arrays = self._adwin.state()
        facts = {
            "next_tick": self.next_tick,
            "last_tick": self._last_tick,
            "fold": self._fold.state(),
            "learner": self._learner.state(),
            "watch": watch_facts,
            "waiting": self._waiting.state(),
            "budget": self._config.budget_state(),
            "people": self._people.state(),
            "superseded": [f.to_json() for f in self._superseded],
            "announced": self._announced.state(),
            "adwin": adwin_facts,
        }
        return facts, arrays | adwin_arrays | {"trail": self._trail.rows()}

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
        watcher._waiting.restore(facts.get("waiting", ()))
        watcher._config = config.with_budget(facts.get("budget"))
        watcher._watch.spend(watcher._config)
        watcher._people.restore(facts.get("people", ()))
        watcher._superseded = [Finding.from_dict(json.loads(f)) for f in facts.get("superseded", ())]
        watcher._announced.restore(facts.get("announced", ()))
        watcher._adwin = AdwinTickets.restore(facts.get("adwin", {}), arrays)
        return watcher
