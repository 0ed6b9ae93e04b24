"""What an operator's rule or objective says, told as what it measures. Pure.

``spent $0.045 in 10 min, limit $0.02``
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from alerts.briefs import figures
from alerts.briefs.quantities import amount
from alerts.briefs.tally import counted_as
from detectors.finding import Finding, FulfilledCondition
from detectors.rules import ABSENT, CALLS
from detectors.scorers import SPECS

SPENT = ("USD",)
"""Units of money: a sum of it was spent."""
_OF_VALUES = re.compile(r"rule .*?: ([0-9.]+) % quantile ")
"""How `Rule.text` begins where the rule is about a quantile."""


def limit_text(finding: Finding, named: Callable[[str], str]) -> str:
    """A broken limit in words, without where and since when; empty where what was measured is not known.

    ``named`` gives the name of a score inside a sentence. What held besides follows.
    """
    said = _limit_text(finding, named(finding.score))
    if said and finding.factor is not None:
        said += f" ({finding.factor:g} times a week before)"
    return " and ".join([said, *(limit_text(_beside(finding, one), named) for one in finding.conditions)])


def _beside(finding: Finding, met: FulfilledCondition) -> Finding:
    """What held besides, as a finding of its own."""
    return replace(
        finding,
        score=met.score,
        measure=met.measure,
        direction=met.direction,
        current_value=met.value,
        baseline_value=met.limit,
        factor=met.factor,
        conditions=(),
        notes=(),
    )


def _limit_text(finding: Finding, name: str) -> str:
    value, limit = finding.current_value, finding.baseline_value
    if value is None or limit is None:
        return ""
    of = counted_as(finding.score, finding.unit)
    if finding.alert_kind == "slo":
        now, allowed = figures.distinct(value, limit, _share)
        return f"{name} {now} of {of}, the objective allows {allowed}"
    if finding.measure is None or (finding.window_s is None and finding.window is None):
        return ""
    spec = SPECS.get(finding.score)
    unit = spec.value_unit if spec is not None else ""
    span = f"the calendar {finding.window}" if finding.window_s is None else figures.span(finding.window_s)
    within = f"in {span}"
    under = finding.direction == "fall"
    bound = "at least" if under else "limit"
    if finding.measure == ABSENT:
        return f"no {of}{'' if finding.score == CALLS else f' with {name}'} for {span}"
    if finding.measure == "count":
        now, allowed = figures.distinct(value, limit, figures.number)
        return f"{'only ' if under else ''}{now} {of} {within}, {bound} {allowed}"
    if finding.measure == "rate":
        now, allowed = figures.distinct(value, limit, _share)
        return f"{name} {now} of {of} {within}, {bound} {allowed}"
    now, allowed = figures.distinct(value, limit, lambda x, more: amount(x, unit, 3 + more))
    if finding.measure == "sum":
        said = f"spent {now}" if unit in SPENT else f"{name} {now} in all"
        return f"{said} {within}, {bound} {allowed}"
    measure = "mean" if finding.measure == "mean" else _quantile(finding)
    return f"{measure} {name} {now} {within}, {bound} {allowed}"


def _quantile(finding: Finding) -> str:
    """``p95``, as the rule's own words have it: a finding names the measure alone."""
    said = next((m[1] for note in finding.notes if (m := _OF_VALUES.match(note))), "")
    return f"p{said}" if said else f"{finding.measure} of"


def _share(value: float, more: int) -> str:
    return figures.share(value, None, more)
