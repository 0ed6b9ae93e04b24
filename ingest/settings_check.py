"""What of the settings only these rooms know: names of scorers, scores, kinds, tenants; sums of budgets."""

from __future__ import annotations

from collections.abc import Iterator

from detectors.budgets.allocation import allot
from detectors.budgets.service_budget import ServiceBudget
from detectors.rule_faults import first_fault, slice_fault
from detectors.rules import CALLS
from detectors.scorers.judgement import WithJudgements, is_judgement
from detectors.scorers.registry import SCORER_VERSIONS
from detectors.slo import fault as slo_fault
from infra.errors import Misconfigured
from infra.settings import Settings
from infra.typed_table import unknown
from ingest.custom_scores import specs_of, with_plug_ins
from ingest.detection_settings import rules_of, slos_of
from ingest.intake_check import check_intake


def checked(settings: Settings) -> Settings:
    """``settings`` with what installed plug-ins declare, or why they cannot work.

    Raises
    ------
    Misconfigured
        As `check` does, or if a plug-in cannot be used.
    """
    whole = with_plug_ins(settings)
    check(whole)
    return whole


def check(settings: Settings) -> None:
    """Refuse names that do not exist, before anything runs.

    Raises
    ------
    Misconfigured
        With the nearest name that does exist.
    """
    specs = specs_of(settings)
    scorers = {*SCORER_VERSIONS, *settings.scorers.own}
    for name in settings.scorers.off:
        if name not in scorers:
            raise unknown("scorer in scorers.off:", name, scorers)
    for name in settings.score:
        if name not in specs and not is_judgement(name):
            raise unknown("score in [score]:", name, specs)
    b = settings.budget
    own = {name: ServiceBudget(s.pages_per_month, s.tickets_per_week) for name, s in settings.service.items()}
    try:
        allot(ServiceBudget(b.pages_per_month, b.tickets_per_week), own, (), b.max_services)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    flags = [name for name, spec in specs.items() if spec.kind == "flag"]
    for limit in settings.limit:
        if limit.score not in flags:
            raise unknown("flag in limit.score:", limit.score, flags)
    for where, score in _named(settings):
        if score not in specs and not is_judgement(score):
            raise unknown(f"score in {where}.score:", score, specs)
    known = WithJudgements(specs)
    for rule in rules_of(settings):
        wrong = first_fault(rule, known, settings.detection.tick_s)
        if wrong is not None:
            raise Misconfigured(f"[[rule]] {rule.text()}: {wrong}")
    for slo in slos_of(settings):
        wrong = slice_fault(slo.slice) or slo_fault(slo, known[slo.score])
        if wrong is not None:
            raise Misconfigured(f"[[slo]] {slo.text()}: {wrong}")
    check_intake(settings)


def _named(settings: Settings) -> Iterator[tuple[str, str]]:
    """Where rules and objectives name scores, and which."""
    for i, rule in enumerate(settings.rule):
        if rule.score != CALLS:
            yield f"rule[{i}]", rule.score
        yield from ((f"rule[{i}].and[{j}]", one.score) for j, one in enumerate(rule.and_))
    yield from ((f"slo[{i}]", one.score) for i, one in enumerate(settings.slo))
