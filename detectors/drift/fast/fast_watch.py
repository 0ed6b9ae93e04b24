"""The fast path of one service: which flags it bets on, against which limit, and what it has said.

Flags whose rise hurts users are watched over all traffic. The limit is what the operator declared; else the
highest rate of the learned profile, at its upper 99 % bound; else what is usual of any service (`ScoreSpec`),
or what this one began with, if that is more: how a service has always been is no change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from detectors.drift.budgets.budget import CLASS_SHARES
from detectors.drift.engine.baseline import Baseline, bounded_rate
from detectors.drift.engine.snapshot import Arrays, part
from detectors.drift.engine.ticks import Ints
from detectors.drift.fast.fast_path import upper_rate
from detectors.drift.fast.fast_unit import FastUnit, Rise
from detectors.drift.fast.limits import declared
from detectors.drift.service.fold import SeriesKey
from detectors.drift.service.watch_config import WatchConfig
from detectors.drift.service.watched import OpenFinding, packed, unpacked
from detectors.finding import ALL, Finding, began_by
from detectors.observation import Observation
from detectors.scorers.protocol import ScoreSpec

DECLARED, LEARNED, USUAL, ACCEPTED = "declared", "learned", "usual", "accepted"

Key = tuple[str, str]
"""Unit and score."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The rate that is nothing to page for, and where it comes from."""

    rate: float
    source: str


def is_fast(spec: ScoreSpec) -> bool:
    """Whether a score is a flag whose rise is worth a page."""
    return spec.kind == "flag" and spec.harmful > 0 and spec.severity == "page"


def ceiling(
    spec: ScoreSpec, service: str, baseline: Baseline | None, began: float | None, config: WatchConfig
) -> Ceiling | None:
    """The limit of a flag, if it has one.

    ``baseline`` is the one row of its series over all traffic, once it is learned; ``began`` the highest rate
    that its first calls allow, once there were enough.
    """
    said = declared(config.limits, service, spec.name)
    if said is not None:
        return Ceiling(said, DECLARED)
    if baseline is not None:
        return Ceiling(highest_rate(baseline), LEARNED)
    if spec.usual is None or began is None:
        return None
    return Ceiling(max(spec.usual, began), USUAL)


def highest_rate(baseline: Baseline) -> float:
    """Upper 99 % bound of the highest rate of one flag row's weekly profile."""
    b = baseline
    hits = b.total_n - b.total_s if b.mirrored[0] else b.total_s
    upper = float(upper_rate(hits / b.long_run, b.total_n / b.long_run)[0])
    cells = (b.level[0] + b.hour[0][:, None] + b.week[0][None, :]).ravel()
    profile = bounded_rate(cells, np.full(len(cells), b.level[0]), b.form)
    level, highest = float(b.level[0]), float(profile.max())
    if b.mirrored[0]:
        level, highest = 1 - level, 1 - float(profile.min())
    return min(upper * highest / max(level, 1e-9), 1.0)


@dataclass(slots=True)
class FastWatch:
    """State of the fast path of one service.

    ``open`` holds what was said and has not ended, ``accepted`` the rates that a person took for a new level.
    """

    service: str
    config: WatchConfig
    units: dict[str, FastUnit] = field(init=False)
    ceilings: dict[Key, Ceiling] = field(default_factory=dict)
    open: dict[Key, OpenFinding] = field(default_factory=dict)
    accepted: dict[Key, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        specs = sorted((s.unit, s.name) for s in self.config.specs.values() if is_fast(s))
        w, minutes = self._share(len(specs)), self.config.tick_s // 60
        units = {unit for unit, _ in specs}
        self.units = {u: FastUnit(u, [s for at, s in specs if at == u], w, minutes) for u in sorted(units)}
        self.price(lambda _: None)

    def _share(self, flags: int) -> float:
        """Expected false pages per minute that each of so many flags may spend."""
        return self.config.pages.per_tick(60) * CLASS_SHARES["fast"] / max(flags, 1)

    def spend(self, config: WatchConfig) -> None:
        """Let thresholds follow the budget in ``config``; the evidence stays."""
        self.config = config
        w = self._share(sum(len(one.scores) for one in self.units.values()))
        for one in self.units.values():
            one.bank.rebudget(w)

    def price(self, baseline_of: Callable[[Key], Baseline | None]) -> None:
        """Set every limit; ``baseline_of`` tells what is learned of a series over all traffic."""
        for unit, one in self.units.items():
            for score in one.scores:
                key = unit, score
                spec, began = self.config.specs[score], one.begins_with(score)
                found = ceiling(spec, self.service, baseline_of(key), began, self.config)
                rate = self.accepted.get(key, 0.0)
                if found is not None and found.source != LEARNED and rate > found.rate:
                    found = Ceiling(rate, ACCEPTED)
                one.price(score, None if found is None else found.rate)
                self.ceilings.pop(key, None)
                if found is not None:
                    self.ceilings[key] = found

    def observe(self, o: Observation, next_tick: int) -> bool:
        """Take one observation; whether open ticks are worth a look."""
        one = self.units.get(o.unit)
        return one is not None and one.observe(o, next_tick)

    def peek(self) -> Iterator[tuple[Key, Rise]]:
        """What has risen in ticks that are open."""
        for unit, one in self.units.items():
            yield from (((unit, rise.score), rise) for rise in one.peek())

    def close(self, tick: int, baseline_of: Callable[[Key], Baseline | None]) -> list[tuple[Key, Rise]]:
        """Close one tick: what rose in it."""
        met = {unit: one.met for unit, one in self.units.items()}
        found = [((u, rise.score), rise) for u, one in self.units.items() for rise in one.close(tick)]
        if any(one.met > met[unit] for unit, one in self.units.items()):
            self.price(baseline_of)
        return found

    def say(self, key: Key, opened: OpenFinding) -> None:
        """Something was said of a rise, here or elsewhere: rest until it ends."""
        self.open[key] = opened
        self.units[key[0]].rest(key[1], True)

    def noticed(self, series: SeriesKey) -> int | None:
        """The tick in which the rise that is open over a whole series was found; ``None`` if none is."""
        opened = self.open.get((series.unit, series.score)) if series.slice == ALL else None
        if opened is None or opened.finding is None:
            return None
        return (round(opened.finding.made_at.timestamp()) - 1) // self.config.tick_s

    def retell(self, key: Key, better: Finding) -> Finding:
        """The finding that is open, told by a detector that has seen more of the same change."""
        opened = self.open[key]
        assert opened.finding is not None  # noqa: S101 - it was said here
        first = opened.finding
        began = began_by(better, first.made_at)
        opened.finding = replace(began, finding_id=first.finding_id, alert_kind=first.alert_kind)
        return opened.finding

    def ended(self, sums: Callable[[Key], tuple[float, float]]) -> list[Finding]:
        """Close one tick for what is open, given its (n, s): findings whose rise has ended."""
        over = [key for key, opened in sorted(self.open.items()) if opened.recovery.update(*sums(key))]
        return [f for key in over if (f := self.end(key)) is not None]

    def end(self, key: Key) -> Finding | None:
        """Bet again; the finding that was open, if one was said."""
        opened = self.open.pop(key, None)
        self.units[key[0]].rest(key[1], False)
        return None if opened is None else opened.finding

    def take_back(self, finding_id: str) -> Finding | None:
        """The open finding with this id, if it was said here: its level is accepted, it is open no more."""
        for key, opened in sorted(self.open.items()):
            said = opened.finding
            if said is not None and said.finding_id == finding_id:
                self.accept(key, said)
                return self.end(key)
        return None

    def settle(self, said: Finding) -> None:
        """A finding that was not said here is accepted: of a whole, bet again, on nothing of before."""
        key = said.unit, said.score
        if said.slice != ALL or key[0] not in self.units or key[1] not in self.units[key[0]].scores:
            return
        opened = self.open.get(key)
        if opened is not None and opened.finding is not None:
            return  # another change, which goes on
        if said.direction == "rise":
            self.accept(key, said)
        self.end(key)

    def accept(self, key: Key, said: Finding) -> None:
        """The level of a finding is nothing to tell any more."""
        highest = (said.baseline_value or 0.0) + (said.effect_high or 0.0)
        self.accepted[key] = max(v for v in (said.current_value, highest) if v is not None)

    def renew(self, score: str) -> list[Finding]:
        """A score is counted otherwise from now on: begin anew; findings of it that were open."""
        over = [self.end((unit, score)) for unit, one in self.units.items() if score in one.scores]
        return [f for f in over if f is not None]

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays for a snapshot."""
        facts: dict[str, Any] = {
            "units": {},
            "open": [[*k, packed(o)] for k, o in sorted(self.open.items())],
            "accepted": [[*k, rate] for k, rate in sorted(self.accepted.items())],
        }
        arrays: Arrays = {}
        for unit, one in self.units.items():
            facts["units"][unit], mine = one.state()
            arrays |= {f"{unit}.{name}": array for name, array in mine.items()}
        return facts, arrays

    def restore(self, facts: Mapping[str, Any], arrays: Arrays) -> None:
        """Inverse of `state`; limits are those of now."""
        for unit, one in self.units.items():
            if unit in facts["units"]:
                one.restore(facts["units"][unit], part(arrays, f"{unit}."))
        self.accepted = {(unit, score): rate for unit, score, rate in facts["accepted"]}
        for unit, score, state in facts["open"]:
            opened = unpacked(state)
            if opened is not None and unit in self.units and score in self.units[unit].scores:
                self.open[unit, score] = opened
                self.units[unit].resting[self.units[unit].scores.index(score)] = True


def sums_of(series: Ints, cells: Ints, counts: Ints, number: int) -> tuple[float, float]:
    """Events and hits of one flag series among the cells of a tick."""
    mine = series == number
    return float(counts[mine].sum()), float(counts[mine & (cells == 1)].sum())
