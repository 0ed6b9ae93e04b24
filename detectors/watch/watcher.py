"""Everything that is watched in one service: series learn, are watched, cross, and explain themselves.

Pure: what comes out follows from observations and the ticks at which they close, in log order, and no clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from detectors.baselines.accept import Scene, accept, onset_tick, start_anew
from detectors.baselines.adopt import profile_in
from detectors.baselines.adoption import Adoptions
from detectors.baselines.expected import Announced, Boundary, informed
from detectors.baselines.learning import Learner
from detectors.baselines.proposal import accept_level
from detectors.baselines.review import as_slow, review
from detectors.budgets import service_budget
from detectors.change.recovery import MINUTE_S, Recovery
from detectors.counts.aggregate import Aggregate, SeriesKey, TickCounts
from detectors.counts.closed_tick import Closed
from detectors.counts.history import CellHistory
from detectors.counts.pending_controls import Waiting, text_of
from detectors.counts.series_rows import CellRow
from detectors.counts.shared_counts import shared_counts
from detectors.counts.user_cap import UserCap
from detectors.counts.weighted_tick import weighed
from detectors.engine.snapshot import Arrays, part
from detectors.engine.ticks import DAY_S, Ints, time_of
from detectors.fast.fast_report import fast_finding
from detectors.fast.fast_unit import Rise
from detectors.fast.fast_watch import FastWatch
from detectors.fast.fast_watch import Key as FastKey
from detectors.fast.value_report import value_finding
from detectors.finding import ALL, Finding, same_change
from detectors.observation import Control, Observation, ServiceKey
from detectors.rule_watch.changed_settings import REPLACE, ChangedSettings
from detectors.rule_watch.service_rules import RuleWatch
from detectors.series import report
from detectors.series.adwin_tickets import AdwinTickets, ticket
from detectors.series.child_slices import children
from detectors.series.series_banks import WatchList
from detectors.series.trust_penalty import DOUBT, penalise
from detectors.series.watched_series import Crossing, OpenFinding, Watched, closed
from detectors.traffic.burst_watch import BurstWatch
from detectors.traffic.traffic import Traffic
from detectors.watch.already_reported import already_reported as first_said
from detectors.watch.provisional_findings import OpenTick, name_of
from detectors.watch.service_series import HISTORY_S, ServiceSeries
from detectors.watch_config import WatchConfig


class ServiceWatcher(ServiceSeries):
    """State of one service in one lineage.

    Parameters
    ----------
    key
        The service.
    config
        The same for all services.
    next_tick
        Rows before this tick are late from the start.
    counts
        Open ticks of a service that was counted before it is watched.

    ``on_tick`` is called with every tick that has closed, before what crossed in it is stated.
    """

    def __init__(
        self, key: ServiceKey, config: WatchConfig, next_tick: int, counts: Aggregate | None = None
    ) -> None:
        self.key = key
        self._config = config
        self.next_tick = next_tick
        self._fold = (
            counts if counts is not None else Aggregate(config.specs, config.tick_s, config.max_values)
        )
        self._trail = CellHistory()
        self._learner = Learner(config.learn, config.tick_s)
        self._watch = WatchList(config.tick_s)
        self._waiting = Waiting(key)
        self._people = UserCap(config.specs, config.tick_s, next_tick)
        self._superseded: list[Finding] = []
        self._announced = Announced()
        self._fast = FastWatch(key.service, config)
        self._open_tick = OpenTick()
        self.traffic = Traffic(key, config)
        self._bursts = BurstWatch(key, config)
        self._rules = RuleWatch(key, config)
        self._changed = ChangedSettings(config.config_hash)
        self.adoptions = Adoptions()
        self._rising = False
        self._names: Mapping[int, SeriesKey] = {}
        self._last_tick = next_tick
        self._adwin = AdwinTickets()
        self.on_tick: Callable[[int, WatchList], None] | None = None

    def observe(self, observation: Observation, log_offset: int) -> list[CellRow]:
        """Fold one observation; cells of its late rows, which no detector sees."""
        late = self._fold.add(observation, self.next_tick)
        self._people.add(observation, self.next_tick)
        self._rising |= self._fast.observe(observation, self.next_tick)
        self.traffic.observe(observation)
        self._rules.observe(observation)
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
            self._superseded += [
                replace(f, notes=(*f.notes, "over: the scorer has changed")) for f in self._fast.renew(score)
            ]
            self._bursts.forget(numbers)
            self._learner.forget(numbers)
            self._trail.drop(np.array(numbers, dtype=np.int64), self.next_tick)
            self._fast.price(self._watch)

    def peek(self, log_offset: int) -> list[Finding]:
        """Provisional findings of open ticks, as far as they have been observed; to be asked in log order."""
        findings: list[Finding] = []
        rising, self._rising = self._rising, False
        for key, rise in self._fast.peek() if rising else ():
            tick = rise.minute * 60 // self._config.tick_s
            name = name_of("fast", *key)
            if not self._open_tick.knows(name):
                stated, _ = self._explain_rise(key, rise, log_offset, self._ahead(tick))
                findings += self._provisional(name, tick, stated)
        return findings + self._peek_drift(log_offset)

    def pass_time(self, minute: int, log_offset: int, others: Iterable[ServiceWatcher] = ()) -> list[Finding]:
        """Findings about traffic itself, once all before ``minute`` (Unix time // 60 s) was observed.

        ``others`` watch the other services of the lineage.
        """
        found = self.traffic.advance(minute, log_offset, [o.traffic for o in others])
        return found + self._rules.absence.pass_time(minute)

    def _peek_drift(self, log_offset: int) -> list[Finding]:
        """The oldest open tick, where one more tick may decide."""
        if not self._watch.near():
            return []
        tick = self._fold.first_open_tick()
        if tick is None:
            return []
        (counts,) = self._fold.open_counts(tick)
        findings: list[Finding] = []
        for watched, crossing in self._watch.peek(tick, *self._fed(counts)):
            name = name_of("drift", watched.key.unit, watched.key.score, watched.key.slice)
            if not self._open_tick.knows(name):
                stated, _ = self._explain(watched, crossing, tick, log_offset, self._ahead(tick))
                stated = replace(stated, made_at=self._time(tick, self._fold.latest_minute(tick) + 1))
                findings += self._provisional(name, tick, stated)
        return findings

    def _provisional(self, name: str, tick: int, stated: Finding) -> list[Finding]:
        said = first_said(stated, self._fast, self._watch)
        if said is not None or any(same_change(stated, f) for f in self._open_tick):
            self._open_tick.mute(name, tick)
            return []
        return [self._open_tick.say(name, tick, stated)]

    def control(self, message: Control) -> None:
        """Take a control record, which is obeyed at its tick."""
        self._waiting.add(message)

    def _apply_control(self, tick: int) -> list[Finding]:
        """Obey what is due before ``tick`` closes; an action that is not known is left to a later version."""
        findings: list[Finding] = []
        for record in self._waiting.due(tick):
            findings += self._rules.apply(record, tick, self._fold)
            if record.action == "accept":
                risen = self._fast.withdraw(text_of(record.body, "finding_id"))
                over = accept(record, self._scene(tick), risen)
                for said in over if risen is None else ():
                    self._fast.settle(said)
                findings += over
                self._fast.price(self._watch)
            elif record.action == "adopt":
                self.traffic.adopt(profile_in(record.body.get("baselines")))
                self.adoptions.add(record)
            elif record.action == "expect":
                self._announced.add(record)
            elif record.action == "accept_level":
                accept_level(record, self._watch)
            elif record.action == DOUBT:
                penalise(record, self._watch, self._config)
            elif record.action == service_budget.BUDGET:
                self._share_out(service_budget.ServiceBudget.of(record.body))
            elif record.action == REPLACE:
                self._config = self._changed.take(record.body, self._config)
                findings += self._rules.replace(self._config, tick)
                self._share_out()
                self._fast.price(self._watch)
        return findings

    def adopt_next(self) -> None:
        """Take in the next of the series that are being adopted, from the next tick on."""
        self.adoptions.step(self._scene(self.next_tick), self._fold, self._learner, self._renew)
        self._names = self._fold.names()
        self._fast.price(self._watch)
        self._bursts.learn(self._watch, self._trail)

    def _share_out(self, granted: service_budget.ServiceBudget | None = None) -> None:
        """Let every threshold follow the budget, which is what is ``granted``, if anything is."""
        self._config = self._config if granted is None else self._config.granted(granted)
        self._watch.set_budget(self._config)
        self._fast.set_budget(self._config)
        self.traffic.set_budget(self._config)
        self._bursts.set_budget(self._config)

    def _scene(self, tick: int) -> Scene:
        return Scene(self._watch, self._trail, self._config, tick)

    def _review(self, tick: int, log_offset: int) -> list[Finding]:
        """Look at the baselines, before the first tick of a day with anything in it closes."""
        day_ticks = DAY_S // self._config.tick_s
        if tick // day_ticks == self._last_tick // day_ticks:
            return []
        findings = []
        for slow in review(self._scene(tick)):
            stated, recovery = self._explain(
                slow.watched, slow.crossing, tick - 1, log_offset, self._history()
            )
            findings += self._state_finding(slow.watched, slow.crossing, as_slow(stated), recovery)
        self._fast.price(self._watch)  # of the baselines as they are now
        return findings

    def advance(self, until: int | None, log_offset: int, closed: Closed | None = None) -> Closed:
        """Close the ticks before ``until``, or all that hold counts when there is no more to come.

        What comes of it is added to ``closed`` tick by tick: if one raises, what came before stands there.
        """
        if until is None:
            last = self._fold.last_open_tick()
            until = self.next_tick if last is None else last + 1
        closed = closed if closed is not None else Closed()
        if until <= self.next_tick:
            return closed
        ended = self._time(self.next_tick)
        closed.findings.extend(replace(f, ended_at=ended) for f in self._superseded)
        self._superseded = []
        closed.uncounted.extend(self._fold.advance(until))
        while closed.uncounted:
            counts = closed.uncounted[0]
            self._names = self._fold.names()
            self._people.close(counts.tick)
            self._learn(counts.tick)
            closed.findings.extend(self._apply_control(counts.tick))
            closed.findings.extend(self._review(counts.tick, log_offset))
            closed.cells.extend(self._cells(counts, 0))
            closed.uncounted.popleft()
            closed.findings.extend(self._rules.close(counts, self._fold))
            closed.shared.extend(shared_counts(self.key, counts, self._names, self._config))
            closed.findings.extend(self._feed(counts, log_offset))
        self.next_tick = until
        self._learn(until)
        closed.findings.extend(self._apply_control(until))
        return closed

    def _learn(self, tick: int) -> None:
        """Fit what has learned long enough before ``tick``."""
        for start, numbers in self._learner.due(tick):
            series = {n: self._names[n] for n in numbers}
            fitted, poor = self._watch.fit(
                series, self._trail, start, start + self._config.learn, self._config, self._fold
            )
            self._learner.settle(start, fitted, poor)
            self._fast.price(self._watch)
            self._bursts.learn(self._watch, self._trail)

    def _fed(self, counts: TickCounts) -> tuple[Ints, Ints, Ints]:
        return weighed(counts, self._fold.redundant(counts.tick))

    def _feed(self, counts: TickCounts, log_offset: int) -> list[Finding]:
        """Give one closed tick to history and detectors; findings of what crossed."""
        tick = counts.tick
        self._last_tick = max(self._last_tick, tick)
        fed = series, cells, numbers = self._fed(counts)
        self._trail.append(tick, series, cells, numbers)
        self._learner.seen(tick, {int(n) for n in np.unique(series)} - set(self._watch.series))
        history = self._history()
        findings = self._close_fast(tick, log_offset, history)
        anew = [n for n, w in self._watch.series.items() if w.since > tick]  # the tick is in their level
        judged = fed
        if anew:
            rest = ~np.isin(series, np.array(anew, dtype=np.int64))
            judged = series[rest], cells[rest], numbers[rest]
        crossed, ended = self._watch.update(tick, *judged)
        if self.on_tick is not None:
            self.on_tick(tick, self._watch)
        findings += closed(ended, tick, self._config.tick_s)
        for watched, crossing in crossed:
            stated, recovery = self._explain(watched, crossing, tick, log_offset, history)
            stated = replace(stated, children=children(self._watch, watched, tick))
            findings += self._state_finding(watched, crossing, stated, recovery)
        if self._config.adwin_tickets:
            for watched, crossing in self._adwin.update(tick, self._watch, series, cells, numbers):
                stated, _ = self._explain(watched, crossing, tick, log_offset, history)
                findings.append(ticket(stated))
        findings += self._bursts.close(tick, fed, self._watch, self._fast.open, self._time)
        findings += self._open_tick.withdraw(tick, self._time(tick + 1))
        if tick % (86_400 // self._config.tick_s) == 0:
            self._trail.drop_before(tick - HISTORY_S // self._config.tick_s)
        return list({f.finding_id: f for f in findings}.values())  # the last word of a tick

    def _close_fast(self, tick: int, log_offset: int, history: report.History) -> list[Finding]:
        """Close one tick on the fast path: what ended and what rose."""
        over = self._fast.recovered(tick)
        risen = self._fast.close(tick, self._watch)
        ended = ((self._fast.end(key), time_of(minute + 1, MINUTE_S)) for key, minute in over.items())
        findings = [replace(f, ended_at=at) for f, at in ended if f is not None]
        for key, rise in risen:
            stated, recovery = self._explain_rise(key, rise, log_offset, history)
            said = first_said(stated, self._fast, self._watch)
            boundary = self._announced.covering(stated, self._config.tick_s)
            if boundary is not None:
                findings.append(self._expected(key, boundary, stated, tick + 1))
                continue
            if said is None:
                stated = self._open_tick.confirm(name_of("fast", *key), stated)
                findings.append(stated)
            self._fast.say(key, OpenFinding(None if said else stated, 0, recovery))
        return findings

    def _state_finding(
        self, watched: Watched, crossing: Crossing, stated: Finding, recovery: Recovery
    ) -> list[Finding]:
        """Open a finding, unless another said it, or take the change for the level if it was expected."""
        tick, tick_s = self._last_tick + 1, self._config.tick_s
        name = name_of("drift", watched.key.unit, watched.key.score, watched.key.slice)
        boundary = self._announced.covering(stated, tick_s)
        if boundary is not None:
            start_anew(watched, boundary.origin(onset_tick(stated, self._config)), self._scene(tick))
            self._fast.price(self._watch)
            return [informed(self._open_tick.confirm(name, stated), tick, tick_s)]
        said = first_said(stated, self._fast, self._watch)
        stated = stated if said is not None else self._open_tick.confirm(name, stated)
        self._watch.open(watched, OpenFinding(None if said else stated, crossing.channel, recovery))
        if said is None:
            return [stated]
        told_first = said.alert_kind == "fast" and watched.key.slice == ALL
        return [self._fast.retell((stated.unit, stated.score), stated)] if told_first else []

    def _expected(self, key: FastKey, boundary: Boundary, stated: Finding, tick: int) -> Finding:
        """A rise that was announced: its level is the new one."""
        watched = self._watch.find(SeriesKey(*key, ALL))
        if watched is not None:
            start_anew(watched, boundary.origin(onset_tick(stated, self._config)), self._scene(tick))
        self._fast.accept(key, stated)
        self._fast.price(self._watch)
        return informed(self._open_tick.confirm(name_of("fast", *key), stated), tick, self._config.tick_s)

    def _explain_rise(
        self, key: FastKey, rise: Rise, log_offset: int, history: report.History
    ) -> tuple[Finding, Recovery]:
        spec, limit = self._spec(key[1]), self._fast.ceilings.get(key)
        if limit is None:  # a number
            return value_finding(self.key, spec, rise, log_offset, self._config, history)
        return fast_finding(self.key, spec, rise, limit, log_offset, self._config, history)

    def _history(self) -> report.History:
        return report.History(self._trail, self._fold, self._watch, self._names, self._people)

    def _ahead(self, last: int) -> report.History:
        """History with what open ticks up to ``last`` hold so far."""
        trail = self._trail
        for counts in self._fold.open_counts(last):
            trail = trail.extended(counts.tick, *self._fed(counts))
        return report.History(trail, self._fold, self._watch, self._fold.names(), self._people)

    def _explain(
        self, watched: Watched, crossing: Crossing, tick: int, log_offset: int, history: report.History
    ) -> tuple[Finding, Recovery]:
        spec, noticed = self._spec(watched.key.score), self._fast.noticed(watched.key)
        return report.finding(
            self.key, spec, watched, crossing, tick, log_offset, self._config, history, noticed=noticed
        )

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
            "open_tick": self._open_tick.state(),
            "bursts": self._bursts.state(),
            "rules": self._rules.state(),
        }
        facts |= self.adoptions.state() | self._changed.state()
        facts["fast"], fast = self._fast.state()
        arrays |= {f"fast.{name}": array for name, array in fast.items()}
        facts["traffic"], traffic = self.traffic.state()
        arrays |= {f"traffic.{name}": array for name, array in traffic.items()}
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
        if "fast" in facts:  # a state from before it had none
            watcher._fast.restore(facts["fast"], part(arrays, "fast."))
            watcher._open_tick.restore(facts["open_tick"])
        if "bursts" in facts:
            watcher._bursts.restore(facts["bursts"])
        else:
            watcher._bursts.learn(watcher._watch, watcher._trail)
        if "traffic" in facts:
            watcher.traffic.restore(facts["traffic"], part(arrays, "traffic."))
        watcher.adoptions.restore(facts)
        watcher._config = watcher._changed.restore(facts, config.with_budget(facts.get("budget")))
        watcher._rules.replace(watcher._config, 0)
        watcher._rules.restore(facts.get("rules", ()))
        watcher._people.restore(facts.get("people", ()))
        watcher._superseded = [Finding.from_dict(json.loads(f)) for f in facts.get("superseded", ())]
        watcher._announced.restore(facts.get("announced", ()))
        watcher._adwin = AdwinTickets.restore(facts.get("adwin", {}), arrays)
        watcher._share_out()
        watcher._fast.price(watcher._watch)
        return watcher
