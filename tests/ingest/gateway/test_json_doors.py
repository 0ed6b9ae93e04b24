"""Feedback, Langfuse scores and recorded changes through HTTP, to the messages that come of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from ingest.gateway import metrics
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.key_file import Key, KeyFile, hash_of
from ingest.gateway.splitting import partition_of
from ingest.interaction import Evaluation
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.views import LogView, log_views
from tests.ingest.gateway.running import JSON, NOW_NS, Running, running
from tests.ingest.telemetry import TRACE, chat, span, views

SPAN = f"{1:016x}"
FEEDBACK = {"interaction_id": f"{TRACE}:{SPAN}", "name": "helpful", "value": 1}
SCORE = {"traceId": TRACE, "observationId": SPAN, "name": "tone", "value": 0.5, "id": "s-1"}
MARKER = {"kind": "release", "value": "7.2", "who": "ada"}

Test = Callable[[Running], Coroutine[Any, Any, None]]


def run(home: Path, test: Test, **options: Any) -> None:
    async def inside() -> None:
        async with running(home, **options) as gateway:
            await test(gateway)

    asyncio.run(inside())


async def post(g: Running, path: str, body: Any, **headers: str) -> httpx.Response:
    return await g.client.post(path, content=json.dumps(body), headers={**JSON, **headers})


def judgements(g: Running) -> list[LogView]:
    return [
        view
        for sent in g.producer.sent
        if sent.topic == "otlp_logs"
        for view in log_views(ExportLogsServiceRequest.FromString(sent.value))
    ]


def test_feedback_is_a_redacted_log_record_in_the_partition_of_its_trace(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        said = {**FEEDBACK, "comment": "ask ada@example.org", "who": "ada@example.org"}
        answer = await post(g, "/v1/feedback", said, **{"lightship-lineage": "demo-1"})
        assert answer.status_code == 200
        assert answer.json()["accepted"] == 1
        (sent,) = g.producer.sent
        assert sent.partition == partition_of(bytes.fromhex(TRACE), 4)
        assert (sent.header("lightship-lineage"), sent.header("lightship-records")) == ("demo-1", "1")
        assert b"ada@example.org" not in sent.value
        (view,) = judgements(g)
        assert (view.trace_id, view.span_id, view.time_ns) == (TRACE, SPAN, NOW_NS)
        assert view.attributes["log.record.uid"] == answer.json()["ids"][0]
        assert view.attributes["user.id"].startswith("[")
        assert g.counters.value(metrics.JUDGEMENTS, "feedback") == 1

    run(tmp_path, test)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/feedback", {**FEEDBACK, "name": "tone", "value": 0.5}),
        ("/api/public/scores", SCORE),
        ("/api/public/scores", [SCORE]),
        ("/api/public/ingestion", {"batch": [{"id": "e", "type": "score-create", "body": SCORE}]}),
    ],
)
def test_every_door_leads_to_the_same_judgement(tmp_path: Path, path: str, body: Any) -> None:
    async def test(g: Running) -> None:
        assert (await post(g, path, body)).is_success
        out = assemble_batch(views(span(chat())), judgements(g))
        (evaluation,) = out.interactions[0].evaluations
        source = "feedback" if path == "/v1/feedback" else "langfuse"
        assert evaluation == Evaluation("tone", 0.5, source=source)

    run(tmp_path, test)


def test_a_list_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        assert (await post(g, "/v1/feedback", [FEEDBACK, {**FEEDBACK, "value": 2}])).json()["accepted"] == 2
        refused = await post(g, "/v1/feedback", [FEEDBACK, {**FEEDBACK, "valeu": 2}])
        assert refused.status_code == 400
        assert refused.json()["message"] == "[1].valeu is no field here, did you mean value?"
        assert len(judgements(g)) == 2

    run(tmp_path, test)


def test_a_list_of_scores_is_accepted_or_counted(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        answer = await post(g, "/api/public/scores", [SCORE, {**SCORE, "id": "s-2"}])
        assert (answer.status_code, answer.json()) == (202, {"message": "Accepted"})
        answer = await post(g, "/api/public/scores", [SCORE, {**SCORE, "name": ""}])
        assert answer.status_code == 207
        assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, 1)
        assert answer.json()["errors"][0]["message"] == "[1].name is missing: give it a text"
        assert len(judgements(g)) == 3
        assert (await post(g, "/api/public/scores", [SCORE] * 1001)).status_code == 400

    run(tmp_path, test)


def test_a_batch_of_langfuse_is_answered_event_by_event(tmp_path: Path) -> None:
    batch = [
        {"id": "e1", "type": "score-create", "timestamp": "2026-11-27T09:00:00Z", "body": SCORE},
        {"id": "e2", "type": "score-create", "body": {**SCORE, "traceId": "run-1"}},
        {"id": "e3", "type": "trace-create", "body": {"id": "t"}},
        {"id": "e4", "type": "sdk-log", "body": {"log": "x"}},
    ]

    async def test(g: Running) -> None:
        answer = await post(g, "/api/public/ingestion", {"batch": batch, "metadata": {}})
        assert answer.status_code == 207
        assert answer.json()["successes"] == [{"id": "e1", "status": 201}, {"id": "e4", "status": 201}]
        errors = {e["id"]: e for e in answer.json()["errors"]}
        assert errors.keys() == {"e2", "e3"}
        assert "batch[1].body.traceId = 'run-1' is not 32 hexadecimal digits" in errors["e2"]["message"]
        assert "send traces as OTLP" in errors["e3"]["message"]
        assert len(judgements(g)) == 1
        g.producer.down = True
        assert (await post(g, "/api/public/ingestion", {"batch": batch})).status_code == 503

    run(tmp_path, test)


def test_the_sdk_of_langfuse_is_told_that_we_are_there_and_whose_its_key_is(tmp_path: Path) -> None:
    keys = IngestKeys(KeyFile((Key("alpha", hash_of(b"sk-1")),)))

    async def test(g: Running) -> None:
        assert (await g.client.get("/api/public/health")).json()["status"] == "OK"
        assert (await g.client.get("/api/public/projects")).status_code == 401
        answer = await g.client.get("/api/public/projects", auth=("pk-1", "sk-1"))
        assert answer.json()["data"][0]["id"] == "alpha"

    run(tmp_path, test, keys=keys)


def test_a_change_is_an_action_with_its_texts_redacted(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        answer = await post(g, "/v1/changes", {**MARKER, "note": "by ada@example.org", "service": "chat"})
        assert answer.status_code == 200
        (sent,) = g.producer.sent
        assert (sent.topic, sent.partition) == ("actions", 0)
        entry = json.loads(sent.value)
        assert sent.key == entry["marker_id"].encode() == answer.json()["ids"][0].encode()
        assert (entry["v"], entry["action"], entry["kind"]) == (1, "marker", "release")
        assert (entry["tenant"], entry["service"], entry["actor"]) == ("default", "chat", "ada")
        assert entry["reason"].startswith("by [email:")
        assert g.counters.value(metrics.CHANGES, "default") == 1
        g.producer.down = True
        assert (await post(g, "/v1/changes", MARKER)).headers["retry-after"] == "1"

    run(tmp_path, test)


@pytest.mark.parametrize(
    "path", ["/v1/feedback", "/v1/changes", "/api/public/scores", "/api/public/ingestion"]
)
def test_what_is_not_json_is_refused(tmp_path: Path, path: str) -> None:
    async def test(g: Running) -> None:
        for content, kind, status in (
            ("{", "application/json", 400),
            ("[" * 100_000, "application/json", 400),
            ("3", "application/json", 400),
            ("{}", "text/plain", 415),
            ("{}", "application/x-protobuf", 415),
        ):
            answer = await g.client.post(path, content=content, headers={"content-type": kind})
            assert answer.status_code == status
            assert answer.json()["message"]
        assert (await g.client.get(path)).status_code == 405
        assert g.producer.sent == []

    run(tmp_path, test)


def test_no_page_of_another_origin_may_send_unless_it_is_named(tmp_path: Path) -> None:
    asks = {"origin": "https://app.example", "access-control-request-method": "POST"}

    async def closed(g: Running) -> None:
        answer = await g.client.options("/v1/traces", headers=asks)
        assert answer.status_code == 405
        assert not [h for h in answer.headers if h.startswith("access-control")]

    async def opened(g: Running) -> None:
        answer = await g.client.options("/v1/traces", headers=asks)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "content-type" in answer.headers["access-control-allow-headers"]
        sent = await post(g, "/v1/feedback", FEEDBACK, origin="https://app.example")
        assert sent.headers["access-control-allow-origin"] == "https://app.example"
        other = await post(g, "/v1/feedback", FEEDBACK, origin="https://evil.example")
        assert "access-control-allow-origin" not in other.headers
        assert other.headers["vary"] == "origin"
        refused = await g.client.options("/v1/traces", headers={**asks, "origin": "https://evil.example"})
        assert refused.status_code == 405

    run(tmp_path, closed)
    run(tmp_path, opened, origins=("https://app.example",))
