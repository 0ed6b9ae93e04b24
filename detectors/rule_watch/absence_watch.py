"""Rules about what does not come, in one service: by the minute of event time, whether or not ticks close.

The clock of a rule begins with the service's first minute, and anew with every record it is about. Minutes in
which Lightship did not run are left out of a live lineage's (`Traffic`): nobody could have heard anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from detectors.finding import ALL, Finding, finding_id
from detectors.observation import Column, Observation, ServiceKey, series_id, slice_pairs
from detectors.rule_watch.rule_labels import labels
from detectors.rules import ABSENT, CALLS, Rule
from detectors.traffic.silence import time_of
from detectors.traffic.traffic import CALL_SCORES, LIVE, PAUSE

DETECTOR = "absent.1"


@dataclass(slots=True)
class _Watched:
    """``seen`` is the minute of the last record, or of the rule's start; ``away`` are minutes left out."""

    rule: Rule
    seen: int | None = None
    away: int = 0
    finding: Finding | None = None
    accepted: bool = False

    def come(self, minute: int) -> list[Finding]:
        """A record came; what is over."""
        if self.seen is not None and minute <= self.seen:
            return []
        self.seen, self.away, self.accepted = minute, 0, False
        over, self.finding = self.finding, None
        return [] if over is None else [replace(over, ended_at=max(time_of(minute), over.made_at))]


class AbsenceWatch:
    """The rules of one service whose measure is ``absent``."""

    def __init__(self, key: ServiceKey, config_hash: str, rules: Iterable[Rule]) -> None:
        self._key, self._config_hash = key, config_hash
        self._rules = {r.rule_id: _Watched(r) for r in rules if r.measure == ABSENT}
        self._before: int | None = None
        self._over: list[Finding] = []

    def add(self, rule: Rule) -> None:
        """Watch by one more."""
        known = self._rules.get(rule.rule_id)
        if known is None:
            self._rules[rule.rule_id] = _Watched(rule)
        else:
            known.rule = rule

    def remove(self, rule_id: str, at: int, note: str) -> list[Finding]:
        """Watch by it no more, from the minute ``at`` on; ``note`` says why."""
        gone = self._rules.pop(rule_id, None)
        return [] if gone is None else _ended(gone, at, note)

    def accept(self, said: str, at: int) -> list[Finding]:
        """A person lives with what was stated, until something comes again."""
        for one in self._rules.values():
            if one.finding is not None and one.finding.finding_id == said:
                one.accepted = True
                return _ended(one, at, "accepted")
        return []

    def observe(self, o: Observation) -> None:
        """Take note of the records of one observation."""
        for one in self._rules.values():
            latest = _latest(one.rule, o)
            if latest is not None:
                self._over += one.come(latest)

    def pass_time(self, until: int) -> list[Finding]:
        """Decide every rule once all before the minute ``until`` was observed."""
        before = until if self._before is None else self._before
        paused = until - before if self._key.lineage == LIVE and until - before >= PAUSE else 0
        found, self._over = self._over, []
        for one in self._rules.values():
            if one.seen is None:
                one.seen = until - 1
            one.away += max(min(paused, until - 1 - one.seen), 0)
            missing = until - 1 - one.seen - one.away
            if one.finding is None and not one.accepted and missing * 60 >= one.rule.window_s:
                one.finding = self._stated(one.rule, one.seen, missing, until)
                found.append(one.finding)
        self._before = max(until, before)
        return found

    def _stated(self, rule: Rule, seen: int, missing: int, until: int) -> Finding:
        own = series_id(self._key, rule.unit, rule.score, 1, rule.slice)
        limit = rule.window_s / 60
        return Finding(
            finding_id=finding_id(own, DETECTOR, rule.rule_id, seen),
            alert_kind="rule",
            status="confirmed",
            tenant=self._key.tenant,
            lineage=self._key.lineage,
            environment=self._key.environment or None,
            service=self._key.service,
            unit=rule.unit,
            score=rule.score,
            slice=rule.slice,
            series=own,
            made_at=time_of(until),
            severity=rule.severity,
            onset=time_of(seen + 1),
            onset_low=time_of(seen),
            onset_high=time_of(seen + 1),
            effect=missing - limit,
            effect_unit="minutes without one",
            direction="rise",
            baseline_value=limit,
            current_value=float(missing),
            n=0,
            detector=DETECTOR,
            config_hash=self._config_hash,
            notes=(f"rule {rule.text()}",),
            measure=ABSENT,
            window_s=rule.window_s,
            **labels(rule),
        )

    def state(self) -> list[Any]:
        """Plain form for a snapshot; empty without rules."""
        if not self._rules and not self._over:
            return []
        rules = [
            [i, w.seen, w.away, None if w.finding is None else w.finding.to_dict(), w.accepted]
            for i, w in self._rules.items()
        ]
        return [self._before, rules, [f.to_dict() for f in self._over]]

    def restore(self, state: Sequence[Any]) -> None:
        """Inverse of `state`, for the rules there are; what a rule that is gone had stated is over."""
        self._before, rules, over = state
        self._over = [Finding.from_dict(f) for f in over]
        for rule_id, seen, away, told, accepted in rules:
            finding = None if told is None else Finding.from_dict(told)
            if rule_id in self._rules:
                rule = self._rules[rule_id].rule
                self._rules[rule_id] = _Watched(rule, seen, away, finding, accepted)
            elif finding is not None:
                gone = _Watched(Rule(CALLS, ABSENT, 60, ">", 0), finding=finding)
                self._over += _ended(
                    gone, self._before or 0, "over: the rule is not in the settings any more"
                )


def _ended(one: _Watched, at: int, note: str) -> list[Finding]:
    over, one.finding = one.finding, None
    if over is None:
        return []
    return [replace(over, ended_at=max(time_of(at), over.made_at), notes=(*over.notes, note))]


def _latest(rule: Rule, o: Observation) -> int | None:
    """Minute of the latest row of an observation that a rule is about."""
    if o.unit != rule.unit:
        return None
    names = CALL_SCORES if rule.score == CALLS else (rule.score,)
    measured = [o.scores[name].rows for name in names if name in o.scores]
    wanted = [] if rule.slice == ALL else list(slice_pairs(rule.slice).items())
    minutes = [
        minute
        for row, minute in enumerate(o.minutes)
        if any(cells[row] >= 0 for cells in measured)
        and all(_value(o.dimensions.get(name), row) == value for name, value in wanted)
    ]
    return max(minutes, default=None)


def _value(column: Column | None, row: int) -> str | None:
    if column is None or column.rows[row] < 0:
        return None
    return column.values[column.rows[row]]
