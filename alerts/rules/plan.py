"""A file of rules against the rules that are in force: what is to be added, changed and removed. Pure.

A rule of a file is for every service of a tenant that its patterns name, in every environment, as in the
settings, and is known by what it says. Its owner is the set that the file is applied as: a set removes what
is its own and not in the file any more, and what people added by hand only where it is to be pruned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace

from alerts.apply_plan import REMOVE, Application, Plan, Step, whose
from alerts.errors import NotPossible
from alerts.incidents.identity import LIVE
from alerts.rules.added_rule import AddedRule, checked
from detectors.observation import ServiceKey
from detectors.rule_watch.service_rules import MOST_ADDED
from detectors.rules import Rule
from infra.errors import Misconfigured
from infra.rule_section import RuleSettings, check_rule_receivers
from infra.settings import Settings
from infra.typed_table import build

Key = tuple[ServiceKey, str]
"""Where a rule is in force, and which it is."""


def rules_in(tables: Sequence[object], settings: Settings) -> list[Rule]:
    """The rules of the tables ``[[rule]]`` of a file.

    Raises
    ------
    NotPossible
        If one is no rule, can never be decided, or stands there twice.
    """
    rules: dict[str, Rule] = {}
    for i, table in enumerate(tables):
        try:
            given: RuleSettings = build(RuleSettings, table, f"rule[{i}]")
        except Misconfigured as error:
            raise NotPossible(f"not a rule: {error}") from error
        rule = Rule.of(asdict(given))
        try:
            check_rule_receivers([given], [receiver.name for receiver in settings.receiver])
            checked(rule, settings)
        except (Misconfigured, NotPossible) as error:
            raise NotPossible(f"rule[{i}], {rule.text()}: {error}") from error
        if rule.rule_id in rules:
            raise NotPossible(f"rule[{i}] says what another one says: {rule.text()}")
        rules[rule.rule_id] = rule
    return list(rules.values())


def planned(
    wanted: Sequence[Rule],
    in_settings: Mapping[str, Rule],
    in_force: Sequence[AddedRule],
    services: Collection[ServiceKey],
    by: Application,
    *,
    prune: bool,
    whole: bool,
) -> Plan[AddedRule]:
    """What is to be done so that a set is as a file says.

    ``in_settings`` are the rules of the settings by their ids, which detection has anyway; ``whole``: the
    file is one of settings, so what it does not have is to go from there, too.

    Raises
    ------
    NotPossible
        If another set has one of the rules, one is about services together, or a service would have too many.
    """
    there = {
        (one.place, one.rule.rule_id): one
        for one in in_force
        if one.place.tenant == by.tenant and one.place.lineage == LIVE
    }
    places = [key for key in services if key.tenant == by.tenant and key.lineage == LIVE]
    places = sorted({*places, *(place for place, _ in there)}, key=_order)
    steps: list[Step[AddedRule]] = []
    warnings = _of_settings(wanted, in_settings, whole=whole)
    for rule in wanted:
        if rule.rule_id in in_settings:
            continue
        if rule.together:
            warnings.append(_together(rule, whole=whole))
            continue
        mine = [place for place in places if rule.is_for(place.service)]
        if not mine:
            named = ", ".join(rule.services) or "any service"
            warnings.append(f"{rule.text()}: nothing came from {named} yet; apply it again when it has")
        steps += [_step(_added(place, rule, by), there.get((place, rule.rule_id))) for place in mine]
    kept = {(step.new.place, step.new.rule.rule_id) for step in steps if step.new is not None}
    gone = [
        Step(None, one, why="" if one.applied else whose(one.applied, one.actor))
        for key, one in there.items()
        if key not in kept and (one.applied == by.set_ or (prune and not one.applied))
    ]
    plan = Plan(_paired(steps, gone), warnings)
    _check_numbers(plan, there)
    return plan


def _added(place: ServiceKey, rule: Rule, by: Application) -> AddedRule:
    return AddedRule(
        place=place, rule=rule, actor=by.actor, reason=by.reason, made_ns=by.now_ns, applied=by.set_
    )


def _order(key: ServiceKey) -> tuple[str, str]:
    return key.service, key.environment


def _of_settings(wanted: Sequence[Rule], in_settings: Mapping[str, Rule], *, whole: bool) -> list[str]:
    """What the settings, as they were read at the start, have otherwise."""
    ids = {rule.rule_id for rule in wanted}
    other = [rule for rule in wanted if in_settings.get(rule.rule_id, rule) != rule]
    gone = [rule for rule_id, rule in in_settings.items() if whole and rule_id not in ids]
    return [
        f"{rule.text()}: its name, severity, owner, runbook and receivers are those of the "
        "lightship.toml that the alerts service reads"
        for rule in other
    ] + [
        f"{rule.text()}: the lightship.toml that the alerts service reads has it, so it stays in force"
        for rule in gone
    ]


def _together(rule: Rule, *, whole: bool) -> str:
    """That a rule about services together is none of a service: it is decided by the settings alone."""
    if not whole:
        raise NotPossible(f"{rule.text()}: a rule about all services together belongs into lightship.toml")
    return f"{rule.text()}: it is about all services together, so it is in force once Lightship is restarted"


def _step(new: AddedRule, old: AddedRule | None) -> Step[AddedRule]:
    if old is None:
        return Step(new, None)
    if old.applied not in ("", new.applied):
        raise NotPossible(
            f"{new.rule.text()} at {new.place.service} is {whose(old.applied, old.actor)}: leave it to that, "
            "or take it out there first"
        )
    same = old.rule == new.rule
    if old.applied == new.applied:
        return Step(new, old, is_same=same, why="" if same else "what it is called, or who is told")
    return Step(new, old, why=f"{whose(old.applied, old.actor)}; the file has it from now on")


def _paired(steps: Sequence[Step[AddedRule]], gone: Sequence[Step[AddedRule]]) -> list[Step[AddedRule]]:
    """The same, where of one name a rule is added and another removed is one step: it changes."""
    by_name: dict[tuple[ServiceKey, str], list[AddedRule]] = {}
    for step in gone:
        if step.old is not None and step.old.rule.name:
            by_name.setdefault((step.old.place, step.old.rule.name), []).append(step.old)
    adds = Counter((s.new.place, s.new.rule.name) for s in steps if s.new is not None and s.old is None)
    out, used = [], set()
    for step in steps:
        key = (step.new.place, step.new.rule.name) if step.new is not None else None
        olds = by_name.get(key, []) if key is not None and step.old is None and adds[key] == 1 else []
        if len(olds) == 1:
            used.add((olds[0].place, olds[0].rule.rule_id))
            out.append(Step(step.new, olds[0]))
        else:
            out.append(step)
    left = [s for s in gone if s.old is not None and (s.old.place, s.old.rule.rule_id) not in used]
    return [*out, *left]


def _check_numbers(plan: Plan[AddedRule], there: Mapping[Key, AddedRule]) -> None:
    left = set(there)
    for step in plan.to_do:
        if step.old is not None:
            left.discard((step.old.place, step.old.rule.rule_id))
    left |= {(s.new.place, s.new.rule.rule_id) for s in plan.to_do if s.new is not None}
    most = Counter(place for place, _ in left).most_common(1)
    if most and most[0][1] > MOST_ADDED:
        place, n = most[0]
        raise NotPossible(
            f"{place.service} would have {n} added rules: {MOST_ADDED} at most, or use the settings"
        )


def spread(added: Sequence[AddedRule], services: Collection[ServiceKey], now_ns: int) -> list[AddedRule]:
    """Applied rules for services that were not known when they were applied.

    ``added`` are all rules that were ever added; one that somebody removed from a service stays removed.
    """
    ever = {(one.place, one.rule.rule_id) for one in added}
    numbers = Counter(one.place for one in added if one.in_force)
    latest = {(one.place.tenant, one.rule.rule_id): one for one in added if one.in_force and one.applied}
    out = []
    for (tenant, rule_id), one in latest.items():
        for place in sorted(services, key=_order):
            here = place.tenant == tenant and place.lineage == LIVE and one.rule.is_for(place.service)
            if here and (place, rule_id) not in ever and numbers[place] < MOST_ADDED:
                numbers[place] += 1
                out.append(replace(one, place=place, made_ns=now_ns))
    return out


def row(step: Step[AddedRule]) -> dict[str, str | None]:
    """What a step is about."""
    one = step.new or step.old
    if one is None:
        return {}
    was = step.old.rule.text() if step.old is not None and step.action != REMOVE else None
    return {
        "rule_id": one.rule.rule_id,
        "service": one.place.service,
        "environment": one.place.environment,
        "name": one.rule.name,
        "text": one.rule.text(),
        "was": was if was != one.rule.text() else None,
    }
