"""The operator's rules in one service: decided whenever a tick closes, stated and ended as findings.

Objectives (`detectors.drift.service.slo_watch`) are decided beside them.

They need no baseline and spend no budget: a limit is what it is. What a person accepted beyond it ends the
finding; the rule then speaks again once the measure is clearly worse than it was, or was within the limit in
between. Beside those of the settings there are rules that people added to this service while it is watched,
by control records; a rule of the settings that says the same takes the place of an added one. State is the
window of each rule, the finding that is open and what was accepted, so a replay states and ends the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detectors.drift.service.controls import text_of
from detectors.drift.service.fold import Fold, TickCounts
from detectors.drift.service.slo_watch import SloWatch
from detectors.drift.service.stated import Places, Said, ended, read, spec_of, stated
from detectors.drift.service.watch_config import WatchConfig
from detectors.finding import Finding
from detectors.observation import Control, ServiceKey
from detectors.rules import (
    BREACH,
    OK,
    OVER,
    Rule,
    TickSum,
    Verdict,
    Window,
    decide,
    fault,
    is_clearly_worse,
)
from detectors.scorers.protocol import ScoreSpec

DETECTOR = "rule.1"
ADD, REMOVE = "rule", "rule_over"
"""Actions of control records."""
MOST_ADDED = 100
"""Rules that people may have added to one service."""
_SLOS, _ADDED = "slo", "added"
"""Stand where the id of a rule does, before the state of objectives and before the rules people added."""


@dataclass(slots=True)
class _Watched:
    """One rule: the generation of its score that its window holds, and the finding that is open.

    ``accepted`` is the measure that a person took for fine though it breaks the rule.
    """

    window: Window
    generation: int
    finding: Finding | None = None
    accepted: float | None = None

    def speaks(self, verdict: Verdict) -> bool:
        """Whether a breach is to be stated."""
        if self.finding is not None or verdict.value is None:
            return False
        return self.accepted is None or is_clearly_worse(self.window.rule, verdict.value, self.accepted)


class RuleWatch:
    """The rules that are for one service."""

    def __init__(self, key: ServiceKey, config: WatchConfig) -> None:
        self._key, self._config = key, config
        self._rules = {
            rule.rule_id: _Watched(Window(rule, config.tick_s), 0)
            for rule in config.rules
            if rule.is_for(key.service) and rule.score in config.specs
        }
        self._added: dict[str, Rule] = {}
        self._gone: list[Finding] = []
        self._slos = SloWatch(key, config)

    def close(self, counts: TickCounts, fold: Fold) -> list[Finding]:
        """Decide every rule at the end of a tick: what broke, and what is over."""
        tick = counts.tick
        over = [self._ended(f, tick, "over: the rule is not in the settings any more") for f in self._gone]
        self._gone = []
        places: Places = {}
        if self._rules or self._config.slos:
            places = {fold.counted(number).key: (begin, end) for number, begin, end in counts.parts}
        over += self._slos.close(counts, places, fold)
        return over + [f for one in self._rules.values() for f in self._decide(one, counts, places, fold)]

    def obey(self, record: Control, tick: int, fold: Fold) -> list[Finding]:
        """Do before ``tick`` closes what a person asked, if it is about rules; what it ends."""
        if record.action == "accept":
            return self._accept(text_of(record.body, "finding_id"), tick, fold)
        if record.action == ADD:
            self._add(record.body.get("rule"))
        return self._remove(text_of(record.body, "rule_id"), tick) if record.action == REMOVE else []

    def _add(self, said: object) -> None:
        """Watch one more; nothing where the same is watched or it can never be decided here."""
        try:
            rule = Rule.of(said if isinstance(said, Mapping) else {})
        except ValueError:
            return
        spec = self._config.specs.get(rule.score)
        decidable = spec is not None and fault(rule, spec, self._config.tick_s) is None
        if decidable and rule.is_for(self._key.service) and len(self._added) < MOST_ADDED:
            self._keep(rule)

    def _keep(self, rule: Rule) -> None:
        if rule.rule_id not in self._rules:
            self._added[rule.rule_id] = rule
            self._rules[rule.rule_id] = _Watched(Window(rule, self._config.tick_s), 0)

    def _remove(self, rule_id: str, tick: int) -> list[Finding]:
        """Watch an added one no more; those of the settings stay."""
        if self._added.pop(rule_id, None) is None:
            return []
        said = self._rules.pop(rule_id).finding
        return [] if said is None else [self._ended(said, tick - 1, "over: the rule was removed")]

    def _accept(self, finding_id: str, tick: int, fold: Fold) -> list[Finding]:
        """End a finding that a person accepts before ``tick`` closes; nothing if it is not open (any more).

        What is accepted is the measure as it is then, or as it was stated if that was further off.
        """
        for one in self._rules.values():
            said = one.finding
            if said is not None and said.finding_id == finding_id:
                rule = one.window.rule
                now = decide(rule, one.window, spec_of(rule, self._config, fold).grid).value
                known = [v for v in (said.current_value, now) if v is not None]
                one.accepted = max(known, key=lambda v: abs(v - rule.limit))
                one.finding = None
                note = f"accepted at {one.accepted:g}"
                return [self._ended(said, tick - 1, note)]
        return []

    def _decide(self, one: _Watched, counts: TickCounts, places: Places, fold: Fold) -> list[Finding]:
        rule, tick = one.window.rule, counts.tick
        spec = spec_of(rule, self._config, fold)
        if spec.generation != one.generation:
            one.window.clear()
            one.generation, one.accepted = spec.generation, None
        verdict = one.window.close(tick, read(rule, counts, places, spec), spec.grid)
        if verdict.status == BREACH and one.speaks(verdict):
            one.finding, one.accepted = self._stated(one, spec, verdict, tick), None
            return [one.finding]
        if verdict.status == OK:
            one.accepted = None
            if one.finding is not None:
                over, one.finding = self._ended(one.finding, tick), None
                return [over]
        return []

    def _stated(self, one: _Watched, spec: ScoreSpec, verdict: Verdict, tick: int) -> Finding:
        """What a rule says. What became worse than was accepted began now, not with its window."""
        window, rule, accepted = one.window, one.window.rule, one.accepted
        anew = () if accepted is None else (f"worse than {accepted:g}, which was accepted",)
        said = Said(
            first=min((t.tick for t in window), default=tick) if accepted is None else tick,
            severity=rule.severity,
            value=0.0 if verdict.value is None else verdict.value,
            limit=rule.limit,
            effect_unit="rate" if rule.measure == "rate" else spec.value_unit or rule.measure,
            direction="rise" if rule.op == OVER else "fall",
            n=verdict.n,
            notes=(f"rule {rule.text()}", *anew),
            measure=f"p{100 * rule.quantile:g}" if rule.measure == "quantile" else rule.measure,
            window_s=rule.window_s,
        )
        return stated(
            rule,
            said,
            self._key,
            self._config,
            generation=spec.generation,
            alert_kind="rule",
            detector=DETECTOR,
            ids=(rule.rule_id,),
            tick=tick,
        )

    def _ended(self, finding: Finding, tick: int, *notes: str) -> Finding:
        return ended(finding, tick, self._config.tick_s, *notes)

    def state(self) -> list[list[Any]]:
        """Plain form of everything, for a snapshot."""
        added = [rule.to_dict() for rule in self._added.values()]
        kept: list[list[Any]] = [[_ADDED, 0, added, None]] if added else []
        kept += [
            [
                *(rule_id, one.generation, [_plain(t) for t in one.window], _text(one.finding)),
                *([] if one.accepted is None else [one.accepted]),
            ]
            for rule_id, one in self._rules.items()
        ]
        kept += [["", 0, [], _text(finding)] for finding in self._gone]
        slos = self._slos.state()
        return [*kept, [_SLOS, 0, slos, None]] if slos else kept

    def restore(self, state: Sequence[Sequence[Any]]) -> None:
        """Inverse of `state`; what a rule said that is not there any more ends with the next tick."""
        for rule_id, generation, ticks, text, *accepted in state:
            if rule_id == _SLOS:
                self._slos.restore(ticks)
                continue
            if rule_id == _ADDED:
                for rule in map(Rule.of, ticks):
                    if rule.score in self._config.specs:
                        self._keep(rule)
                continue
            finding = None if text is None else Finding.from_dict(json.loads(text))
            if rule_id in self._rules:
                window = Window(
                    self._rules[rule_id].window.rule, self._config.tick_s, [_tick(t) for t in ticks]
                )
                self._rules[rule_id] = _Watched(window, generation, finding, *accepted)
            elif finding is not None:
                self._gone.append(finding)


def _plain(tick: TickSum) -> list[Any]:
    return [tick.tick, tick.n, tick.total, [list(pair) for pair in tick.cells]]


def _tick(plain: Sequence[Any]) -> TickSum:
    tick, n, total, cells = plain
    return TickSum(tick, n, total, tuple((cell, count) for cell, count in cells))


def _text(finding: Finding | None) -> str | None:
    return None if finding is None else finding.to_json()
