"""Series over several services: a model or a provider that changes for all who use it is one finding.

A shift that services share shows in their pooled counts long before it shows in each (`fleet_pool`). Every
service brings a baseline of its own; the pooled series has one, too, with the season and dispersion of the
pool, and is watched by the same statistics within the fleet's own share of the budget. When it crosses, the
services' parts decide (`fleet_shift`): a shared shift is stated, with the services hit and spared; a change
of one service alone is that service's to state, and it leaves the pool until it has learned its new level;
what is unclear waits and keeps its evidence.

Pure: what comes out follows from the closed ticks of the services, in whatever order and cuts they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from detectors.baselines.accept import onset_tick
from detectors.baselines.learning import Learner
from detectors.budgets.service_budget import ServiceBudget
from detectors.change.effect import explain, kappa_at
from detectors.closed_ticks import SharedRow
from detectors.counts.aggregate import SeriesKey
from detectors.counts.channel_plan import Channel
from detectors.counts.history import CellHistory, Rows
from detectors.counts.pending_controls import text_of
from detectors.counts.shared_counts import SHARED
from detectors.engine.baseline import FLAG, VALUE, Baseline
from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.relevel import relevel
from detectors.engine.shiryaev_roberts import FlagBank, ValueBank
from detectors.engine.snapshot import Arrays
from detectors.engine.ticks import Ints, time_of
from detectors.finding import Finding, same_change
from detectors.fleet.fleet_pool import Member, Pool, members_of
from detectors.fleet.fleet_report import Crossed, fleet_finding
from detectors.fleet.fleet_series import FleetSeries, nearest_cause, packed_series, unpacked_series
from detectors.fleet.fleet_shift import shift
from detectors.observation import Control, ServiceKey
from detectors.rule_watch.multi_service_rules import RulesTogether
from detectors.series.budget_shares import BudgetShares
from detectors.series.watched_series import OpenFinding
from detectors.watch_config import WatchConfig

HISTORY_DAYS = 30
WATCHED_DAYS = 7
"""How far back counts are kept, and those of services in a watched series."""
LEAST_MEMBERS = 2
FLEET_CLASSES: Mapping[str, float] = MappingProxyType({"slice": 0.9, "reserve": 0.1})
"""How the fleet's own share of the budget is divided."""
MIN_ROWS = 100
"""Rows of a service's baseline; with fewer it is not in the pool."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A series about to be watched: fitted pools with their baselines, learned from ``start`` to ``end``."""

    key: SeriesKey
    fitted: list[tuple[Pool, Baseline]]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Due:
    """What one tick brings to one channel of a series."""

    series: FleetSeries
    channel: int
    n: float
    s: float

    @property
    def form(self) -> str:
        """Of the bank it goes to."""
        return self.series.pools[self.channel].form

    @property
    def row(self) -> int:
        """Its row there."""
        return self.series.rows[self.channel]


@dataclass(slots=True)
class FleetWatcher:
    """State of the services of one tenant, lineage and environment together.

    ``key`` names them (its service is `SEVERAL`); rows of ticks before ``next_tick`` are not taken.
    """

    key: ServiceKey
    config: WatchConfig
    next_tick: int
    _numbers: dict[tuple[str, str, str, str], int] = field(default_factory=dict)
    _names: list[tuple[SeriesKey, str]] = field(default_factory=list)
    _fitted: dict[int, dict[str, Member]] = field(default_factory=dict)
    _series: dict[SeriesKey, FleetSeries] = field(default_factory=dict)
    _open: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    _trail: CellHistory = field(default_factory=CellHistory)
    _learner: Learner = field(init=False)
    _shares: BudgetShares = field(default_factory=lambda: BudgetShares(classes=FLEET_CLASSES))
    _flags: FlagBank = field(init=False)
    _values: ValueBank = field(init=False)
    _rules: RulesTogether = field(init=False)

    def __post_init__(self) -> None:
        self._learner = Learner(self.config.learn, self.config.tick_s)
        self._flags, self._values = FlagBank(self.config.tick_s), ValueBank(self.config.tick_s)
        self._rules = RulesTogether(self.key, self.config)

    def add(self, rows: Iterable[SharedRow]) -> None:
        """Take rows of closed ticks of services."""
        for row in rows:
            if row.tick < self.next_tick or row.score not in self.config.specs:
                continue
            self._rules.add(row)
            if not row.slice.startswith(SHARED) or self.config.specs[row.score].grid is None:
                continue
            name = row.unit, row.score, row.slice, row.service
            number = self._numbers.get(name)
            if number is None:
                number = self._numbers[name] = len(self._names)
                self._names.append((SeriesKey(row.unit, row.score, row.slice), row.service))
            cells = self._open.setdefault(row.tick, [])
            cells.extend((number, cell, count) for cell, count in zip(row.cells, row.counts, strict=True))

    def set_budget(self, grant: ServiceBudget) -> None:
        """Spend from now on what ``grant`` says."""
        self.config = self.config.granted(grant)
        for form, bank in ((FLAG, self._flags), (VALUE, self._values)):
            w = bank.w.copy()
            for series in self._series.values():
                mine = [r for p, r in zip(series.pools, series.rows, strict=True) if p.form == form]
                w[mine] = self._shares.w(series.number, len(series.rows), self.config)
            moved = np.flatnonzero(w != bank.w)
            if len(moved):
                bank.rebudget(moved, w[moved])

    def change(self, config: WatchConfig) -> list[Finding]:
        """Go by the rules of ``config`` from the next tick on; what others stated is over."""
        self.config = replace(self.config, rules=config.rules)
        return self._rules.replace(config.rules, self.next_tick)

    def accept(self, record: Control) -> list[Finding]:
        """Go on at the level since the onset of a finding that a person took for a new one; its end.

        Services keep what they learned: how they differ from each other is not what changed.
        """
        over = self._rules.accept(record, self.next_tick)
        if over:
            return over
        body = record.body
        key = SeriesKey(*(text_of(body, name) for name in ("unit", "score", "slice")))
        series = self._series.get(key)
        said = series.open.finding if series is not None and series.open is not None else None
        if series is None or said is None or said.finding_id != text_of(body, "finding_id"):
            return []
        first, last = onset_tick(said, self.config), self.next_tick - 1
        rows = self._trail.by_series(first, last)
        for channel, (pool, row) in enumerate(zip(series.pools, series.rows, strict=True)):
            n, s = (side[:, np.newaxis] for side in pool.pooled(rows, first, last))
            new = relevel(self._baseline(series, channel), first, n, s)
            self._bank(pool).replace([row], new, tick=last)
        series.open, series.start, series.since = None, first, self.next_tick
        series.version = self._baseline(series, 0).version
        ended = time_of(self.next_tick, self.config.tick_s)
        return [replace(said, ended_at=ended, notes=(*said.notes, "accepted as the new level"))]

    @property
    def watched(self) -> int:
        """Number of series under watch."""
        return len(self._series)

    def open_findings(self) -> list[Finding]:
        """What was stated and has not ended."""
        opened = [s.open for s in self._series.values() if s.open is not None]
        return [o.finding for o in opened if o.finding is not None] + self._rules.open_findings()

    def advance(self, until: int) -> list[Finding]:
        """Close the ticks before ``until``."""
        findings: list[Finding] = []
        for tick in sorted(t for t in {*self._open, *self._rules.ticks()} if t < until):
            findings += self._rules.close(tick)
            if tick in self._open:
                self._learn(tick)
                findings += self._close(tick, self._open.pop(tick))
        if until > self.next_tick:
            self.next_tick = until
            self._learn(until)
        return findings

    def _close(self, tick: int, cells: list[tuple[int, int, int]]) -> list[Finding]:
        rows = np.array(sorted(cells), dtype=np.int64)
        self._trail.append(tick, rows[:, 0], rows[:, 1], rows[:, 2])
        now = _by_series(tick, rows)
        self._learner.seen(tick, now.keys() - self._fitted.keys())
        due: list[_Due] = []
        findings = []
        for series in sorted(self._series.values(), key=nearest_cause):
            sums = [tuple(float(side[0]) for side in p.pooled(now, tick, tick)) for p in series.pools]
            if series.open is not None:
                ended = series.open.recovery.update(*sums[series.open.channel])
                if ended:
                    findings += self._ended(series, tick)
                continue
            due += [_Due(series, channel, n, s) for channel, (n, s) in enumerate(sums) if n > 0]
        crossed = self._update(tick, due)
        crossed.sort(key=lambda c: c.threshold - c.evidence)
        for crossing in crossed:
            findings += self._state(crossing, tick)
        if tick % (86_400 // self.config.tick_s) == 0:
            self._forget(tick)
        return findings

    def _forget(self, tick: int) -> None:
        """Drop what nobody will look at: all services' counts are many, and a watched one has a baseline."""
        day = 86_400 // self.config.tick_s
        self._trail.drop_before(tick - max(HISTORY_DAYS * day, 2 * self.config.learn))
        watched = {n for s in self._series.values() for pool in s.pools for n in pool.members}
        self._trail.drop(np.array(sorted(watched), dtype=np.int64), tick - WATCHED_DAYS * day)

    def _update(self, tick: int, due: Sequence[_Due]) -> list[Crossed]:
        """The clearest crossing of each series with this tick, in the order of ``due``."""
        found: dict[tuple[str, int], tuple[float, float]] = {}
        for form, bank in ((FLAG, self._flags), (VALUE, self._values)):
            mine = [d for d in due if d.form == form]
            if mine:
                rows = np.array([d.row for d in mine], dtype=np.int64)
                c = bank.update(tick, np.array([d.n for d in mine]), np.array([d.s for d in mine]), rows)
                for at, row in enumerate(c.rows.tolist()):
                    found[form, row] = float(c.log_evidence[at]), float(c.threshold[at])
        best: dict[SeriesKey, Crossed] = {}
        for d in due if found else ():
            crossing = found.get((d.form, d.row))
            if crossing is None:
                continue
            evidence, threshold = crossing
            have = best.get(d.series.key)
            if have is None or evidence - threshold > have.evidence - have.threshold:
                best[d.series.key] = Crossed(d.series.key, d.channel, evidence, threshold)
        return list(best.values())

    def _state(self, crossing: Crossed, tick: int) -> list[Finding]:
        """What comes of a crossing: a finding, or nothing yet, or a member less."""
        series = self._series[crossing.key]
        pool, baseline = series.pools[crossing.channel], self._baseline(series, crossing.channel)
        rows = self._trail.by_series(series.start, tick)
        n, s = pool.pooled(rows, series.start, tick)
        told = explain(baseline, series.start, n, s, earliest=max(series.since, series.start + 1))
        since = {m: mine[mine[:, 0] >= told.onset] for m, mine in rows.items()}
        kappa = kappa_at(baseline, tick - told.onset + 1)
        judged = shift(pool, baseline, since, told.onset, tick, kappa)
        if judged.verdict == "own":
            self._leave(series, judged.leader, tick)
            return []
        if judged.verdict == "unclear":
            return []
        services = {m: self._names[m][1] for m in pool.members}
        stated, recovery = fleet_finding(
            self.key, self.config, crossing, pool, baseline, told, judged, services, series.version, tick
        )
        said_already = any(
            other.open is not None
            and other.open.finding is not None
            and same_change(other.open.finding, stated)
            for other in self._series.values()
        )
        series.open = OpenFinding(None if said_already else stated, crossing.channel, recovery)
        self._reset(series)
        return [] if said_already else [stated]

    def _ended(self, series: FleetSeries, tick: int) -> list[Finding]:
        assert series.open is not None  # noqa: S101 - only called then
        said, series.open = series.open.finding, None
        return [] if said is None else [replace(said, ended_at=time_of(tick + 1, self.config.tick_s))]

    def _reset(self, series: FleetSeries) -> None:
        for pool, row in zip(series.pools, series.rows, strict=True):
            self._bank(pool).reset([row])

    def _leave(self, series: FleetSeries, number: int, tick: int) -> None:
        """A service changed by itself: its level is not what it was, so it learns anew."""
        self._fitted.pop(number, None)
        self._learner.again(number, tick + 1)
        series.pools = [
            replace(p, members={n: m for n, m in p.members.items() if n != number}) for p in series.pools
        ]
        self._reset(series)

    def _baseline(self, series: FleetSeries, channel: int) -> Baseline:
        bank = self._bank(series.pools[channel])
        assert bank.baseline is not None  # noqa: S101 - it holds this row
        return bank.baseline.take([series.rows[channel]])

    def _learn(self, tick: int) -> None:
        """Give services that have learned long enough their baselines, and series of two and more theirs."""
        for start, numbers in self._learner.due(tick):
            end = start + self.config.learn
            rows = self._trail.by_series(start, end - 1)
            done, poor = [], []
            for number in numbers:
                mine = rows.get(number)
                if mine is None or mine[:, 3].sum() < MIN_ROWS:
                    poor.append(number)
                else:
                    spec = self.config.specs[self._names[number][0].score]
                    self._fitted[number] = members_of(spec, mine)
                    done.append(number)
            self._learner.settle(start, done, poor)
            begun = [self._join(key, rows, start, end) for key in sorted({self._names[n][0] for n in done})]
            self._watch([b for b in begun if b is not None])

    def _join(self, key: SeriesKey, rows: Mapping[int, Rows], start: int, end: int) -> _Begun | None:
        """Let services into a series that is watched, or fit one that can be."""
        mine = sorted((self._names[n][1], n) for n in self._fitted if self._names[n][0] == key)
        if len(mine) < LEAST_MEMBERS:
            return None
        series = self._series.get(key)
        if series is not None:
            series.pools = [replace(p, members=self._of_channel(p.name, mine)) for p in series.pools]
            return None
        fitted = []
        for name, form in {c: m.channel.form for _, n in mine for c, m in self._fitted[n].items()}.items():
            pool = Pool.of(name, form, self._of_channel(name, mine))
            if len(pool.members) >= LEAST_MEMBERS:
                n, s = (side[:, None] for side in pool.pooled(rows, start, end - 1))
                baseline = (fit_flags if form == FLAG else fit_values)(n, s, start, self.config.tick_s)
                if bool(baseline.fit[0]):
                    fitted.append((pool, baseline))
        return _Begun(key, fitted, start, end) if fitted else None

    def _of_channel(self, name: str, numbered: list[tuple[str, int]]) -> dict[int, Member]:
        return {n: self._fitted[n][name] for _, n in numbered if name in self._fitted[n]}

    def _watch(self, begun: list[_Begun]) -> None:
        """Put series that were fitted to one window under watch; together they divide the budget evenly."""
        numbered = {len(self._series) + i: b for i, b in enumerate(begun)}
        self._shares.deal({n: b.key for n, b in numbered.items()}, self.config)
        places: dict[tuple[int, int], int] = {}
        for form, bank in ((FLAG, self._flags), (VALUE, self._values)):
            mine = [
                ((number, channel), baseline, self._shares.w(number, len(b.fitted), self.config), b.end - 1)
                for number, b in numbered.items()
                for channel, (pool, baseline) in enumerate(b.fitted)
                if pool.form == form
            ]
            if mine:
                at, baselines, w, last = zip(*mine, strict=True)
                rows = bank.append(Baseline.concat(baselines), np.array(w), tick=last[0])
                places |= zip(at, rows.tolist(), strict=True)
        for number, b in numbered.items():
            pools, version = [pool for pool, _ in b.fitted], b.fitted[0][1].version
            rows_of = [places[number, channel] for channel in range(len(pools))]
            self._series[b.key] = FleetSeries(number, b.key, pools, rows_of, b.start, b.end, version)

    def _bank(self, pool: Pool) -> FlagBank | ValueBank:
        return self._flags if pool.form == FLAG else self._values

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays for a snapshot."""
        arrays: Arrays = {"trail": self._trail.rows()}
        arrays |= {f"flags.{k}": v for k, v in self._flags.snapshot().items()}
        arrays |= {f"values.{k}": v for k, v in self._values.snapshot().items()}
        fitted = []
        for number, channels in sorted(self._fitted.items()):
            fitted.append([number, [[name, m.channel.form, m.n, m.s] for name, m in channels.items()]])
            for i, member in enumerate(channels.values()):
                arrays[f"member.{number}.{i}"] = member.channel.table
        facts = {
            "next_tick": self.next_tick,
            "budget": self.config.budget_state(),
            "names": [[k.unit, k.score, k.slice, service] for k, service in self._names],
            "fitted": fitted,
            "open": [[tick, sorted(cells)] for tick, cells in sorted(self._open.items())],
            "learner": self._learner.state(),
            "shares": self._shares.state(),
            "series": [packed_series(s) for s in self._series.values()],
        }
        rules = self._rules.state()
        if rules:  # absent before there were any
            facts["rules"] = rules
        return facts, arrays

    @classmethod
    def restore(
        cls, key: ServiceKey, config: WatchConfig, facts: Mapping[str, Any], arrays: Arrays
    ) -> FleetWatcher:
        """Inverse of `state`."""
        fleet = cls(key, config.with_budget(facts["budget"]), facts["next_tick"])
        fleet._names = [(SeriesKey(*name[:3]), name[3]) for name in facts["names"]]
        fleet._numbers = {(name[0], name[1], name[2], name[3]): n for n, name in enumerate(facts["names"])}
        for number, channels in facts["fitted"]:
            fleet._fitted[number] = {
                name: Member(Channel(name, form, arrays[f"member.{number}.{i}"]), n, s)
                for i, (name, form, n, s) in enumerate(channels)
            }
        fleet._open = {tick: [tuple(c) for c in cells] for tick, cells in facts["open"]}
        fleet._learner.restore(facts["learner"])
        fleet._shares = BudgetShares.restore(facts["shares"], FLEET_CLASSES)
        fleet._trail.restore(arrays["trail"])
        fleet._flags = FlagBank.restore(_part(arrays, "flags."))
        fleet._values = ValueBank.restore(_part(arrays, "values."))
        for state in facts["series"]:
            series = unpacked_series(state, fleet._fitted)
            fleet._series[series.key] = series
        fleet._rules.restore(facts.get("rules", ()))
        return fleet


def _by_series(tick: int, rows: Ints) -> dict[int, Rows]:
    """Rows (number, cell, count) of one tick, sorted by number, as those of a trail."""
    full = np.empty((len(rows), 4), dtype=np.int32)
    full[:, 0], full[:, 1:] = tick, rows
    numbers, starts = np.unique(rows[:, 0], return_index=True)
    return {int(n): part for n, part in zip(numbers, np.split(full, starts[1:]), strict=True)}


def _part(arrays: Arrays, prefix: str) -> Arrays:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
