"""A report as JSON: `SCHEMA`. Pure.

Shares are 0..1, times RFC 3339 UTC, days ISO; absent is ``null``. Names are as they were sent: who draws them
makes them safe (`dashboard.report.page` does).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dashboard.charts.risk import Cell
from dashboard.estimates import taxonomy
from dashboard.estimates.taxonomy import Category
from dashboard.queries.days_and_cells import DAY_S
from dashboard.queries.report import Traffic
from dashboard.report.gather import Facts
from dashboard.report.incidents import incidents
from dashboard.tables import disparity, trend_rows
from dashboard.tables.disparity import Disparity
from dashboard.tables.trend_rows import CategoryWeeks
from detectors.finding import rfc3339
from detectors.scorers import SCORER_VERSIONS, SCORERS, TRACE_SCORERS

SCHEMA = "lightship.report/1"
"""Keys are added under the same number; one that changes its meaning raises it."""

Report = Mapping[str, Any]
WEEK = timedelta(weeks=1)


def contents(facts: Facts) -> dict[str, Any]:
    """The whole report."""
    begin, end = (datetime.fromtimestamp(s, UTC) for s in (facts.period.from_s, facts.period.to_s))
    services = [_service(item, end) for item in facts.traffic]
    n = sum(item["interactions"] for item in services)
    rows = trend_rows.table(taxonomy.categories(), facts.counts)
    covered = {row.category.id for row in rows}
    told = incidents(facts)
    return {
        "schema": SCHEMA,
        "tenant": facts.tenant,
        "lineage": facts.lineage,
        "service": facts.period.service or None,
        "period": {"from": rfc3339(begin), "to": rfc3339(end), "days": (end - begin) / timedelta(days=1)},
        "interactions": n,
        "text_share": sum(item["with_text"] for item in services) / n if n else None,
        "services": services,
        "measured": {
            "taxonomy_version": taxonomy.version(),
            "config_hash": facts.config_hash,
            "scorer_sets": [
                {"set": s.versions, "first": rfc3339(s.first), "last": rfc3339(s.last)}
                for s in facts.scored_by
            ],
        },
        "few": trend_rows.FEW,
        "categories": [_category(row, n, begin, end) for row in rows],
        "not_measured": [
            {"id": c.id, "title": c.title} for c in taxonomy.categories() if c.id not in covered
        ],
        "groups": [
            _groups(by, disparity.table(taxonomy.categories(), counts))
            for by, counts in (("language", facts.by_language), ("service", facts.by_service))
            if by == "language" or not facts.period.service
        ],
        "incidents": told.report,
        "changes": _changes(facts, told.named),
    }


def as_json(report: Report) -> bytes:
    """Its bytes. Only ASCII: no character in a name can steer a terminal or a viewer."""
    return (json.dumps(report, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()


def digest(report: Report) -> str:
    """SHA-256 of `as_json`, hex."""
    return hashlib.sha256(as_json(report)).hexdigest()


def _service(item: Traffic, end: datetime) -> dict[str, Any]:
    sent = [(day, most, with_text) for day, most, with_text in item.days if most > 0]
    last = (end - timedelta(microseconds=1)).date()
    return {
        "service": item.service,
        "environment": item.environment or None,
        "interactions": sum(most for _, most, _ in sent),
        "with_text": sum(with_text for _, _, with_text in sent),
        "first_day": sent[0][0].isoformat() if sent else None,
        "last_day": sent[-1][0].isoformat() if sent else None,
        "days_with_data": len(sent),
        "gaps": gaps([day for day, _, _ in sent], last),
    }


def gaps(days: Sequence[date], last: date) -> list[dict[str, str]]:
    """Runs of days without data after the first one with some, up to ``last``, both ends within.

    >>> gaps([date(2026, 3, 1), date(2026, 3, 4)], date(2026, 3, 4))
    [{'from': '2026-03-02', 'to': '2026-03-03'}]
    """
    one = timedelta(days=1)
    ends = [*days[1:], last + one] if days else []
    return [
        {"from": (before + one).isoformat(), "to": (after - one).isoformat()}
        for before, after in zip(days, ends, strict=True)
        if after - before > one
    ]


def _category(row: CategoryWeeks, n: int, begin: datetime, end: datetime) -> dict[str, Any]:
    category = row.category
    runs = category.unit != "interaction"
    return {
        "id": category.id,
        "title": category.title,
        "unit": category.unit,
        "n": row.n,
        "coverage": min(1.0, row.n / n) if n and not runs else None,
        "hit_from": category.at_least,
        "scores": [{"name": name, "version": _version(name)} for name in category.scores],
        "frameworks": _frameworks(category),
        "weeks": [_week(cell, begin, end) for cell in row.cells],
    }


def _frameworks(category: Category) -> dict[str, list[str]]:
    return {
        "owasp": list(category.owasp),
        "mlcommons": list(category.mlcommons),
        "nist": list(category.nist),
    }


def _version(score: str) -> str | None:
    """Version of the scorer that gives a score; ``None`` where none of ours does."""
    owners = {spec.name: s.name for s in SCORERS for spec in s.specs}
    owners |= {spec.name: s.name for s in TRACE_SCORERS for spec in s.specs}
    owner = owners.get(score, "")
    return SCORER_VERSIONS.get(owner)


def _week(cell: Cell, begin: datetime, end: datetime) -> dict[str, Any]:
    shown = not cell.few
    return {
        "week": cell.week.date().isoformat(),
        "whole": begin <= cell.week and cell.week + WEEK <= end,
        "n": cell.n,
        "few": cell.few,
        "rate": cell.rate if shown else None,
        "low": cell.interval.low if shown else None,
        "high": cell.interval.high if shown else None,
        "baseline": cell.baseline,
        "against_baseline": _against(cell),
    }


def _against(cell: Cell) -> str | None:
    """``above`` or ``below`` where the interval excludes the baseline; ``None`` where nothing can be said."""
    if cell.few or cell.baseline is None:
        return None
    if not cell.clear:
        return "unclear"
    return "above" if cell.interval.low > cell.baseline else "below"


def _groups(by: str, found: Disparity) -> dict[str, Any]:
    return {
        "by": by,
        "compared": found.judged,
        "clear": len(found.clear),
        "confidence_each": found.confidence,
        "few": disparity.FEW,
        "left_out": found.left_out,
        "differences": [
            {
                "category": gap.category.id,
                "title": gap.category.title,
                "group": gap.group,
                **disparity.figures(gap),
            }
            for gap in disparity.in_order(found)
        ],
    }


def _changes(facts: Facts, named: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What appeared in the traffic and what incidents name, by day; a thing that is both stands once."""
    found = [
        {
            "day": item.day.isoformat(),
            "service": item.service,
            "environment": item.environment or None,
            "kind": item.dimension,
            "value": item.value,
            "known_from": "traffic",
        }
        for item in facts.appeared
    ]
    seen = {(c["service"], c["environment"], c["kind"], c["value"]) for c in found}
    begin = datetime.fromtimestamp(facts.period.from_s, UTC).date().isoformat()
    end = datetime.fromtimestamp(facts.period.to_s + DAY_S - 1, UTC).date().isoformat()
    for change in named:
        key = (change["service"], change["environment"], change["kind"], change["value"])
        if key not in seen and begin <= change["day"] < end:
            seen.add(key)
            found.append(dict(change))
    return sorted(found, key=lambda c: (c["day"], c["service"], c["kind"], c["value"], c["known_from"]))
