"""The operator's rules in one service: decided whenever a tick closes, stated and ended as findings.

Objectives (`detectors.drift.service.slo_watch`) are decided beside them.

They need no baseline and spend no budget: a limit is what it is. State is the window of each rule and the
finding that is open, so a replay states and ends the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from detectors.drift.engine.ticks import time_of
from detectors.drift.service.fold import Fold, SeriesKey, TickCounts
from detectors.drift.service.report import clock
from detectors.drift.service.slo_watch import SloWatch
from detectors.drift.service.watch_config import WatchConfig
from detectors.finding import Finding, finding_id
from detectors.observation import ServiceKey, series_id
from detectors.rules import BREACH, OK, OVER, Rule, TickSum, Verdict, Window, tick_sum
from detectors.scorers.protocol import ScoreSpec

DETECTOR = "rule.1"
_SLOS = "slo"
"""Stands where the id of a rule does, before the state of objectives."""


@dataclass(slots=True)
class _Watched:
    """One rule: the generation of its score that its window holds, and the finding that is open."""

    window: Window
    generation: int
    finding: Finding | None = None


class RuleWatch:
    """The rules that are for one service."""

    def __init__(self, key: ServiceKey, config: WatchConfig) -> None:
        self._key, self._config = key, config
        self._rules = {
            rule.rule_id: _Watched(Window(rule, config.tick_s), 0)
            for rule in config.rules
            if rule.is_for(key.service) and rule.score in config.specs
        }
        self._gone: list[Finding] = []
        self._slos = SloWatch(key, config)

    def close(self, counts: TickCounts, fold: Fold) -> list[Finding]:
        """Decide every rule at the end of a tick: what broke, and what is over."""
        tick = counts.tick
        over = [self._ended(f, tick, "over: the rule is not in the settings any more") for f in self._gone]
        self._gone = []
        places: dict[SeriesKey, tuple[int, int]] = {}
        if self._rules or self._config.slos:
            places = {fold.counted(number).key: (begin, end) for number, begin, end in counts.parts}
        over += self._slos.close(counts, places, fold)
        return over + [f for one in self._rules.values() for f in self._decide(one, counts, places, fold)]

    def _decide(
        self, one: _Watched, counts: TickCounts, places: dict[SeriesKey, tuple[int, int]], fold: Fold
    ) -> list[Finding]:
        rule, tick = one.window.rule, counts.tick
        spec = replace(self._config.specs[rule.score], generation=fold.generation(rule.score))
        if spec.generation != one.generation:
            one.window.clear()
            one.generation = spec.generation
        begin, end = places.get(SeriesKey(rule.unit, rule.score, rule.slice), (0, 0))
        found = tick_sum(tick, counts.cells[begin:end], counts.counts[begin:end], spec.grid)
        verdict = one.window.close(tick, found, spec.grid)
        if verdict.status == BREACH and one.finding is None:
            one.finding = self._stated(one.window, spec, verdict, tick)
            return [one.finding]
        if verdict.status == OK and one.finding is not None:
            over, one.finding = self._ended(one.finding, tick), None
            return [over]
        return []

    def _stated(self, window: Window, spec: ScoreSpec, verdict: Verdict, tick: int) -> Finding:
        rule, key, config = window.rule, self._key, self._config
        value = 0.0 if verdict.value is None else verdict.value
        own_id = series_id(key, rule.unit, rule.score, spec.generation, rule.slice)
        began = clock(config.tick_s, config.counted_after_s(rule.unit))
        first = min((t.tick for t in window), default=tick)
        return Finding(
            finding_id=finding_id(own_id, DETECTOR, rule.rule_id, tick),
            alert_kind="rule",
            status="confirmed",
            tenant=key.tenant,
            lineage=key.lineage,
            environment=key.environment or None,
            service=key.service,
            unit=rule.unit,
            score=rule.score,
            slice=rule.slice,
            series=own_id,
            made_at=self._at(tick + 1),
            severity=rule.severity,
            onset=began(tick),
            onset_low=began(first),
            onset_high=began(tick + 1),
            effect=value - rule.limit,
            effect_unit="rate" if rule.measure == "rate" else spec.value_unit or rule.measure,
            direction="rise" if rule.op == OVER else "fall",
            baseline_value=rule.limit,
            current_value=value,
            n=verdict.n,
            detector=DETECTOR,
            config_hash=config.config_hash,
            notes=(f"rule {rule.text()}",),
        )

    def _ended(self, finding: Finding, tick: int, *notes: str) -> Finding:
        return replace(finding, ended_at=self._at(tick + 1), notes=(*finding.notes, *notes))

    def _at(self, tick: int) -> datetime:
        return time_of(tick, self._config.tick_s)

    def state(self) -> list[list[Any]]:
        """Plain form of everything, for a snapshot."""
        kept: list[list[Any]] = [
            [rule_id, one.generation, [_plain(t) for t in one.window], _text(one.finding)]
            for rule_id, one in self._rules.items()
        ]
        kept += [["", 0, [], _text(finding)] for finding in self._gone]
        slos = self._slos.state()
        return [*kept, [_SLOS, 0, slos, None]] if slos else kept

    def restore(self, state: Sequence[Sequence[Any]]) -> None:
        """Inverse of `state`; what a rule said that is not there any more ends with the next tick."""
        for rule_id, generation, ticks, text in state:
            if rule_id == _SLOS:
                self._slos.restore(ticks)
                continue
            finding = None if text is None else Finding.from_dict(json.loads(text))
            if rule_id in self._rules:
                rule: Rule = self._rules[rule_id].window.rule
                window = Window(rule, self._config.tick_s, [_tick(t) for t in ticks])
                self._rules[rule_id] = _Watched(window, generation, finding)
            elif finding is not None:
                self._gone.append(finding)


def _plain(tick: TickSum) -> list[Any]:
    return [tick.tick, tick.n, tick.total, [list(pair) for pair in tick.cells]]


def _tick(plain: Sequence[Any]) -> TickSum:
    tick, n, total, cells = plain
    return TickSum(tick, n, total, tuple((cell, count) for cell, count in cells))


def _text(finding: Finding | None) -> str | None:
    return None if finding is None else finding.to_json()
