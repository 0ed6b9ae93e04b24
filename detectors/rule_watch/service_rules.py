"""The operator's rules in one service: decided whenever a tick closes, stated and ended as findings.

Objectives (`detectors.rule_watch.slo_watch`) are decided beside them.

They need no baseline and spend no budget: a limit is what it is. What a person accepted beyond it ends the
finding; the rule then speaks again once the measure is clearly worse than it was, or was within the limit in
between. Beside those of the settings there are rules that people added to this service while it is watched,
by control records; a rule of the settings that says the same takes the place of an added one. Which rules the
settings have may change meanwhile (`detectors.rule_watch.changed_settings`). A rule ``by`` a dimension is one
rule for each of its values that has come. Rules about what does not come go by the minute
(`detectors.rule_watch.absence_watch`). State is the window of each rule, the finding that is open and what
was accepted, so a replay states and ends the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from detectors.counts.aggregate import Aggregate, TickCounts
from detectors.counts.pending_controls import text_of
from detectors.finding import Finding
from detectors.observation import Control, Observation, ServiceKey
from detectors.rule_faults import first_fault
from detectors.rule_watch.absence_watch import AbsenceWatch
from detectors.rule_watch.limit_state import Places, ended, read, spec_of
from detectors.rule_watch.rule_state import WatchedRule
from detectors.rule_watch.slo_watch import SloWatch
from detectors.rules import ABSENT, CALLS, Rule, TickSum
from detectors.scorers.protocol import ScoreSpec
from detectors.watch_config import WatchConfig

ADD, REMOVE = "rule", "rule_over"
"""Actions of control records: one rule is added or removed."""
MOST_ADDED = 100
"""Rules that people may have added to one service."""
_SLOS, _ADDED, _VALUES, _ABSENCE = "slo", "added", "values", "absence"
"""Stand where the id of a rule does, before the state of objectives, the rules people added, the values of
dimensions that have rules of their own, and the state of rules about what does not come."""


class RuleWatch:
    """The rules that are for one service."""

    def __init__(self, key: ServiceKey, config: WatchConfig) -> None:
        self._key, self._config = key, config
        mine = [rule for rule in config.rules if rule.is_for(key.service) and not rule.together]
        self._templates: dict[str, Rule] = {}
        self._values: dict[str, tuple[str, str]] = {}
        self._rules: dict[str, WatchedRule] = {}
        self._ours = {rule.rule_id: rule for rule in mine}
        self.absence = AbsenceWatch(key, config.config_hash, mine)
        for rule in mine:
            if rule.measure != ABSENT and all(score in config.specs for score in rule.scores()):
                self._watch(rule)
        self._added: dict[str, Rule] = {}
        self._gone: list[Finding] = []
        self._slos = SloWatch(key, config)

    def _watch(self, rule: Rule) -> None:
        if rule.by:
            self._templates[rule.rule_id] = rule
        else:
            self._rules[rule.rule_id] = WatchedRule.of(rule, self._config.tick_s)

    def observe(self, o: Observation) -> None:
        """Take note of what came, for rules about what does not come."""
        self.absence.observe(o)

    def _divide(self, places: Places) -> None:
        """Watch values of a dimension that has a rule ``by`` it, once they come."""
        for rule_id, rule in self._templates.items():
            for key in sorted(places):
                if (key.unit, key.score) == (rule.unit, rule.score) and key.slice.startswith(f"{rule.by}="):
                    self._add_value(rule_id, key.slice)

    def _add_value(self, rule_id: str, slice_: str) -> None:
        one = replace(self._templates[rule_id], slice=slice_, by="")
        if one.rule_id not in self._rules:
            self._values[one.rule_id] = rule_id, slice_
            self._watch(one)

    def close(self, counts: TickCounts, fold: Aggregate) -> list[Finding]:
        """Decide every rule at the end of a tick: what broke, and what is over."""
        tick = counts.tick
        over = [self._ended(f, tick, "over: the rule is not in the settings any more") for f in self._gone]
        self._gone = []
        places: Places = {}
        if self._rules or self._templates or self._slos.watched:
            places = {fold.counted(number).key: (begin, end) for number, begin, end in counts.parts}
        over += self._slos.close(counts, places, fold)
        self._divide(places)
        for one in self._rules.values():
            held, spec = self._read(one.window.rule, counts, places, fold)
            besides = [self._read(window.rule, counts, places, fold) for window, _ in one.besides]
            over += one.close(tick, held, spec, self._key, self._config, besides)
        return over

    def _read(
        self, rule: Rule, counts: TickCounts, places: Places, fold: Aggregate
    ) -> tuple[TickSum, ScoreSpec]:
        spec = spec_of(rule, self._config, fold)
        return read(rule, counts, places, spec), spec

    def apply(self, record: Control, tick: int, fold: Aggregate) -> list[Finding]:
        """Do before ``tick`` closes what a person asked, if it is about rules; what it ends."""
        if record.action == "accept":
            said = text_of(record.body, "finding_id")
            return self.absence.accept(said, self._minute(tick)) or self._accept(said, tick, fold)
        if record.action == ADD:
            self._add(record.body.get("rule"))
        return self._remove(text_of(record.body, "rule_id"), tick) if record.action == REMOVE else []

    def _add(self, said: object) -> None:
        """Watch one more; nothing where the same is watched or it can never be decided here."""
        rule = self._said(said)
        if rule is not None and (rule.rule_id in self._added or len(self._added) < MOST_ADDED):
            self._keep(rule)

    def _said(self, said: object) -> Rule | None:
        """A rule of a control record, if it is one that can be decided here."""
        try:
            rule = Rule.of(said if isinstance(said, Mapping) else {})
        except ValueError:
            return None
        decidable = first_fault(rule, self._config.specs, self._config.tick_s) is None and not rule.together
        return rule if decidable and rule.is_for(self._key.service) else None

    def replace(self, config: WatchConfig, tick: int) -> list[Finding]:
        """Go by the rules and objectives of ``config`` before ``tick`` closes; what others stated is over."""
        mine = [rule for rule in config.rules if rule.is_for(self._key.service) and not rule.together]
        rules = {r.rule_id: r for r in mine if first_fault(r, config.specs, config.tick_s) is None}
        over = []
        for rule_id in [one for one in self._ours if one not in rules]:
            over += self._end(rule_id, tick, "over: the rule is not in the settings any more")
        self._ours = rules
        for rule_id, rule in rules.items():
            self._added.pop(rule_id, None)
            self._begin(rule)
        return over + self._slos.replace(config.slos, tick)

    def _keep(self, rule: Rule) -> None:
        """Watch by an added rule; one that says the same takes its labels and severity."""
        if rule.rule_id not in self._ours:
            self._added[rule.rule_id] = rule
            self._begin(rule)

    def _begin(self, rule: Rule) -> None:
        """Watch by a rule; one that says the same goes on, with its labels and severity."""
        rule_id = rule.rule_id
        if rule.measure == ABSENT:
            self.absence.add(rule)
        elif rule.by:
            self._templates[rule_id] = rule
            for one_id, (parent, slice_) in self._values.items():
                if parent == rule_id:
                    self._rules[one_id].window.rule = replace(rule, slice=slice_, by="")
        elif rule_id in self._rules and rule_id not in self._values:
            self._rules[rule_id].window.rule = rule
        else:
            self._values.pop(rule_id, None)
            self._watch(rule)

    def _remove(self, rule_id: str, tick: int) -> list[Finding]:
        """Watch an added one no more; those of the settings stay."""
        if self._added.pop(rule_id, None) is None:
            return []
        return self._end(rule_id, tick, "over: the rule was removed")

    def _end(self, rule_id: str, tick: int, note: str) -> list[Finding]:
        """Watch by a rule no more; what it had stated is over."""
        over = self.absence.remove(rule_id, self._minute(tick), note)
        gone = [rule_id] if rule_id in self._rules else []
        if self._templates.pop(rule_id, None) is not None:
            gone = [one for one, (parent, _) in self._values.items() if parent == rule_id]
        for one in gone:
            self._values.pop(one, None)
            said = self._rules.pop(one).finding
            over += [] if said is None else [self._ended(said, tick - 1, note)]
        return over

    def _minute(self, tick: int) -> int:
        return tick * self._config.tick_s // 60

    def _accept(self, finding_id: str, tick: int, fold: Aggregate) -> list[Finding]:
        """End a finding that a person accepts before ``tick`` closes; nothing if it is not open (any more).

        What is accepted is the measure as it is then, or as it was stated if that was further off.
        """
        for one in self._rules.values():
            grid = spec_of(one.window.rule, self._config, fold).grid
            over = one.accept(finding_id, tick, grid, self._config.tick_s)
            if over:
                return over
        return []

    def _ended(self, finding: Finding, tick: int, *notes: str) -> Finding:
        return ended(finding, tick, self._config.tick_s, *notes)

    def state(self) -> list[list[Any]]:
        """Plain form of everything, for a snapshot."""
        added = [rule.to_dict() for rule in self._added.values()]
        kept: list[list[Any]] = []
        kept += [[_ADDED, 0, added, None]] if added else []
        if self._values:
            kept.append([_VALUES, 0, [[*value] for value in self._values.values()], None])
        kept += [[rule_id, *one.state()] for rule_id, one in self._rules.items()]
        kept += [["", 0, [], finding.to_json()] for finding in self._gone]
        absence = self.absence.state()
        if absence:
            kept.append([_ABSENCE, 0, absence, None])
        slos = self._slos.state()
        return [*kept, [_SLOS, 0, slos, None]] if slos else kept

    def restore(self, state: Sequence[Sequence[Any]]) -> None:
        """Inverse of `state`; what a rule said that is not there any more ends with the next tick."""
        for rule_id, generation, ticks, text, *later in state:
            if rule_id in (_SLOS, _ADDED, _VALUES, _ABSENCE):
                self._restore_part(rule_id, ticks)
            elif rule_id in self._rules:
                self._rules[rule_id].restore(self._config.tick_s, generation, ticks, text, *later)
            elif text is not None:
                self._gone.append(Finding.from_dict(json.loads(text)))

    def _restore_part(self, part: str, state: Sequence[Any]) -> None:
        if part == _SLOS:
            self._slos.restore(state)
        elif part == _ABSENCE:
            self.absence.restore(state)
        elif part == _VALUES:
            for parent, slice_ in state:
                if parent in self._templates:
                    self._add_value(parent, slice_)
        else:
            for rule in map(Rule.of, state):
                if rule.score in self._config.specs or rule.score == CALLS:
                    self._keep(rule)
