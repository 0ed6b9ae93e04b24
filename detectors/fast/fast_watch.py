"""The fast path of one service: which flags it bets on, against which limit, and what it has said.

Flags whose rise hurts users are watched over all traffic. The limit is what the operator declared; else the
highest rate of the learned profile, at its upper 99 % bound; else what is usual of any service (`ScoreSpec`),
or what this one began with, if that is more: how a service has always been is no change. Numbers such as
latency are watched beyond the upper tail of their baseline, once that is learned or adopted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from detectors.counts.aggregate import SeriesKey
from detectors.declared_limits import declared
from detectors.engine.baseline import Baseline
from detectors.engine.snapshot import Arrays, part
from detectors.fast.fast_path import highest_rate
from detectors.fast.fast_scores import is_fast, is_fast_value, shares
from detectors.fast.fast_unit import FastUnit, Rise
from detectors.fast.value_tails import tail_of
from detectors.fast.value_unit import ValueUnit
from detectors.finding import ALL, Finding, began_by
from detectors.observation import Observation
from detectors.scorers.protocol import ScoreSpec
from detectors.series.series_banks import WatchList
from detectors.series.watched_series import OpenFinding, packed, unpacked
from detectors.watch_config import WatchConfig

DECLARED, LEARNED, USUAL, ACCEPTED = "declared", "learned", "usual", "accepted"

Key = tuple[str, str]
"""Unit and score."""
_SIZE = ("effect", "effect_low", "effect_high", "effect_unit", "baseline_value", "current_value", "n")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The rate that is nothing to page for, and where it comes from."""

    rate: float
    source: str


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


@dataclass(slots=True)
class FastWatch:
    """State of the fast path of one service.

    ``open`` holds what was said and has not ended, ``accepted`` the rates that a person took for a new level.
    """

    service: str
    config: WatchConfig
    units: dict[str, FastUnit] = field(init=False)
    values: dict[str, ValueUnit] = field(init=False)
    ceilings: dict[Key, Ceiling] = field(default_factory=dict)
    open: dict[Key, OpenFinding] = field(default_factory=dict)
    accepted: dict[Key, float] = field(default_factory=dict)
    _shares: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        specs = sorted(self.config.specs.values(), key=lambda spec: (spec.unit, spec.name))
        flags, values = ([s for s in specs if of(s)] for of in (is_fast, is_fast_value))
        minutes, self._shares = self.config.tick_s // 60, shares(specs)
        self.units, self.values = {}, {}
        for unit in sorted({s.unit for s in flags}):
            names = [s.name for s in flags if s.unit == unit]
            self.units[unit] = FastUnit(unit, names, self._w(names[0]), minutes)
        for unit in sorted({s.unit for s in values}):
            mine = [s for s in values if s.unit == unit]
            w = np.array([self._w(s.name) for s in mine])
            self.values[unit] = ValueUnit(unit, mine, w, minutes)
        self.price(None)

    def _w(self, score: str) -> float:
        """Expected false alarms per minute that a score may spend."""
        return self.config.budget(self.config.specs[score].severity).per_tick(60) * self._shares[score]

    def _all(self) -> Iterator[tuple[str, FastUnit | ValueUnit]]:
        yield from self.units.items()
        yield from self.values.items()

    def _unit(self, key: Key) -> FastUnit | ValueUnit | None:
        """Where a score is bet on; ``None`` if nowhere."""
        return next((one for unit, one in self._all() if unit == key[0] and key[1] in one.scores), None)

    def set_budget(self, config: WatchConfig) -> None:
        """Let thresholds follow the budget in ``config``; the evidence stays."""
        self.config = config
        for flags in self.units.values():
            flags.bank.rebudget(self._w(flags.scores[0]))
        for values in self.values.values():
            values.bank.rebudget(np.array([self._w(score) for score in values.scores]))

    def price(self, watch: WatchList | None) -> None:
        """Set every limit by what is learned of the series over all traffic."""
        for unit, one in self.units.items():
            for score in one.scores:
                key = unit, score
                spec, began = self.config.specs[score], one.begins_with(score)
                found = ceiling(spec, self.service, _learned(watch, key), began, self.config)
                rate = self.accepted.get(key, 0.0)
                if found is not None and found.source != LEARNED and rate > found.rate:
                    found = Ceiling(rate, ACCEPTED)
                one.price(score, None if found is None else found.rate)
                self.ceilings.pop(key, None)
                if found is not None:
                    self.ceilings[key] = found
        for unit, values in self.values.items():
            for score in values.scores:
                values.price(score, None if watch is None else tail_of(watch, unit, score))

    def observe(self, o: Observation, next_tick: int) -> bool:
        """Take one observation; whether open ticks are worth a look."""
        is_due = False
        for unit, one in self._all():
            if unit == o.unit:
                is_due |= one.observe(o, next_tick)
        return is_due

    def peek(self) -> Iterator[tuple[Key, Rise]]:
        """What has risen in ticks that are open."""
        for unit, one in self._all():
            yield from (((unit, rise.score), rise) for rise in one.peek())

    def close(self, tick: int, watch: WatchList) -> list[tuple[Key, Rise]]:
        """Close one tick: what rose in it."""
        met = {unit: one.met for unit, one in self.units.items()}
        found = [((unit, rise.score), rise) for unit, one in self._all() for rise in one.close(tick)]
        if any(one.met > met[unit] for unit, one in self.units.items()):
            self.price(watch)
        return found

    def say(self, key: Key, opened: OpenFinding) -> None:
        """Something was said of a rise, here or elsewhere: rest until it ends."""
        self.open[key] = opened
        self._pause(key, True)

    def _pause(self, key: Key, resting: bool) -> None:
        one = self._unit(key)
        if one is not None:
            one.pause(key[1], resting)

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
        if better.effect_unit == "rate" and first.effect_unit != "rate":  # a share says less than a size
            began = replace(began, **{name: getattr(first, name) for name in _SIZE}, notes=first.notes)
        opened.finding = replace(began, finding_id=first.finding_id, alert_kind=first.alert_kind)
        return opened.finding

    def recovered(self, tick: int) -> dict[Key, int]:
        """What is open and ends in a tick that is about to close, each with the minute that showed it."""
        over: dict[Key, int] = {}
        for key, opened in sorted(self.open.items()):
            one = self._unit(key)
            for minute, n, hits in () if one is None else one.by_minute(key[1], tick):
                if opened.recovery.update(n, hits):
                    over[key] = minute
                    break
        return over

    def end(self, key: Key) -> Finding | None:
        """Bet again; the finding that was open, if one was said."""
        opened = self.open.pop(key, None)
        self._pause(key, False)
        return None if opened is None else opened.finding

    def withdraw(self, finding_id: str) -> Finding | None:
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
        if said.slice != ALL or self._unit(key) is None:
            return
        opened = self.open.get(key)
        if opened is not None and opened.finding is not None:
            return  # another change, which goes on
        if said.direction == "rise":
            self.accept(key, said)
        self.end(key)

    def accept(self, key: Key, said: Finding) -> None:
        """The level of a finding is nothing to tell any more; of a number its new baseline says so."""
        if isinstance(self._unit(key), ValueUnit):
            return
        highest = (said.baseline_value or 0.0) + (said.effect_high or 0.0)
        self.accepted[key] = max(v for v in (said.current_value, highest) if v is not None)

    def renew(self, score: str) -> list[Finding]:
        """A score is counted otherwise from now on: begin anew; findings of it that were open."""
        over = [self.end((unit, score)) for unit, one in self._all() if score in one.scores]
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
        facts["values"] = {}
        for unit, values in self.values.items():
            facts["values"][unit], mine = values.state()
            arrays |= {f"values.{unit}.{name}": array for name, array in mine.items()}
        return facts, arrays

    def restore(self, facts: Mapping[str, Any], arrays: Arrays) -> None:
        """Inverse of `state`; limits are those of now."""
        for unit, one in self.units.items():
            if unit in facts["units"]:
                one.restore(facts["units"][unit], part(arrays, f"{unit}."))
        for unit, values in self.values.items():
            if unit in facts.get("values", {}):  # a state from before it had none
                values.restore(facts["values"][unit], part(arrays, f"values.{unit}."))
        self.accepted = {(unit, score): rate for unit, score, rate in facts["accepted"]}
        for unit, score, state in facts["open"]:
            opened, at = unpacked(state), self._unit((unit, score))
            if opened is not None and at is not None:
                self.open[unit, score] = opened
                at.resting[at.scores.index(score)] = True


def _learned(watch: WatchList | None, key: Key) -> Baseline | None:
    """What is learned of a flag over all traffic."""
    watched = None if watch is None else watch.find(SeriesKey(*key, ALL))
    return None if watch is None or watched is None else watch.baseline(watched, 0)
