"""Whom an incident has reached: when it fired, and by now, by the count that its messages hold."""

from __future__ import annotations

from alerts.briefs.live_tally import live_tally
from alerts.briefs.tally import Tally
from alerts.incidents.codec import incident_from_json
from dashboard.queries import incidents
from dashboard.queries.store import Scope, Store
from infra.errors import Defect

_FIRED = """
SELECT body
FROM incident_transitions FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND incident_id = {id:String}
    AND what IN ('fired', 'opened')
ORDER BY what != 'fired', seq
LIMIT 1
"""


def affected(store: Store, scope: Scope, incident_id: str) -> Tally | None:
    """Counts from the onset on; ``None`` where nothing is counted, or another version wrote the incident."""
    stored = incidents.one(store, scope, incident_id)
    if stored is None:
        return None
    try:
        incident = incident_from_json(stored.body)
    except Defect:
        return None
    place = incident.place
    is_ours = (place.tenant, place.lineage) == (scope.tenant, scope.lineage)
    return live_tally(incident, store.rows) if is_ours else None


def fired(store: Store, scope: Scope, incident_id: str) -> str | None:
    """The incident as it was when it fired, JSON; ``None`` if its history does not hold that."""
    rows = store.rows(_FIRED, scope.bind(id=incident_id))
    return str(rows[0][0]) if rows else None
