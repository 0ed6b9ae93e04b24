"""Feedback, scores, recorded changes: no secret of any kind gets past the gateway's doors for JSON."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.garden import KINDS, TYPED, Garden
from tests.ingest.gateway.running import JSON, Running, running
from tests.ingest.telemetry import TRACE

SPAN = f"{1:016x}"
PARTS = [KINDS[at : at + 6] for at in range(0, len(KINDS), 6)]


def leaks(garden: Garden, gateway: Running) -> list[str]:
    """Secrets in what was sent to Kafka; every harmless word must be there."""
    data = b"\n".join(b"%s %s" % (sent.key or b"", sent.value) for sent in gateway.producer.sent)
    data = data.replace(b"\\n", b"\n")
    for planted in garden.planted:
        assert planted.secret or planted.value.encode() in data, planted.place
    return [f"{p.kind} in {p.place}" for p in garden.planted if p.secret and p.value.encode() in data]


async def posted(gateway: Running, path: str, body: Any) -> None:
    answer = await gateway.client.post(path, content=json.dumps(body), headers=JSON)
    assert answer.status_code in (200, 202, 207), answer.text


def test_feedback_and_scores_hold_nothing_of_any_kind(tmp_path: Path) -> None:
    async def test() -> None:
        g = Garden("feedback", 1)
        async with running(tmp_path) as gateway:
            for kinds in PARTS:
                about = {"interaction_id": f"{TRACE}:{SPAN}", "value": 0, "name": "helpful"}
                await posted(gateway, "/v1/feedback", {**about, "comment": g.text("comment", kinds)})
                score = {"traceId": TRACE, "observationId": SPAN, "value": 0.5, "name": "tone"}
                await posted(gateway, "/api/public/scores", {**score, "comment": g.text("Langfuse", kinds)})
            for kind in TYPED:
                named = {"name": g.name_of("name", kind)[:200], "label": g.name_of("label", kind)[:200]}
                about = {
                    "trace_id": TRACE,
                    "who": g.value("who", kind)[:256],
                    "id": g.name_of("id", kind)[:256],
                }
                await posted(gateway, "/v1/feedback", {**about, **named})
                about = {"response_id": g.name_of("answer", kind)[:256], "value": True, "name": "x"}
                await posted(gateway, "/v1/feedback", about)
            assert leaks(g, gateway) == []

    asyncio.run(test())


def test_changes_hold_nothing_of_any_kind(tmp_path: Path) -> None:
    async def test() -> None:
        g = Garden("change", 1)
        async with running(tmp_path) as gateway:
            for kinds in PARTS:
                change = {"kind": "flag", "value": "x", "who": "ada", "note": g.text("note", kinds)}
                await posted(gateway, "/v1/changes", change)
            for kind in TYPED:
                for of in ("release", "provider_incident"):
                    change = {
                        "kind": of,
                        "value": g.name_of("value", kind)[:200],
                        "service": g.name_of("service", kind)[:200],
                        "environment": g.name_of("environment", kind)[:200],
                        "who": g.name_of("who", kind)[:200],
                    }
                    await posted(gateway, "/v1/changes", change)
            assert leaks(g, gateway) == []

    asyncio.run(test())


@pytest.mark.parametrize("value", ["1.2.3.4", "10.2.3.40", "7-blue", "2024-08-06", "4111", "v2024.11.27"])
def test_a_release_and_a_service_are_recorded_as_telemetry_names_them(tmp_path: Path, value: str) -> None:
    async def test() -> None:
        async with running(tmp_path) as gateway:
            change = {"kind": "release", "value": value, "service": "checkout-4111", "environment": "qa-2024"}
            await posted(gateway, "/v1/changes", {**change, "who": "ada"})
            (sent,) = gateway.producer.sent
            kept = json.loads(sent.value)
            assert {k: kept[k] for k in change} == change

    asyncio.run(test())


@pytest.mark.parametrize("lineage", ["demo-4111111111111111", "import-de89370400440532013000"])
def test_a_lineage_that_gives_something_away_is_refused(tmp_path: Path, lineage: str) -> None:
    async def test() -> None:
        async with running(tmp_path) as gateway:
            headers = {**JSON, "lightship-lineage": lineage}
            answer = await gateway.client.post("/v1/feedback", content=b"{}", headers=headers)
            assert answer.status_code == 400
            assert lineage not in answer.text
            assert gateway.producer.sent == []

    asyncio.run(test())
