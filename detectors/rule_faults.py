"""Why a rule can never fire, or never be decided, as it stands: said with the remedy. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from detectors.calendar_period import is_zone
from detectors.finding import ALL
from detectors.observation import slice_pairs
from detectors.rules import ABSENT, CALLS, NO_LIMIT, OPS, USUAL_WINDOW_S, UTC, Rule
from detectors.scorers.protocol import ScoreSpec

DIMENSIONS = (
    *("language", "provider", "request_model", "response_model"),
    *("release", "prompt_version", "system_prompt", "operation"),
)
"""By whose values traffic is divided."""


def fault(rule: Rule, spec: ScoreSpec | None, tick_s: int) -> str | None:
    """What is wrong with a rule; ``None`` if nothing is. A rule about calls (`CALLS`) has no ``spec``."""
    where = slice_fault(rule.slice) or _by_fault(rule)
    if where is not None:
        return where
    if rule.together and (rule.by or rule.measure == ABSENT):
        what = "by" if rule.by else "measure = 'absent'"
        return f"together and {what}: take one of the two; of one value together say it with slice"
    if rule.measure == ABSENT and rule.compare:
        return "compare is for what is measured: measure = 'absent' looks at window_s alone"
    calendar = _calendar_fault(rule)
    if calendar is not None:
        return calendar
    if rule.measure == ABSENT:
        return _absent_fault(rule, spec)
    if spec is None:
        return (
            f"score = {CALLS!r} is for measure = 'absent': take count of a score that every call has, error"
        )
    return _measure_fault(rule, spec, tick_s) or _limit_fault(rule, spec)


def first_fault(rule: Rule, specs: Mapping[str, ScoreSpec], tick_s: int) -> str | None:
    """What is wrong with a rule or one of its conditions; ``None`` if nothing is."""
    if rule.score != CALLS and rule.score not in specs:
        return f"{rule.score!r} is no score"
    found = fault(rule, None if rule.score == CALLS else specs[rule.score], tick_s)
    if found is not None or not rule.and_:
        return found
    if rule.together or rule.measure == ABSENT:
        what = "together" if rule.together else "measure = 'absent'"
        return f"and is for what is measured of each service: leave {what} out, or take two rules"
    for one in rule.conditions():
        if one.measure == ABSENT or one.score == CALLS:
            return "and: measure is one of rate, mean, quantile, sum, count"
        found = first_fault(one, specs, tick_s)
        if found is not None:
            return f"and {one.text()}: {found}"
    return None


def slice_fault(slice_: str) -> str | None:
    """What is wrong with a slice."""
    if slice_ == ALL:
        return None
    if "*" in slice_:
        return (
            f"slice = {slice_!r}: a slice names one value, not a pattern; for each value of a dimension by "
            f"itself leave slice out and write by = {slice_.split('=', maxsplit=1)[0]!r}"
        )
    try:
        pairs = slice_pairs(slice_)
    except ValueError:
        return f"slice = {slice_!r} is none of all, dim=value"
    if len(pairs) != 1:
        return f"slice = {slice_!r}: traffic is divided by one dimension at a time, take one dim=value"
    ((name, value),) = pairs.items()
    if name not in DIMENSIONS:
        return f"slice = {slice_!r}: {_unknown(name)}"
    return None if value else f"slice = {slice_!r}: which {name}?"


def _by_fault(rule: Rule) -> str | None:
    if not rule.by:
        return None
    if rule.slice != ALL:
        return f"by = {rule.by!r} and slice = {rule.slice!r}: take one of the two"
    if rule.measure == ABSENT:
        return "by is for values that come: of measure = 'absent' name each one in a rule with slice"
    return None if rule.by in DIMENSIONS else f"by: {_unknown(rule.by)}"


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, DIMENSIONS, n=1, cutoff=0.5)
    hint = f", did you mean {near[0]!r}?" if near else ""
    return f"{name!r} is no dimension{hint} (known: {', '.join(DIMENSIONS)})"


def _calendar_fault(rule: Rule) -> str | None:
    if not rule.window:
        if rule.time_zone == UTC:
            return None
        return f"time_zone = {rule.time_zone!r} is for window = 'day' or 'month': window_s has none"
    if rule.measure == ABSENT or rule.compare:
        other = "measure = 'absent'" if rule.measure == ABSENT else f"compare = {rule.compare!r}"
        return f"window = {rule.window!r} and {other}: take one of the two, the other goes with window_s"
    if rule.window_s != USUAL_WINDOW_S:
        return f"window = {rule.window!r} and window_s = {rule.window_s}: take one of the two"
    if not is_zone(rule.time_zone):
        return f"time_zone = {rule.time_zone!r} is no time zone: give one such as Europe/Berlin"
    return None


def _absent_fault(rule: Rule, spec: ScoreSpec | None) -> str | None:
    if spec is not None and rule.unit != spec.unit:
        return f"unit = {rule.unit!r}: {rule.score} is measured per {spec.unit}"
    if spec is None and rule.unit != "interaction":
        return f"unit = {rule.unit!r}: calls are interactions"
    if rule.window_s % 60:
        return f"window_s = {rule.window_s} must be whole minutes: absent goes by the minute"
    if rule.limit not in (NO_LIMIT, 0.0) or rule.for_s:
        return "measure = 'absent' has neither limit nor for_s: window_s says how long nothing may come"
    return None


def _measure_fault(rule: Rule, spec: ScoreSpec, tick_s: int) -> str | None:
    if rule.unit != spec.unit:
        return f"unit = {rule.unit!r}: {rule.score} is measured per {spec.unit}"
    if not rule.window and rule.window_s % tick_s:
        return f"window_s = {rule.window_s} must be a multiple of detection.tick_s = {tick_s}"
    if rule.measure == "rate" and spec.kind != "flag":
        return f"measure = 'rate' is for flags: {rule.score} is {spec.kind}, take mean or quantile"
    if rule.compare:
        compared = _compare_fault(rule, spec)
        if compared is not None:
            return compared
    if spec.grid is None and rule.measure != "count":
        return f"measure = {rule.measure!r}: {rule.score} has names for values, only count can be taken"
    if rule.measure == "quantile" and (rule.slice != ALL or rule.by):
        sliced = f"slice {rule.slice!r}" if rule.slice != ALL else f"each {rule.by}"
        return f"measure = 'quantile' is for all traffic: of {sliced} only sums are kept"
    return None


def _compare_fault(rule: Rule, spec: ScoreSpec) -> str | None:
    """What is wrong with a rule that compares its measure with that of a week before."""
    if rule.measure == "quantile":
        return "compare is for rate, mean, sum and count: of a quantile too much of a week would be kept"
    if rule.by:
        return f"compare and by = {rule.by!r}: take one of the two; one value can be named by slice"
    if rule.measure != "count" and spec.grid is not None and spec.grid.value(0) < 0:
        return f"compare is for what is never negative: {rule.score} can be, take a limit without compare"
    if rule.limit <= 0:
        return (
            f"limit = {rule.limit:g}: with compare it is a factor of the measure a week before, such as 1.5"
            if rule.limit != NO_LIMIT
            else "limit is missing: a factor of the measure a week before, such as 1.5"
        )
    return None


def _limit_fault(rule: Rule, spec: ScoreSpec) -> str | None:
    """Whether the measure can be on neither, or only on one side of the limit."""
    if rule.compare:
        return None  # the limit is what was measured a week before
    if rule.limit == NO_LIMIT:
        return "limit is missing"
    low, high = _range(rule, spec)
    broken = OPS[rule.op]
    can = broken(high if rule.is_over() else low, rule.limit)
    if not can and rule.measure == "count":
        return (
            f"count {rule.op} {rule.limit:g} never fires: where nothing comes nothing is decided; "
            "use measure = 'absent'"
        )
    if not can:
        return f"it never fires: {rule.measure} of {rule.score} lies in {low:g} to {high:g}"
    if rule.measure != "count" and broken(low if rule.is_over() else high, rule.limit):
        return f"it always fires: {rule.measure} of {rule.score} lies in {low:g} to {high:g}"
    return None


def _range(rule: Rule, spec: ScoreSpec) -> tuple[float, float]:
    """Least and greatest value of the measure."""
    if rule.measure == "count":
        return 1.0, float("inf")
    grid = spec.grid
    if grid is None:
        return float("-inf"), float("inf")
    low, high = grid.value(0), grid.value(grid.cells - 1)
    if rule.measure != "sum":
        return low, high
    return (0.0 if low >= 0 else float("-inf")), (0.0 if high <= 0 else float("inf"))
