"""Small builders for the pure tests: an incident as stored, a service, a series."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.queries.fleet import Service, Watched
from dashboard.queries.incidents import StoredIncident
from dashboard.tables import incident as incidents
from dashboard.tables.incident import Incident

NOW = datetime(2026, 3, 17, 3, 12, 40, tzinfo=UTC)

BODY: dict[str, Any] = {
    "alert_kind": "drift",
    "unit": "interaction",
    "score": "refusal",
    "slice": "language=de",
    "onset": "2026-03-17T02:05:00Z",
    "onset_low": "2026-03-17T02:01:00Z",
    "onset_high": "2026-03-17T02:09:00Z",
    "effect": 0.043,
    "effect_low": 0.031,
    "effect_high": 0.055,
    "effect_unit": "rate",
    "baseline_value": 0.021,
    "current_value": 0.064,
    "n": 2214,
    "n_baseline": 348_768,
    "slices": [{"slice": "language=de", "share": 0.71, "effect": 0.144}],
    "cleared": ["language=en"],
    "suspects": [{"kind": "prompt_version", "value": "v18", "since": "2026-03-17T02:03:00Z"}],
    "findings": [
        {
            "finding_id": "a1",
            "score": "refusal",
            "slice": "all",
            "effect": 0.043,
            "evidence": 18.4,
            "threshold": 12.2,
            "baseline_version": "v12",
        }
    ],
}


def incident(body: dict[str, Any] | None = None, **stored: Any) -> Incident:
    """An incident read from a stored row; ``body`` replaces keys of `BODY`, ``stored`` columns of the row."""
    row = {
        "incident_id": "feedfacefeedface",
        "state": "firing",
        "evidence": "breach",
        "ending": None,
        "severity": "page",
        "acknowledged_by": None,
        "service": "support-bot",
        "environment": "production",
        "headline": "support-bot: refusals 2.1 % → 6.4 %",
        "runbook": "refusal",
        "body": json.dumps(BODY | (body or {})),
        "opened": NOW - timedelta(minutes=55),
        "changed": NOW - timedelta(minutes=55),
        "fired": NOW - timedelta(minutes=55),
        "resolved": None,
    } | stored
    return incidents.read(StoredIncident(**row))


def service(
    name: str = "support-bot",
    per_hour: int = 100,
    newest: timedelta = timedelta(seconds=4),
    environment: str = "production",
    n_series: int = 9,
) -> Service:
    """A service that sent ``per_hour`` in each of the last 48 hours up to its ``newest`` output."""
    last = NOW - newest
    hours = [NOW.replace(minute=0, second=0) - timedelta(hours=h) for h in range(48, -1, -1)]
    counts = tuple((at, per_hour) for at in hours if at <= last)
    return Service(name, environment, counts, last, n_series, n_series, 0)


def watched(
    name: str = "support-bot", score: str = "refusal", state: str = "watching", **facts: Any
) -> Watched:
    """A roll-up series."""
    row = {
        "service": name,
        "environment": "production",
        "unit": "interaction",
        "score": score,
        "kind": "flag",
        "state": state,
        "watching_since": None if state == "learning" else NOW - timedelta(days=9),
        "ready_at": NOW + timedelta(days=5) if state == "learning" else None,
        "baseline_version": None,
        "baseline_value": None if state == "learning" else 0.021,
        "baseline_low": None,
        "baseline_high": None,
        "current_value": 0.02,
        "current_low": None,
        "current_high": None,
        "n_baseline": 0 if state == "learning" else 9_000,
        "n_current": 800,
        "detectable_1h": 0.034,
        "detectable_1d": 0.007,
        "detectable_7d": 0.0004,
        "detectable_unit": "rate",
    } | facts
    return Watched(**row)
