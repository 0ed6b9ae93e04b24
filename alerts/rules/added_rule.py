"""Rules that people add while Lightship runs: read from what they write, kept with who and why. Pure.

A rule is about one service. It is known by what it says (`Rule.rule_id`), so to add the same again changes
nothing, and a rule of the settings that says the same takes its place.
"""

from __future__ import annotations

import glob
import re
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from alerts.errors import NotPossible
from detectors.finding import rfc3339
from detectors.observation import Control, ServiceKey
from detectors.rule_faults import first_fault, slice_fault
from detectors.rule_watch.service_rules import ADD, REMOVE
from detectors.rules import CALLS, Rule
from detectors.scorers import SPECS
from detectors.scorers.judgement import WithJudgements, is_judgement
from detectors.service_patterns import escaped
from detectors.slo import Slo
from detectors.slo import fault as slo_fault
from infra.clock import to_datetime
from infra.errors import Misconfigured
from infra.rule_section import RuleSettings, check_rule_receivers
from infra.settings import Settings
from infra.typed_table import build, unknown

_ESCAPED = re.compile(r"\[([*?[])\]")


@dataclass(frozen=True, slots=True)
class _File:
    """What a person writes."""

    rule: tuple[RuleSettings, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedRule:
    """Who had which service watched by what, and why. Times are ns since 1970 UTC on the wall clock.

    ``applied`` is the set of the file that has it; empty where a person added it by hand.
    """

    place: ServiceKey
    rule: Rule
    actor: str
    reason: str
    made_ns: int
    ended_ns: int | None = None
    ended_by: str | None = None
    ended_reason: str = ""
    applied: str = ""

    @property
    def in_force(self) -> bool:
        """Whether nobody removed it."""
        return self.ended_ns is None

    def over(self, actor: str, reason: str, now_ns: int) -> AddedRule:
        """The same, removed."""
        return replace(self, ended_ns=now_ns, ended_by=actor, ended_reason=reason)

    def control(self) -> Control:
        """What detection is told; told again, it changes nothing."""
        if self.in_force:
            who = {"actor": self.actor, "reason": self.reason}
            return Control(self.place, ADD, 0, {"rule": self.rule.to_dict(), **who})
        whose = {"actor": self.ended_by, "reason": self.ended_reason}
        return Control(self.place, REMOVE, 0, {"rule_id": self.rule.rule_id, **whose})

    def to_dict(self) -> dict[str, Any]:
        """As the API gives it."""
        place = self.place
        return {
            "rule_id": self.rule.rule_id,
            "tenant": place.tenant,
            "lineage": place.lineage,
            "environment": place.environment,
            "service": place.service,
            "rule": self.rule.to_dict(),
            "text": self.rule.text(),
            "actor": self.actor,
            "reason": self.reason,
            "made_at": _time(self.made_ns),
            "ended_at": None if self.ended_ns is None else _time(self.ended_ns),
            "ended_by": self.ended_by,
            "ended_reason": self.ended_reason or None,
            "applied": self.applied or None,
        }


def _time(at_ns: int) -> str:
    return rfc3339(to_datetime(at_ns))


def entry_of(added: AddedRule, role: str, now_ns: int) -> dict[str, Any]:
    """The audit of a rule that was added or removed; ``role`` is what a sign-in gave that person."""
    made = added.in_force
    facts = added.to_dict()
    about = ("tenant", "lineage", "environment", "service", "rule_id", "rule")
    return {
        "v": 1,
        "at": _time(now_ns),
        "action": "rule" if made else "rule_removed",
        "actor": added.actor if made else added.ended_by,
        "role": role or None,
        "reason": added.reason if made else added.ended_reason,
        **{name: facts[name] for name in about},
    }


def read(toml: str, settings: Settings) -> tuple[str, Rule]:
    """The rule a person wrote as a table ``[[rule]]`` of the settings, and the service it is about.

    Raises
    ------
    NotPossible
        If it is not exactly one such table, is about more than one service, can never be decided, or is in
        the settings already.
    """
    try:
        tables = tomllib.loads(toml)
        given: tuple[RuleSettings, ...] = build(_File, tables, "").rule if set(tables) == {"rule"} else ()
        check_rule_receivers(given, [receiver.name for receiver in settings.receiver])
    except (ValueError, Misconfigured) as error:
        raise NotPossible(f"not a rule: {error}") from error
    if len(given) != 1:
        raise NotPossible("write one table [[rule]], as in lightship.toml, and nothing else")
    rule = Rule.of(asdict(given[0]))
    if rule.together:
        raise NotPossible("a rule about all services together belongs into lightship.toml")
    service = _only_service(rule.services)
    checked(rule, settings)
    if rule.rule_id in {Rule.of(asdict(one)).rule_id for one in settings.rule}:
        raise NotPossible("lightship.toml has this rule already")
    return service, rule


def checked(rule: Rule, settings: Settings) -> None:
    """Whether a rule can be decided, and can fire.

    Raises
    ------
    NotPossible
        With the reason, if not.
    """
    if rule.score not in SPECS and rule.score != CALLS and not is_judgement(rule.score):
        raise NotPossible(str(unknown("score", rule.score, SPECS)))
    why_not = first_fault(rule, WithJudgements(SPECS), settings.detection.tick_s)
    if why_not is not None:
        raise NotPossible(f"the rule can never be decided, or never fires: {why_not}")


def check_rules(settings: Settings) -> None:
    """Whether every rule, objective and limit of settings can be decided, and rules can fire.

    Those about a score of one's own that was declared since the process began are left to its next start.

    Raises
    ------
    Misconfigured
        Naming the first that cannot.
    """
    for i, one in enumerate(settings.rule):
        rule = Rule.of(asdict(one))
        if any(_is_later(score, settings) for score in rule.scores()):
            continue
        try:
            checked(rule, settings)
        except NotPossible as error:
            raise Misconfigured(f"rule[{i}], {rule.text()}: {error}") from error
    known = WithJudgements(SPECS)
    for i, given in enumerate(settings.slo):
        slo = Slo(**{f.name: getattr(given, f.name) for f in fields(Slo)})
        if not _is_later(slo.score, settings):
            if slo.score not in SPECS and not is_judgement(slo.score):
                raise unknown(f"score in slo[{i}].score:", slo.score, SPECS)
            why_not = slice_fault(slo.slice) or slo_fault(slo, known[slo.score])
            if why_not is not None:
                raise Misconfigured(f"slo[{i}], {slo.text()}: {why_not}")
    flags = [name for name, spec in SPECS.items() if spec.kind == "flag"]
    for limit in settings.limit:
        if limit.score not in flags and not _is_later(limit.score, settings):
            raise unknown("flag in limit.score:", limit.score, flags)


def _is_later(score: str, settings: Settings) -> bool:
    """Whether a score was declared since the process began."""
    return score in settings.scorers.own and score not in SPECS


def _only_service(patterns: Iterable[str]) -> str:
    """The one service that patterns name without wildcards."""
    plain = [escaped(pattern) for pattern in patterns]
    names = [_ESCAPED.sub(r"\1", pattern) for pattern in plain]
    if len(names) != 1 or not names[0] or [glob.escape(names[0])] != plain:
        raise NotPossible(
            'services must name one service, such as services = ["shop"]: rules about several belong into '
            "lightship.toml"
        )
    return names[0]
