"""The incidents of a report: how many, how they ended, how long people took, and what they name. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alerts.errors import Defect
from alerts.incidents.codec import incident_from_json
from alerts.incidents.incident import Incident
from dashboard.measures.measures import measured
from dashboard.measures.scores import known
from dashboard.queries.days_and_cells import DAY_S
from dashboard.report.gather import Facts
from dashboard.tables import oncall
from dashboard.tables.oncall import Middle
from detectors.finding import rfc3339
from infra.clock import to_datetime

MINUTE_NS = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class ReportedIncidents:
    """The part of the report, and the changes that incidents name."""

    report: dict[str, Any]
    named: list[dict[str, Any]]


def incidents(facts: Facts) -> ReportedIncidents:
    """Figures as the page about being on call gives them, for the period; then every incident."""
    end = datetime.fromtimestamp(facts.period.to_s, UTC)
    days = (facts.period.to_s - facts.period.from_s) / DAY_S
    bodies = facts.fired.bodies
    care = oncall.care(bodies, facts.tenant, facts.lineage, days, end, facts.pages_per_month)
    read = [found for body in bodies if (found := _read(body)) is not None]
    ended = Counter((i.severity, i.ending) for i in read)
    false = oncall.of_count(care.false_pages)
    return ReportedIncidents(
        {
            "fired": facts.fired.of,
            "read": len(bodies),
            "unread": care.unread,
            "pages": care.pages,
            "tickets": care.health["tickets"],
            "by_ending": [
                {"severity": severity, "ending": ending, "n": n}
                for (severity, ending), n in sorted(
                    ended.items(), key=lambda item: (item[0][0], item[0][1] or "")
                )
            ],
            "acted_on": care.health["acted_on"],
            "false": care.health["false"],
            "false_pages": {
                "n": care.false_pages,
                "low": false.low,
                "high": false.high,
                "allowed": care.allowed,
                "over_budget": care.over_budget,
            },
            "minutes_to_acknowledge": _middle(care.acknowledged),
            "minutes_to_resolve": _middle(care.resolved),
            "list": [_one(incident) for incident in read],
        },
        [change for incident in read for change in _named(incident)],
    )


def _read(body: str) -> Incident | None:
    try:
        return incident_from_json(body)
    except Defect:
        return None  # counted among the unread


def _middle(found: Middle) -> dict[str, Any]:
    return {"median": found.minutes, "low": found.low, "high": found.high, "n": found.n}


def _one(incident: Incident) -> dict[str, Any]:
    told = incident.spokesman
    change = None
    if told.effect is not None:
        measure = measured(known(incident.score), told.effect_unit, tuple(told.notes))
        change = measure.change(told.effect, told.effect_low, told.effect_high)
    return {
        "incident_id": incident.incident_id,
        "fired": _at(incident.fired_ns),
        "severity": incident.severity,
        "service": incident.place.service,
        "environment": incident.place.environment,
        "alert_kind": told.alert_kind,
        "score": incident.score,
        "title": known(incident.score).title,
        "slice": incident.slice,
        "onset": rfc3339(to_datetime(incident.onset_ns)),
        "effect": told.effect,
        "effect_low": told.effect_low,
        "effect_high": told.effect_high,
        "effect_unit": told.effect_unit,
        "change": change,
        "ending": incident.ending,
        "minutes_to_acknowledge": _minutes(incident.fired_ns, incident.acknowledged_ns),
        "minutes_to_resolve": _minutes(incident.fired_ns, incident.resolved_ns),
    }


def _named(incident: Incident) -> list[dict[str, Any]]:
    return [
        {
            "day": suspect.since.astimezone(UTC).date().isoformat(),
            "service": incident.place.service,
            "environment": incident.place.environment,
            "kind": suspect.kind,
            "value": suspect.value,
            "known_from": "incident",
        }
        for suspect in incident.suspects
    ]


def _at(at_ns: int | None) -> str | None:
    return None if at_ns is None else rfc3339(to_datetime(at_ns))


def _minutes(begin_ns: int | None, end_ns: int | None) -> float | None:
    return None if begin_ns is None or end_ns is None else max(0, end_ns - begin_ns) / MINUTE_NS
