"""``lightship rules``: what rules and objectives mean, and when they would have fired."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from detectors.engine.ticks import time_of
from detectors.finding import SEVERAL, rfc3339
from detectors.grid import Grid
from detectors.rule_history import Firing, Past, PastTick, burnt, replayed
from detectors.rule_picture import drawn
from detectors.rules import CALLS, Rule, TickSum, tick_sum
from detectors.scorers.judgement import WithJudgements
from detectors.service_patterns import matches
from detectors.slo import PAIRS, Pair, Slo, span
from infra import clickhouse
from infra.clock import Clock, SystemClock
from infra.embedded.addresses import reach
from infra.errors import Misconfigured
from infra.settings import Settings, load
from ingest.custom_scores import specs_of
from ingest.detection_settings import rules_of, slos_of
from ingest.settings_check import checked

TICKS = """
SELECT service, environment, toUnixTimestamp(tick) AS at, max(if(mine, generation, 0)), sum(if(mine, n, 0)),
    sum(if(mine, total, 0)), groupArrayArrayIf(cell, mine), groupArrayArrayIf(count, mine)
FROM
(
    SELECT service, environment, tick, generation, n, total, cell, count,
        unit = {unit:String} AND score = {score:String} AND slice = {slice:String} AS mine
    FROM cells FINAL
    WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND part = 0
        AND slice IN ('all', {slice:String}) AND tick >= fromUnixTimestamp({since:Int64})
)
GROUP BY service, environment, tick
ORDER BY service, environment, tick
"""
"""Every tick of every service, with what it holds of one series; late rows are left out, as then."""

SLICES = """
SELECT DISTINCT slice FROM cells
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND part = 0 AND unit = {unit:String}
    AND score = {score:String} AND startsWith(slice, {prefix:String})
    AND tick >= fromUnixTimestamp({since:Int64})
ORDER BY slice
"""
"""Values of one dimension that a series was divided by."""

Ask = Callable[[str, dict[str, Any]], Iterable[Sequence[Any]]]


def rules_in(config: Path | None) -> dict[str, Any]:
    """The rules, in words.

    Raises
    ------
    Misconfigured
        If one cannot work; the message says why.
    """
    settings = checked(load(config))
    told = [_told(rule) for rule in rules_of(settings)] + [_objective(slo) for slo in slos_of(settings)]
    return {"v": 1, "rules": told}


def tried(
    config: Path | None, days: float, tenant: str, lineage: str, clock: Clock | None = None
) -> dict[str, Any]:
    """When each rule would have fired over what is stored.

    Raises
    ------
    Misconfigured
        If there is no rule, or one cannot work.
    Unavailable
        If the store does not answer.
    """
    settings = reach(checked(load(config)))
    if not settings.rule and not settings.slo:
        raise Misconfigured("there is no [[rule]] and no [[slo]] in the settings: docs/rules.md shows both")
    since_s = (clock or SystemClock()).now_ns() // 1_000_000_000 - round(days * 86_400)
    client = clickhouse.connect(settings.store)
    try:
        return tried_over(
            settings, lambda sql, given: client.query(sql, given).result_rows, tenant, lineage, since_s
        )
    finally:
        client.close()


def tried_over(settings: Settings, ask: Ask, tenant: str, lineage: str, since_s: int) -> dict[str, Any]:
    """The same over answers to `TICKS`."""
    tick_s, specs, rows = settings.detection.tick_s, WithJudgements(specs_of(settings)), []
    given = {"tenant": tenant, "lineage": lineage, "since": since_s}
    rules: list[Rule | Slo] = [one for rule in rules_of(settings) for one in _each(rule, ask, given)]
    rules += slos_of(settings)
    for rule in rules:
        score = "error" if rule.score == CALLS else rule.score  # every call has it
        asked = rule.conditions() if isinstance(rule, Rule) else []
        reach_s = rule.lookback_s() if isinstance(rule, Rule) and rule.looks_far() else 0
        named = {"unit": rule.unit, "score": score, "slice": rule.slice}
        found = list(ask(TICKS, {**given, **named, "since": since_s - reach_s}))
        seen = {str(row[0]) for row in found}
        unseen = [one for one in rule.services if not any(matches(service, [one]) for service in seen)]
        besides = [_by_place(ask(TICKS, _series(one, given, since_s - reach_s))) for one in asked]
        grid, services = specs[score].grid, []
        if isinstance(rule, Rule) and rule.together:
            found = _added_up(rule, found, grid)
        for (service, environment), ticks in groupby(found, lambda row: (str(row[0]), str(row[1]))):
            past = [
                replace(_past(row, tick_s), besides=tuple(_at(one, row, tick_s) for one in besides))
                for row in ticks
            ]
            if service != SEVERAL and not rule.is_for(service):
                continue
            if isinstance(rule, Rule):
                grids = [specs[one.score].grid for one in rule.and_]
                told = replayed(rule, past, grid, tick_s, since_s // tick_s if reach_s else 0, grids)
                picture = drawn(told.values, told.fired, rule.limit, over=rule.is_over())
                services.append({**_service(service, environment, told, tick_s), "picture": picture})
                continue
            for severity, burn in burnt(rule, past, grid, tick_s).items():
                shown = "ticket" if rule.severity == "ticket" else severity
                services.append({**_service(service, environment, burn, tick_s), "severity": shown})
        told_of = _told(rule) if isinstance(rule, Rule) else _objective(rule)
        rows.append({**told_of, "services": services, "unseen": unseen})
    return {
        "v": 1,
        "tenant": tenant,
        "lineage": lineage,
        "since": rfc3339(time_of(since_s, 1)),
        "rules": rows,
    }


def _each(rule: Rule, ask: Ask, given: Mapping[str, Any]) -> list[Rule]:
    """The rule, or one for each value of the dimension it is by."""
    if not rule.by:
        return [rule]
    named = {"unit": rule.unit, "score": rule.score, "prefix": f"{rule.by}="}
    found = [str(slice_) for (slice_,) in ask(SLICES, {**given, **named})]
    return [replace(rule, slice=slice_, by="") for slice_ in found]


def _series(rule: Rule, given: Mapping[str, Any], since_s: int) -> dict[str, Any]:
    return {**given, "unit": rule.unit, "score": rule.score, "slice": rule.slice, "since": since_s}


def _by_place(found: Iterable[Sequence[Any]]) -> dict[tuple[Any, ...], Sequence[Any]]:
    """Rows of `TICKS` by service, environment and tick."""
    return {tuple(row[:3]): row for row in found}


def _at(rows: Mapping[tuple[Any, ...], Sequence[Any]], row: Sequence[Any], tick_s: int) -> PastTick:
    """What there is of another series in the tick of a row."""
    found = rows.get(tuple(row[:3]))
    return PastTick(int(row[2]) // tick_s, None) if found is None else _past(found, tick_s)


def _added_up(rule: Rule, found: Iterable[Sequence[Any]], grid: Grid | None) -> list[Sequence[Any]]:
    """Rows of `TICKS`, of the services that a rule is for in sum; an environment after the other."""
    sums: dict[tuple[str, int], dict[int, int]] = {}
    for service, environment, at_s, _, _, _, cells, counts in found:
        if cells and rule.is_for(str(service)):
            held = sums.setdefault((str(environment), int(at_s)), {})
            for cell, n in zip(cells, counts, strict=True):
                held[int(cell)] = held.get(int(cell), 0) + int(n)
    rows: list[Sequence[Any]] = []
    for (environment, at_s), held in sorted(sums.items()):
        cells = sorted(held)
        one = tick_sum(0, cells, [held[cell] for cell in cells], grid)
        rows.append((SEVERAL, environment, at_s, 0, one.n, one.total, cells, [held[cell] for cell in cells]))
    return rows


def _past(row: Sequence[Any], tick_s: int) -> PastTick:
    _, _, at_s, generation, n, total, cells, counts = row
    tick = int(at_s) // tick_s
    if not n:
        return PastTick(tick, None)
    held = tuple((int(cell), int(count)) for cell, count in zip(cells, counts, strict=False))
    return PastTick(tick, TickSum(tick, int(n), float(total), held), int(generation))


def _service(service: str, environment: str, past: Past, tick_s: int) -> dict[str, Any]:
    return {
        "service": service,
        "environment": environment or None,
        "decided": past.decided,
        "no_data": past.no_data,
        "no_past": past.no_past,
        "fired": [_firing(f, tick_s) for f in past.firings],
    }


def _firing(firing: Firing, tick_s: int) -> dict[str, Any]:
    ended = None if firing.ended is None else rfc3339(time_of(firing.ended + 1, tick_s))
    at = rfc3339(time_of(firing.tick + 1, tick_s))
    facts = {"at": at, "ended": ended, "value": firing.value, "n": firing.n}
    return facts if firing.limit is None else {**facts, "limit": firing.limit}


def _told(rule: Rule) -> dict[str, Any]:
    return {
        "rule_id": rule.rule_id,
        "says": rule.text(),
        "severity": rule.severity,
        "unit": rule.unit,
        "services_named": list(rule.services),
        "name": rule.name,
        "owner": rule.owner,
        "runbook": rule.runbook,
        "receivers": list(rule.receivers),
    }


def _objective(slo: Slo) -> dict[str, Any]:
    return {
        "rule_id": slo.slo_id,
        "says": slo.text(),
        "severity": slo.severity,
        "unit": slo.unit,
        "services_named": list(slo.services),
        "burns": [_burns(slo, pair) for pair in PAIRS],
    }


def _burns(slo: Slo, pair: Pair) -> dict[str, Any]:
    """When a pair of windows fires; ``share`` is that of bad calls it takes, ``None`` if none is enough."""
    share = pair.factor * slo.allowed
    return {
        "severity": "ticket" if slo.severity == "ticket" else pair.severity,
        "long_s": pair.long_s,
        "short_s": pair.short_s,
        "factor": pair.factor,
        "share": None if share >= 1 else round(share, 9),
        "least_n": slo.least(pair),
    }


def show_rules(report: Mapping[str, Any]) -> str:
    """The rules, a line each."""
    rules = report["rules"]
    if not rules:
        return "there is no [[rule]] and no [[slo]] in the settings"
    lines = []
    for r in rules:
        lines.append(f"{r['severity']:<6}  {r['says']}  {_whose(r)}")
        lines += [f"  {_burn(b)}" for b in r.get("burns", ())]
    return "\n".join(lines)


def _burn(burn: Mapping[str, Any]) -> str:
    windows = f"{span(burn['long_s'])} and {span(burn['short_s'])}"
    if burn["share"] is None:
        return f"{burn['severity']:<6}  never over {windows}: it would take more than all"
    share = f"more than {100 * burn['share']:.3g} % bad over {windows}"
    return f"{burn['severity']:<6}  {share}, of at least {burn['least_n']}"


def _whose(rule: Mapping[str, Any]) -> str:
    return f"in {', '.join(rule['services_named']) or 'every service'}"


def show_tried(report: Mapping[str, Any]) -> str:
    """When each would have fired, for a person."""
    lines = []
    for rule in report["rules"]:
        lines.append(f"{rule['severity']}  {rule['says']}")
        if not rule["services"]:
            lines.append("  no service it is for has data in this time")
        lines += [f"  warning: nothing came from {name!r} in this time" for name in rule.get("unseen", ())]
        for one in rule["services"]:
            named = "all together" if one["service"] == SEVERAL else one["service"]
            where = f"{named}/{one['environment']}" if one["environment"] else named
            few = one["no_data"] - one["no_past"]
            short = f", {few} with too few values" if few else ""
            if one["no_past"]:
                short += f", {one['no_past']} with too few a week before: it never fires there"
            where += f", {one['severity']}s" if "severity" in one else ""
            lines.append(f"  {where}: {len(one['fired'])} times in {one['decided']} ticks{short}")
            lines += [f"    {line}" for line in one.get("picture", ())]
            lines += [f"    {_line(f)}" for f in one["fired"]]
    return "\n".join(lines)


def _line(firing: Mapping[str, Any]) -> str:
    limit = f", limit then {firing['limit']:.4g}" if "limit" in firing else ""
    until = f"until {firing['ended']}" if firing["ended"] else "and it lasts"
    return f"{firing['at']} {until}: {firing['value']:.4g} of {firing['n']}{limit}"
