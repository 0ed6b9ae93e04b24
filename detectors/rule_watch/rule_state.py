"""One rule under watch: its window, the breach there is, and the finding that is open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from detectors.finding import Finding, FulfilledCondition
from detectors.grid import Grid
from detectors.observation import ServiceKey
from detectors.rule_watch.limit_state import LimitStatement, ended, stated
from detectors.rule_watch.rule_labels import labels
from detectors.rules import BREACH, OK, Rule, TickSum, Verdict, Window, is_clearly_worse, joint
from detectors.scorers.protocol import ScoreSpec
from detectors.watch_config import WatchConfig

DETECTOR = "rule.1"


@dataclass(slots=True)
class WatchedRule:
    """One rule: the generation of its score that its window holds, and the finding that is open.

    ``besides`` are the windows of the conditions that must hold, too, with their generations.
    ``accepted`` is the measure that a person took for fine though it breaks the rule, ``since`` the first
    tick of the breach there is.
    """

    window: Window
    generation: int = 0
    finding: Finding | None = None
    accepted: float | None = None
    since: int | None = None
    besides: list[tuple[Window, int]] = field(default_factory=list)

    @classmethod
    def of(cls, rule: Rule, tick_s: int) -> WatchedRule:
        """One that begins."""
        return cls(Window(rule, tick_s), besides=[(Window(one, tick_s), 0) for one in rule.conditions()])

    def close(
        self,
        tick: int,
        found: TickSum,
        spec: ScoreSpec,
        key: ServiceKey,
        config: WatchConfig,
        besides: Sequence[tuple[TickSum, ScoreSpec]] = (),
    ) -> list[Finding]:
        """Decide at the end of ``tick``, which holds ``found``: what begins, or what is over.

        ``besides`` is what it holds of each of the conditions that must hold, too.
        """
        if spec.generation != self.generation:
            self.window.clear()
            self.generation, self.accepted = spec.generation, None
        others = [self._beside(i, tick, *one) for i, one in enumerate(besides)]
        verdict = joint(self.window.close(tick, found, spec.grid), others)
        lasts = self._lasts(verdict, tick, config.tick_s)
        if lasts and self._is_new(verdict):
            self.finding = self._stated(verdict, tick, spec, key, config, others)
            self.accepted = None
            return [self.finding]
        if verdict.status == OK:
            self.accepted = None
            if self.finding is not None:
                over, self.finding = ended(self.finding, tick, config.tick_s), None
                return [over]
        return []

    def _beside(self, i: int, tick: int, found: TickSum, spec: ScoreSpec) -> Verdict:
        window, generation = self.besides[i]
        if spec.generation != generation:
            window.clear()
            self.besides[i] = window, spec.generation
        return window.close(tick, found, spec.grid)

    def accept(self, finding_id: str, tick: int, grid: Grid | None, tick_s: int) -> list[Finding]:
        """End a finding that a person accepts before ``tick`` closes; nothing if another one is open.

        What is accepted is the measure as it is then, or as it was stated if that was further off.
        """
        open_ = self.finding
        if open_ is None or open_.finding_id != finding_id:
            return []
        now = self.window.decide(tick - 1, grid)
        limit = open_.baseline_value if now.limit is None else now.limit
        known = [v for v in (open_.current_value, now.value) if v is not None]
        self.accepted = max(known, key=lambda v: abs(v - (limit or 0.0)))
        self.finding = None
        return [ended(open_, tick - 1, tick_s, f"accepted at {self.accepted:g}")]

    def _lasts(self, verdict: Verdict, tick: int, tick_s: int) -> bool:
        """Whether a breach has lasted as long as the rule says; called at every tick."""
        if verdict.status == OK:
            self.since = None
        elif verdict.status == BREACH and self.since is None:
            self.since = tick
        since = tick if self.since is None else self.since
        return verdict.status == BREACH and (tick - since) * tick_s >= self.window.rule.for_s

    def _is_new(self, verdict: Verdict) -> bool:
        """Whether a breach is to be stated."""
        if self.finding is not None or verdict.value is None or verdict.limit is None:
            return False
        return self.accepted is None or is_clearly_worse(verdict.limit, verdict.value, self.accepted)

    def _stated(
        self,
        verdict: Verdict,
        tick: int,
        spec: ScoreSpec,
        key: ServiceKey,
        config: WatchConfig,
        others: Sequence[Verdict],
    ) -> Finding:
        """The finding of a breach. What became worse than was accepted began now, not with its window."""
        window, rule, accepted = self.window, self.window.rule, self.accepted
        anew = () if accepted is None else (f"worse than {accepted:g}, which was accepted",)
        said = LimitStatement(
            first=min((t.tick for t in window.looked_at(tick)), default=tick) if accepted is None else tick,
            severity=rule.severity,
            value=0.0 if verdict.value is None else verdict.value,
            limit=rule.limit if verdict.limit is None else verdict.limit,
            effect_unit="rate" if rule.measure == "rate" else spec.value_unit or rule.measure,
            direction="rise" if rule.is_over() else "fall",
            n=verdict.n,
            notes=(f"rule {rule.text()}", *anew),
            measure=_measure(rule),
            window_s=None if rule.window else rule.window_s,
        )
        finding = stated(
            rule,
            said,
            key,
            config,
            generation=spec.generation,
            alert_kind="rule",
            detector=DETECTOR,
            ids=(rule.rule_id,),
            tick=tick,
        )
        factor = rule.limit if rule.compare else None
        return replace(
            finding,
            compare=rule.compare or None,
            factor=factor,
            window=rule.window or None,
            conditions=tuple(map(_met, rule.conditions(), others)),
            **labels(rule),
        )

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        besides = [[generation, [_plain(t) for t in window]] for window, generation in self.besides]
        later = [self.accepted, self.since, besides or None]
        while later and later[-1] is None:
            later.pop()
        text = None if self.finding is None else self.finding.to_json()
        return [self.generation, [_plain(t) for t in self.window], text, *later]

    def restore(
        self, tick_s: int, generation: int, ticks: Sequence[Any], text: str | None, *later: Any
    ) -> None:
        """Inverse of `state`."""
        self.window = Window(self.window.rule, tick_s, [_tick(t) for t in ticks])
        self.generation = generation
        self.finding = None if text is None else Finding.from_dict(json.loads(text))
        self.accepted, self.since, besides = (*later, None, None, None)[:3]
        for i, (of, held) in enumerate(besides or ()):
            rule = self.besides[i][0].rule
            self.besides[i] = Window(rule, tick_s, [_tick(t) for t in held]), of


def _measure(rule: Rule) -> str:
    return f"p{100 * rule.quantile:g}" if rule.measure == "quantile" else rule.measure


def _met(rule: Rule, verdict: Verdict) -> FulfilledCondition:
    limit = rule.limit if verdict.limit is None else verdict.limit
    value = 0.0 if verdict.value is None else verdict.value
    direction, factor = "rise" if rule.is_over() else "fall", rule.limit if rule.compare else None
    return FulfilledCondition(rule.score, _measure(rule), direction, value, limit, factor)


def _plain(tick: TickSum) -> list[Any]:
    return [tick.tick, tick.n, tick.total, [list(pair) for pair in tick.cells]]


def _tick(plain: Sequence[Any]) -> TickSum:
    tick, n, total, cells = plain
    return TickSum(tick, n, total, tuple((cell, count) for cell, count in cells))
