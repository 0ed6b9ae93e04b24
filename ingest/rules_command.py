"""``lightship rules``: what the rules of the settings mean, and when they would have fired."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from detectors.drift.engine.ticks import time_of
from detectors.finding import rfc3339
from detectors.rule_history import Firing, Past, PastTick, replayed
from detectors.rules import Rule, TickSum
from detectors.scorers.judgement import WithJudgements
from infra import clickhouse
from infra.clock import Clock, SystemClock
from infra.embedded.reach import reach
from infra.errors import Misconfigured
from infra.settings import Settings, load
from ingest.own_scores import specs_of
from ingest.settings_check import checked
from ingest.watching import rules_of

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

Ask = Callable[[str, dict[str, Any]], Iterable[Sequence[Any]]]


def rules_in(config: Path | None) -> dict[str, Any]:
    """The rules, in words.

    Raises
    ------
    Misconfigured
        If one cannot work; the message says why.
    """
    rules = rules_of(checked(load(config)))
    return {"v": 1, "rules": [_told(rule) for rule in rules]}


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
    if not settings.rule:
        raise Misconfigured("there is no [[rule]] in the settings: docs/rules.md shows one")
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
    for rule in rules_of(settings):
        given = {"unit": rule.unit, "score": rule.score, "slice": rule.slice, "tenant": tenant}
        found = ask(TICKS, {**given, "lineage": lineage, "since": since_s})
        services = []
        for (service, environment), ticks in groupby(found, lambda row: (str(row[0]), str(row[1]))):
            past = [_past(row, tick_s) for row in ticks]
            if rule.is_for(service):
                told = replayed(rule, past, specs[rule.score].grid, tick_s)
                services.append(_service(service, environment, told, tick_s))
        rows.append({**_told(rule), "services": services})
    return {
        "v": 1,
        "tenant": tenant,
        "lineage": lineage,
        "since": rfc3339(time_of(since_s, 1)),
        "rules": rows,
    }


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
        "fired": [_firing(f, tick_s) for f in past.firings],
    }


def _firing(firing: Firing, tick_s: int) -> dict[str, Any]:
    ended = None if firing.ended is None else rfc3339(time_of(firing.ended + 1, tick_s))
    at = rfc3339(time_of(firing.tick + 1, tick_s))
    return {"at": at, "ended": ended, "value": firing.value, "n": firing.n}


def _told(rule: Rule) -> dict[str, Any]:
    return {
        "rule_id": rule.rule_id,
        "says": rule.text(),
        "severity": rule.severity,
        "unit": rule.unit,
        "services_named": list(rule.services),
    }


def show_rules(report: Mapping[str, Any]) -> str:
    """The rules, a line each."""
    rules = report["rules"]
    if not rules:
        return "there is no [[rule]] in the settings"
    return "\n".join(f"{r['severity']:<6}  {r['says']}  {_whose(r)}" for r in rules)


def _whose(rule: Mapping[str, Any]) -> str:
    return f"in {', '.join(rule['services_named']) or 'every service'}"


def show_tried(report: Mapping[str, Any]) -> str:
    """When each would have fired, for a person."""
    lines = []
    for rule in report["rules"]:
        lines.append(f"{rule['severity']}  {rule['says']}")
        if not rule["services"]:
            lines.append("  no service it is for has data in this time")
        for one in rule["services"]:
            where = f"{one['service']}/{one['environment']}" if one["environment"] else one["service"]
            short = f", {one['no_data']} with too few values" if one["no_data"] else ""
            lines.append(f"  {where}: {len(one['fired'])} times in {one['decided']} ticks{short}")
            lines += [f"    {_line(f)}" for f in one["fired"]]
    return "\n".join(lines)


def _line(firing: Mapping[str, Any]) -> str:
    until = f"until {firing['ended']}" if firing["ended"] else "and it lasts"
    return f"{firing['at']} {until}: {firing['value']:.4g} of {firing['n']}"
