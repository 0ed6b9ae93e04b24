"""Rules over all services of a tenant together: one measure of what they sent in sum, against one limit.

Ticks are those that every shard has closed, so the verdict does not depend on the order in which services
were counted. Counts of a tick are added cell by cell over the services that a rule is for. State is the open
ticks, the window of each rule, the finding that is open and what was accepted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from detectors.closed_ticks import SharedRow
from detectors.counts.pending_controls import text_of
from detectors.finding import Finding
from detectors.observation import Control, ServiceKey
from detectors.rule_watch.limit_state import ended
from detectors.rule_watch.rule_state import WatchedRule
from detectors.rules import Rule, tick_sum
from detectors.watch_config import WatchConfig

GONE = "over: the rule is not in the settings any more"
_OPEN = "open"
"""Stands where the id of a rule does, before the counts of ticks that are open."""


class RulesTogether:
    """The rules about all services of one tenant, lineage and environment, which ``key`` names."""

    def __init__(self, key: ServiceKey, config: WatchConfig) -> None:
        self._key, self._config = key, config
        self._rules: dict[str, WatchedRule] = {}
        self._open: dict[int, dict[str, dict[int, int]]] = {}
        self._gone: list[Finding] = []
        self.replace(config.rules, 0)

    def replace(self, rules: Iterable[Rule], tick: int) -> list[Finding]:
        """Go by these before ``tick`` closes; one that says the same goes on, what others stated is over."""
        mine = {r.rule_id: r for r in rules if r.together and r.score in self._config.specs}
        over = [
            ended(one.finding, tick - 1, self._config.tick_s, GONE)
            for rule_id, one in self._rules.items()
            if rule_id not in mine and one.finding is not None
        ]
        begin = {rule_id: WatchedRule.of(rule, self._config.tick_s) for rule_id, rule in mine.items()}
        self._rules = {rule_id: self._rules.get(rule_id, begin[rule_id]) for rule_id in mine}
        for rule_id, rule in mine.items():
            self._rules[rule_id].window.rule = rule
        for held in self._open.values():
            for rule_id in held.keys() - mine.keys():
                del held[rule_id]
        return over

    def add(self, row: SharedRow) -> None:
        """Count one series of one service in one closed tick."""
        for rule_id, one in self._rules.items():
            if is_about(one.window.rule, row.unit, row.score, row.slice) and one.window.rule.is_for(
                row.service
            ):
                counts = self._open.setdefault(row.tick, {}).setdefault(rule_id, {})
                for cell, n in zip(row.cells, row.counts, strict=True):
                    counts[cell] = counts.get(cell, 0) + n

    def ticks(self) -> Iterable[int]:
        """Ticks that are open and hold something."""
        return self._open.keys()

    def close(self, tick: int) -> list[Finding]:
        """Decide every rule at the end of a tick: what broke, and what is over."""
        held, tick_s = self._open.pop(tick, {}), self._config.tick_s
        findings = [ended(f, tick, tick_s, GONE) for f in self._gone]
        self._gone = []
        for rule_id, one in self._rules.items():
            if rule_id not in held:
                continue  # missing data decides nothing
            spec = self._config.specs[one.window.rule.score]
            counts = sorted(held[rule_id].items())
            found = tick_sum(tick, [cell for cell, _ in counts], [n for _, n in counts], spec.grid)
            findings += one.close(tick, found, spec, self._key, self._config)
        return findings

    def accept(self, record: Control, tick: int) -> list[Finding]:
        """End a finding that a person accepts before ``tick`` closes; nothing if it is not open here."""
        finding_id = text_of(record.body, "finding_id")
        for one in self._rules.values():
            grid = self._config.specs[one.window.rule.score].grid
            over = one.accept(finding_id, tick, grid, self._config.tick_s)
            if over:
                return over
        return []

    def open_findings(self) -> list[Finding]:
        """What was stated and has not ended."""
        return [one.finding for one in self._rules.values() if one.finding is not None] + self._gone

    def state(self) -> list[list[Any]]:
        """Plain form for a snapshot; empty where there is no rule and nothing to end."""
        kept: list[list[Any]] = [[rule_id, *one.state()] for rule_id, one in self._rules.items()]
        kept += [["", 0, [], finding.to_json()] for finding in self._gone]
        held = [
            [tick, [[rule_id, sorted(counts.items())] for rule_id, counts in sorted(rules.items())]]
            for tick, rules in sorted(self._open.items())
        ]
        return [*kept, [_OPEN, 0, held, None]] if held else kept

    def restore(self, state: Sequence[Sequence[Any]]) -> None:
        """Inverse of `state`; what a rule stated that is not there any more ends with the next tick."""
        for rule_id, generation, ticks, text, *later in state:
            if rule_id == _OPEN:
                self._open = {
                    tick: {name: dict(map(tuple, counts)) for name, counts in rules if name in self._rules}
                    for tick, rules in ticks
                }
            elif rule_id in self._rules:
                self._rules[rule_id].restore(self._config.tick_s, generation, ticks, text, *later)
            elif text is not None:
                self._gone.append(Finding.from_dict(json.loads(text)))


def is_about(rule: Rule, unit: str, score: str, slice_: str) -> bool:
    """Whether a rule is about a series."""
    return (unit, score, slice_) == (rule.unit, rule.score, rule.slice)
