"""What a person's hold leaves in the store: copies of an incident's interactions, and who holds it."""

from __future__ import annotations

import json

from clickhouse_connect.driver.client import Client

_COPY = """
INSERT INTO held_rows (tenant, incident_id, source, key, version, body)
SELECT tenant, {incident:String}, 'interactions', concat(trace_id, ':', span_id), revision,
    formatRowNoNewline('JSONEachRow', *)
FROM interactions FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND service = 'support-bot'
    AND start >= {newest:DateTime64(9)} - INTERVAL 1 DAY
ORDER BY start DESC
LIMIT 4000
"""
_COUNT = """
INSERT INTO holds (tenant, incident_id, source, there, kept, bytes, cut)
SELECT tenant, incident_id, source, count(), count(), sum(length(body)), false
FROM held_rows FINAL
WHERE tenant = {tenant:String} AND incident_id = {incident:String}
GROUP BY tenant, incident_id, source
"""


def copy(client: Client, incident_id: str, lineage: str, tenant: str = "default") -> int:
    """Copy interactions of the service whose refusals rose; how many."""
    given = {"tenant": tenant, "lineage": lineage, "incident": incident_id}
    ((newest,),) = client.query(
        "SELECT toString(max(start)) FROM interactions WHERE tenant = {tenant:String} "
        "AND lineage = {lineage:String}",
        given,
    ).result_rows
    client.command(_COPY, {**given, "newest": newest})
    client.command(_COUNT, given)
    ((n,),) = client.query(
        "SELECT count() FROM held_rows FINAL WHERE incident_id = {incident:String}", given
    ).result_rows
    return int(n)


def hold(client: Client, incident_id: str, who: str) -> None:
    """Write the incident anew, held."""
    found = client.query("SELECT * FROM incidents FINAL WHERE incident_id = {id:String}", {"id": incident_id})
    row = dict(zip(found.column_names, found.result_rows[0], strict=True))
    row |= {"body": json.dumps({**json.loads(row["body"]), "held_by": who}), "revision": row["revision"] + 1}
    client.insert("incidents", [list(row.values())], list(row))
