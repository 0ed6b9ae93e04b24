"""``lightship budget``: what may be raised for nothing, what was expected, and what people called false.

*Expected* is the accrual so far: each channel of a watched series adds its share at every tick, and the sum
bounds the expected number of false findings, whatever depends on what. What the fast path adds within minutes
is told beside it. *False* are incidents that people
ended as false alarms and those the detector took back. A person who never says so makes the rate look good:
incidents nobody judged are counted beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from alerts.briefs.known_scores import learn_custom_scores
from alerts.budget_allocation import allocations_of
from alerts.repository.incidents import SERVICES, service_keys
from detectors.budgets.budget import CLASS_SHARES, PERIODS_S
from detectors.budgets.service_budget import ServiceBudget
from detectors.fast.fast_scores import shares
from detectors.finding import ALL, SEVERAL
from detectors.observation import ServiceKey
from detectors.scorers import SPECS
from infra import clickhouse
from infra.embedded.addresses import reach
from infra.errors import Unavailable
from infra.settings import Settings, load

PERIODS = {"page": PERIODS_S["month"], "ticket": PERIODS_S["week"]}
"""What a budget of each severity is for, in seconds."""
CHANNELS = {"flag": 1, "category": 8}
OTHER_CHANNELS = 3
"""Channels a series of a kind has at most; the table keeps the threshold they share."""

_WATCHED = """
SELECT score, kind, threshold, toUnixTimestamp(last_seen),
    toUnixTimestamp(assumeNotNull(watching_since)), service, environment, slice
FROM series FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND threshold IS NOT NULL
    AND watching_since IS NOT NULL
"""
_INCIDENTS = """
SELECT severity, countIf(fired_at IS NOT NULL), countIf(ending IN ('false_alarm', 'withdrawn')),
    countIf(ending IN ('accepted', 'recovered'))
FROM incidents FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND opened_at >= fromUnixTimestamp({since:Int64})
GROUP BY severity
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """One watched series: its severity, expected false findings a second, and from when to when."""

    severity: str
    rate: float
    since_s: float
    until_s: float


def budget_use(config: Path | None, tenant: str, lineage: str, days: float) -> dict[str, Any]:
    """The answer of ``lightship budget --json``, over the last ``days`` of the lineage's clock.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    Misconfigured
        If the settings give away more than there is.
    """
    settings = reach(load(config))
    learn_custom_scores(settings)
    client = clickhouse.connect(settings.store)
    given = {"tenant": tenant, "lineage": lineage}
    try:
        keys = service_keys(client.query(SERVICES, {"several": SEVERAL}).result_rows)
        rows = client.query(_WATCHED, given).result_rows
        mine = [k for k in keys if (k.tenant, k.lineage) == (tenant, lineage)]
        granted = allocations_of(settings, mine)
        watched = [_watched(settings, row) for row in rows]
        fast = within_minutes(settings, granted, rows)
        until_s = max((w.until_s for w in watched), default=0.0)
        since_s = max(until_s - days * 86_400, min((w.since_s for w in watched), default=0.0))
        incidents = _incidents(client, {**given, "since": int(since_s)})
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse does not answer: {str(error)[:200]}") from error
    return report(granted, settings, given, watched, incidents, (since_s, until_s), fast)


def severity_of(settings: Settings, score: str) -> str:
    """What a change of a score deserves."""
    chosen = settings.score.get(score)
    return chosen.severity if chosen else SPECS[score].severity if score in SPECS else "ticket"


def channels_of(kind: str) -> int:
    """Channels that a series of a kind has at most, each of which spends."""
    return CHANNELS.get(kind, OTHER_CHANNELS)


def _watched(settings: Settings, row: Sequence[Any]) -> Watched:
    score, kind, threshold, until_s, since_s, *_ = row
    w = math.exp(-float(threshold)) * channels_of(kind)
    severity = severity_of(settings, score)
    return Watched(severity, w / settings.detection.tick_s, float(since_s), float(until_s))


def fast_shares(settings: Settings) -> dict[str, tuple[str, float]]:
    """Severity of each score on the fast path, and its part of a service's budget for that severity."""
    specs = {name: replace(spec, severity=severity_of(settings, name)) for name, spec in SPECS.items()}
    return {name: (specs[name].severity, part) for name, part in shares(specs.values()).items()}


def within_minutes(
    settings: Settings, granted: Mapping[ServiceKey, ServiceBudget], rows: Sequence[Sequence[Any]]
) -> list[Watched]:
    """What the fast path spends beside the series themselves, each over all traffic of its service."""
    parts, budgets = fast_shares(settings), {(k.service, k.environment): g for k, g in granted.items()}
    found = []
    for score, _, _, until_s, since_s, service, environment, slice_ in rows:
        grant = budgets.get((service, environment or ""))
        if slice_ != ALL or score not in parts or grant is None:
            continue
        severity, part = parts[score]
        budget = grant.pages if severity == "page" else grant.tickets
        found.append(Watched(severity, budget.per_tick(1) * part, float(since_s), float(until_s)))
    return found


def report(
    granted: Mapping[ServiceKey, ServiceBudget],
    settings: Settings,
    place: Mapping[str, str],
    watched: Sequence[Watched],
    incidents: Mapping[str, tuple[int, int, int]],
    window_s: tuple[float, float],
    fast: Sequence[Watched] = (),
) -> dict[str, Any]:
    """Budget, expectation and what people said, of pages a month and tickets a week."""
    begin_s, end_s = window_s
    out: dict[str, Any] = {**place, "days": round((end_s - begin_s) / 86_400, 3)}
    asked = {"page": settings.budget.pages_per_month, "ticket": settings.budget.tickets_per_week}
    for severity, period_s in PERIODS.items():
        periods = (end_s - begin_s) / period_s
        expected = _expected(watched, severity, window_s)
        raised, false, right = incidents.get(severity, (0, 0, 0))
        out[f"{severity}s"] = {
            "per": "month" if severity == "page" else "week",
            "budget": asked[severity],
            "allowed": asked[severity] * periods,
            "expected": expected,
            "raised": raised,
            "false": false,
            "right": right,
            "unjudged": max(0, raised - false - right),
        }
    parts = fast_shares(settings)
    out["within_minutes"] = {
        "share": CLASS_SHARES["fast"],
        **{
            f"{s}s": {
                "expected": _expected(fast, s, window_s),
                "scores": [name for name, (severity, _) in parts.items() if severity == s],
            }
            for s in PERIODS
        },
    }
    out["services"] = [
        {"service": k.service, "environment": k.environment or None, **grant.state()}
        for k, grant in granted.items()
    ]
    return out


def _expected(watched: Sequence[Watched], severity: str, window_s: tuple[float, float]) -> float:
    """False findings of a severity in a window, at most."""
    begin_s, end_s = window_s
    return sum(
        w.rate * max(0.0, min(w.until_s, end_s) - max(w.since_s, begin_s))
        for w in watched
        if w.severity == severity
    )


def show(report: Mapping[str, Any]) -> str:
    """The answer for a person."""
    lines = [f"{report['lineage']}, the last {report['days']:.3g} days of watching"]
    for name in ("pages", "tickets"):
        r = report[name]
        allowed = f"{r['budget']:g} false a {r['per']} are allowed, {r['allowed']:.3g} in this time"
        judged = f"called false {r['false']}, right {r['right']}, not judged {r['unjudged']}"
        lines.append(
            f"{name}: {allowed}; expected at most {r['expected']:.2g}; raised {r['raised']}, {judged}"
        )
    within = report["within_minutes"]
    for name in ("pages", "tickets"):
        scores, expected = within[name]["scores"], within[name]["expected"]
        if scores:
            of = f"within minutes: {within['share']:.0%} of each service's {name}, expected at most"
            lines.append(f"{of} {expected:.2g}, for {', '.join(scores)}")
    lines.append(f"{'service':<32}{'pages a month':>16}{'tickets a week':>16}")
    for s in report["services"]:
        name = "shared by services" if s["service"] == SEVERAL else s["service"]
        where = f"{name} ({s['environment']})" if s["environment"] else name
        lines.append(f"{where:<32}{s['pages_per_month']:>16.4g}{s['tickets_per_week']:>16.4g}")
    return "\n".join(lines)


def _incidents(client: Client, given: Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
    rows = client.query(_INCIDENTS, dict(given)).result_rows
    return {str(severity): (int(raised), int(false), int(right)) for severity, raised, false, right in rows}
