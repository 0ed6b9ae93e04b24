"""Whatever people, judges, tools and receivers can write of a hostile service, each of it hostile."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from alerts.silences.repository import silence_row
from alerts.silences.silence import requested_silence
from infra.clock import to_datetime, to_ns
from tests.dashboard import world_runs
from tests.dashboard.world_hostile import NAME, TEXT

RULE = {"score": "refusal", "measure": "rate", "window_s": 600, "op": ">", "limit": 0.5}


def fill(client: Client, incident_id: str, now: datetime, tenant: str = "default", lineage: str = "") -> None:
    """A rule, a silence, a delivery, what a judge said, users, errors and tools; and changes of a release."""
    wall = datetime.now(UTC)
    owner = {"tenant": tenant, "lineage": lineage}
    where = owner | {"service": NAME, "environment": "production"}
    rule = RULE | {"name": TEXT, "owner": TEXT, "services": [NAME]}
    row = where | {"rule_id": "0" * 16, "rule": json.dumps(rule), "actor": NAME, "reason": TEXT}
    _insert(client, "added_rules", row | {"made_at": wall, "ended_reason": ""})
    made = to_ns(wall)
    silence = silence_row(
        requested_silence(tenant, {"service": NAME[:40] + "*"}, NAME, TEXT, made, 3600.0, made)
    )
    silence |= {name: to_datetime(silence[name]) for name in ("made_at", "begins_at", "ends_at")}
    _insert(client, "silences", silence)
    told = {
        "tenant": tenant,
        "incident_id": incident_id,
        "receiver": NAME,
        "dedup_key": "h",
        "kind": "opened",
    }
    gave_up = {"attempt": 8, "outcome": "gave_up", "response_code": None, "reason": TEXT, "at": wall}
    _insert(client, "notifications", told | gave_up)
    for kind in ("release", NAME):
        changed = owner | {"since": now - timedelta(minutes=70), "service": NAME, "environment": "*"}
        _insert(client, "changes", changed | {"kind": kind, "value": TEXT})
    world_runs.hostile(client, now, tenant, lineage)
    trace, span = "e411" * 8, f"{9:016x}"
    judged: dict[str, object] = {
        **where,
        "trace_id": trace,
        "span_id": span,
        "judged_trace_id": trace,
        "judged_span_id": span,
    }
    judged |= {"uid": "h", "name": NAME, "value": 0.0, "label": TEXT, "explanation": TEXT, "error": TEXT}
    judged |= {"said_by": NAME, "who": NAME, "user_id": NAME, "judged_conversation_id": "e"}
    times = ("judged_at", "judged_start", "counted_at")
    judged |= dict.fromkeys(times, now - timedelta(minutes=3))
    _insert(
        client, "judgements", judged | {"received_at": wall, "counted_by": "otlp_logs/0/1", "revision": 1}
    )
    errors = "error_type = {text:String}, user_id = {name:String}, tool_calls = {calls:String}"
    calls = json.dumps([{"name": NAME, "arguments": TEXT}])
    client.command(
        f"ALTER TABLE interactions UPDATE {errors} WHERE lineage = {{lineage:String}}",
        parameters={"text": TEXT, "name": NAME, "calls": calls, "lineage": lineage},
        settings={"mutations_sync": 1},
    )


def _insert(client: Client, table: str, row: dict[str, object]) -> None:
    client.insert(table, [list(row.values())], column_names=list(row))
