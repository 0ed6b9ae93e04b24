"""What a held incident rests on, on the real store: kept over every TTL until it is released."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from alerts.access.keys import read_token
from alerts.commands.incidents_command import export_legal_hold, show_legal_hold
from alerts.commands.incidents_command import legal_hold as held_of
from alerts.incidents.lifecycle import fresh
from alerts.incidents.timing import Timing
from alerts.legal_hold import evidence as held
from alerts.repository.incidents import IncidentRepository
from infra import retention
from infra.clickhouse import connect
from infra.clock import to_ns
from infra.errors import Misconfigured
from infra.settings import Settings
from tests.alert_service import World, until
from tests.alerts.invented import at, overall, refusals
from tests.databases import fresh_database
from tests.integration.test_alerts import HookWorld, world  # noqa: F401 - a fixture

pytestmark = pytest.mark.integration

TABLES = (
    *("interactions", "context_spans", "traces", "judgements"),
    *("findings", "evidence", "baselines", "observations", "kept_snapshots", "cells"),
)
WHO = {"actor": "Ana", "reason": "a subpoena"}


def old(days: float) -> int:
    return time.time_ns() - int(days * 86_400e9)


def fill(world: World, calls: int, received_days: float) -> None:  # noqa: F811
    """Calls of the service in and before the incident's window, and what its finding rests on."""
    client = connect(world.settings.store)
    owner = {
        "tenant": "default",
        "lineage": "live",
        "service": "support-assistant",
        "environment": "production",
    }
    received = old(received_days)
    finding = refusals()

    def insert(table: str, *rows: dict[str, Any]) -> None:
        client.insert(table, [list(row.values()) for row in rows], list(rows[0]))

    def call(k: int, minute: str, **more: Any) -> dict[str, Any]:
        named = {"trace_id": f"t{k}", "span_id": f"s{k}", "start": to_ns(at(minute)) + k, "language": "es"}
        text = {"input_text": f"pregunta {k}", "output_text": f"respuesta «{k}»", "revision": 1}
        return {
            **owner,
            **named,
            **text,
            "received_at": received,
            "score_refusal": float(k % 10 == 0),
            **more,
        }

    insert("interactions", *(call(k, "04:20") for k in range(calls)))
    insert("interactions", call(9001, "02:00"), call(9002, "04:20", language="de", score_refusal=0.0))
    insert("interactions", call(9003, "04:20", service="another"))
    span = {**owner, "trace_id": "t0", "span_id": "tool", "kind": "tool", "tool_arguments": '{"q": 1}'}
    insert("context_spans", {**span, "start": to_ns(at("04:20")), "received_at": received})
    insert("traces", {**owner, "trace_id": "t0", "name": "a run", "received_at": received})
    judged = {"judged_trace_id": "t0", "explanation": "rude", "received_at": received}
    insert("judgements", {**owner, "trace_id": "t0", "name": "helpful", **judged})
    reference = {"series_id": finding.series, "version": finding.baseline_version, "channel": "rate"}
    insert("baselines", {**owner, **reference, "body": "{}", "written_at": received // 1_000_000})
    named = {"finding_id": finding.finding_id, "version": 50, "written_at": old(received_days)}
    named["written_at"] = received // 1_000_000
    insert("findings", {**owner, **named, "body": finding.to_json(), "made_at": to_ns(at("04:25")) // 1000})
    log = {"partition": 2, "written_at": received // 1_000_000}
    rests = {"tenant": "default", **named, "partition": 2, "room": "detect", "snapshot_offset": 40}
    insert("evidence", rests)
    insert("kept_snapshots", {"room": "detect", "shard": 2, "next_offset": 40, "blob": b"\xff\x00snap"} | {
        "written_at": received // 1_000_000
    })  # fmt: skip
    insert("observations", *({**log, "offset": n, "blob": bytes([n, 0xFF])} for n in range(30, 60)))
    cell = {**owner, "unit": "interaction", "score": "refusal", "generation": 1, "slice": "language=es"}
    insert("cells", {**cell, "tick": at("04:20"), "n": 9, "written_at": received // 1_000_000})
    client.close()


def kept(world: World, incident_id: str) -> dict[str, list[dict[str, Any]]]:  # noqa: F811
    rows = world.rows(
        f"SELECT source, body FROM held_rows FINAL WHERE incident_id = '{incident_id}' "  # noqa: S608
        "ORDER BY source, key, version"
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for source, body in rows:
        found.setdefault(source, []).append(json.loads(body))
    return found


@pytest.mark.long
def test_what_is_held_outlives_every_ttl_until_it_is_released(
    world: HookWorld,  # noqa: F811 - the fixture
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = world.settings.store
    retention.keep(replace(store, text_days=3650, score_months=120))
    fill(world, calls=40, received_days=100)
    with world.service() as service:
        api = httpx.Client(
            base_url=service.address, headers={"authorization": f"Bearer {read_token(world.settings.home)}"}
        )
        world.say(refusals(), overall())
        until(lambda: service.metrics.get("findings") == 2)
        (incident,) = service.desk.all()
        path = f"/incidents/{incident.incident_id}"
        assert api.get(f"{path}/held").json() == {
            "v": 1, "incident_id": incident.incident_id, "tenant": "default", "held_by": None, "sources": [],
        }  # fmt: skip
        assert api.post(f"{path}/hold", json=WHO).json()["held_by"] == "Ana"
        until(lambda: "observations" in [s["source"] for s in api.get(f"{path}/held").json()["sources"]])
        report = api.get(f"{path}/held").json()
        before = kept(world, incident.incident_id)
        texts = {row["trace_id"]: row["output_text"] for row in before["interactions"]}
        assert texts == {f"t{k}": f"respuesta «{k}»" for k in (*range(40), 9001)}
        assert before["context_spans"][0]["tool_arguments"] == '{"q": 1}'
        assert [row["offset"] for row in before["observations"]] == list(range(40, 51))
        assert before["kept_snapshots"][0]["blob"] == "/wBzbmFw"
        assert before["judgements"][0]["explanation"] == "rude"
        assert {len(before[t]) for t in ("findings", "evidence", "cells", "baselines", "traces")} == {1}
        assert [s for s in report["sources"] if s["cut"]] == []
        retention.keep(replace(store, text_days=7, score_months=3))
        client = connect(store)
        for _ in range(2):
            for table in (*TABLES, "held_rows", "holds"):
                client.command(f"OPTIMIZE TABLE {table} FINAL")
        left = {t: client.query(f"SELECT count() FROM {t}").result_rows[0][0] for t in TABLES}  # noqa: S608
        client.close()
        assert left == dict.fromkeys(TABLES, 0)
        again = service.holding.keep(service.desk.all()[0])  # as time does
        assert {b.source: b.kept for b in again} == {s["source"]: s["kept"] for s in report["sources"]}
        after = kept(world, incident.incident_id)
        assert {t: after[t] for t in TABLES} == {t: before[t] for t in TABLES}
        file, reach = tmp_path / "evidence.jsonl", urlsplit(service.address)
        for name, value in {
            "LIGHTSHIP_HOME": str(world.settings.home),
            "LIGHTSHIP_CLICKHOUSE": store.url,
            "LIGHTSHIP_KAFKA": world.settings.kafka.bootstrap,
            "LIGHTSHIP_STORE_DATABASE": store.database,
            "LIGHTSHIP_ALERTS_PORT": str(reach.port),
        }.items():
            monkeypatch.setenv(name, value)
        assert export_legal_hold(None, incident.incident_id, file).endswith(
            f"rows of incident {incident.incident_id} in {file}"
        )
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert [line["row"] for line in lines if line["source"] == "interactions"] == before["interactions"]
        with pytest.raises(Misconfigured, match="is there already"):
            export_legal_hold(None, incident.incident_id, file)
        assert f"interactions: {len(texts)} rows" in show_legal_hold(held_of(None, incident.incident_id))
        assert api.post(f"{path}/accept", json=WHO).json()["held_by"] == "Ana"  # ended, still held
        assert kept(world, incident.incident_id)["interactions"] == before["interactions"]
        assert api.post(f"{path}/release", json=WHO).json()["held_by"] is None
        until(lambda: kept(world, incident.incident_id) == {})
        until(lambda: api.get(f"{path}/held").json()["sources"] == [])
        api.close()


def test_a_bound_keeps_what_matters_most_and_says_what_it_kept_out(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "MAX_INTERACTIONS", 6)
    own = fresh_database(store, "held")
    shelf = World(Settings(store=own), "", "")
    fill(shelf, calls=40, received_days=1)
    incident = fresh(refusals(), Timing())
    log = IncidentRepository(lambda: connect(shelf.settings.store))
    holding = log.legal_hold_usage()
    for _ in range(2):
        bounds = {bound.source: bound for bound in holding.keep(incident)}
    mine, rows = bounds["interactions"], kept(shelf, incident.incident_id)["interactions"]
    assert {r["trace_id"] for r in rows if r["score_refusal"] == 1.0} == {"t0", "t10", "t20", "t30"}
    assert (mine.there, mine.kept, mine.cut) == (41, 7, True)  # six, and one from before
    assert mine.text().startswith("interactions: 7 of 41 rows: the bound kept out the rest")
    first = next(r for r in rows if r["trace_id"] == "t0")
    names = (
        "tenant",
        "lineage",
        "service",
        "environment",
        "trace_id",
        "span_id",
        "language",
        "score_refusal",
    )
    late = {n: first[n] for n in names} | {"start": to_ns(at("04:20")), "received_at": time.time_ns()}
    late |= {"revision": 2, "output_text": "and its content, late"}
    client = connect(shelf.settings.store)
    client.insert("interactions", [list(late.values())], list(late))
    client.close()
    assert {b.source: b.kept for b in holding.keep(incident)}["interactions"] == 7
    stored = kept(shelf, incident.incident_id)
    assert [r["revision"] for r in stored["interactions"] if r["trace_id"] == "t0"] == [1, 2]
    assert len(list(holding.rows("default", incident.incident_id))) == sum(map(len, stored.values()))
    log.close()
