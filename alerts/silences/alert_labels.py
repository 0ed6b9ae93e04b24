"""Labels of an incident's alert in an Alertmanager: its identity there, which silences made there match."""

from __future__ import annotations

from alerts.briefs import words
from alerts.incidents.identity import Place
from alerts.incidents.incident import About

ALERTNAME = "LightshipIncident"
MAX_LABEL = 200
NAMES = (
    *("alertname", "incident_id", "severity", "score", "alert_kind"),
    *("service", "environment", "tenant", "lineage"),
)


def labels_of(incident_id: str, place: Place, about: About | None, severity: str) -> dict[str, str]:
    """Labels of an alert. A label without a value would be dropped: it is left out."""
    given = {
        "alertname": ALERTNAME,
        "incident_id": incident_id,
        "severity": severity,
        "score": words.plain(about.score, MAX_LABEL) if about else "",
        "alert_kind": words.plain(about.alert_kind, MAX_LABEL) if about else "",
        "service": words.plain(place.service, MAX_LABEL),
        "environment": words.plain(place.environment or "", MAX_LABEL),
        "tenant": words.plain(place.tenant, MAX_LABEL),
        "lineage": words.plain(place.lineage, MAX_LABEL),
    }
    return {name: value for name, value in given.items() if value}
