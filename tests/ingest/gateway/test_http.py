"""The OTLP/HTTP protocol: statuses, formats, encodings, limits, keys, pages."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import zstandard
from google.rpc import status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from ingest.gateway import metrics
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.key_file import Key, KeyFile, hash_of
from ingest.otlp.dialects.span_facts import is_synthetic
from ingest.otlp.views import span_views
from tests.ingest.gateway.running import JSON, NOW_NS, PROTOBUF, Running, running
from tests.ingest.telemetry import chat, log, logs, span, traces

Test = Callable[[Running], Coroutine[Any, Any, None]]


def run(home: Path, test: Test, **options: Any) -> None:
    """Run a test against a gateway of its own."""

    async def inside() -> None:
        async with running(home, **options) as gateway:
            await test(gateway)

    asyncio.run(inside())


def test_an_export_is_answered_when_it_is_in_kafka(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        g.producer.hold = asyncio.Event()
        asked = asyncio.create_task(g.post("/v1/traces", traces(span(chat()))))
        await asyncio.sleep(0.05)
        assert not asked.done()
        g.producer.hold.set()
        response = await asked
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/x-protobuf"
        assert ExportTraceServiceResponse.FromString(response.content) == ExportTraceServiceResponse()
        (sent,) = g.producer.sent
        assert sent.topic == "otlp_spans"
        assert [sent.header(h) for h in ("lightship-tenant", "lightship-lineage", "lightship-records")] == [
            "default", "live", "1",
        ]  # fmt: skip
        assert sent.header("lightship-received-at") == str(NOW_NS)
        assert sent.header("lightship-redacted")
        assert ExportTraceServiceRequest.FromString(sent.value).resource_spans[0].scope_spans[0].spans[0].name
        assert g.counters.value(metrics.SPANS, "default") == 1

    run(tmp_path, test)


def test_logs_and_the_langfuse_path_are_taken_and_metrics_are_ignored(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        assert (await g.post("/v1/logs", logs(log("gen_ai.choice", body="x")))).status_code == 200
        assert (await g.post("/api/public/otel/v1/traces", traces(span(chat())))).status_code == 200
        assert (await g.post("/v1/metrics", b"\x0a\x00")).status_code == 200
        assert [s.topic for s in g.producer.sent] == ["otlp_logs", "otlp_spans"]
        assert g.counters.value(metrics.IGNORED, "metrics") == 1

    run(tmp_path, test)


def test_empty_requests_succeed_and_send_nothing(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        for path in ("/v1/traces", "/v1/logs", "/v1/metrics"):
            assert (await g.post(path, b"")).status_code == 200
        assert (await g.client.post("/v1/traces", content=b"{}", headers=JSON)).status_code == 200
        assert g.producer.sent == []

    run(tmp_path, test)


def test_json_is_read_and_answered_in_json(tmp_path: Path) -> None:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "chat"},
        {"traceId": "", "spanId": "eee19b7ec3c1b174", "name": "no trace"}]}]}]}  # fmt: skip

    async def test(g: Running) -> None:
        response = await g.client.post("/v1/traces", json=body)
        assert response.status_code == 200
        assert response.json()["partialSuccess"]["rejectedSpans"] == "1"
        (sent,) = g.producer.sent
        (kept,) = ExportTraceServiceRequest.FromString(sent.value).resource_spans[0].scope_spans[0].spans
        assert kept.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
        refused = await g.client.post("/v1/traces", content=b"{", headers=JSON)
        assert refused.status_code == 400
        assert refused.json()["code"] == 3

    run(tmp_path, test)


def test_spans_without_ids_are_refused_in_part(tmp_path: Path) -> None:
    broken = span(chat(), span_id=2)
    broken.trace_id = b"short"

    async def test(g: Running) -> None:
        response = await g.post("/v1/traces", traces(span(chat()), broken))
        assert response.status_code == 200
        partial = ExportTraceServiceResponse.FromString(response.content).partial_success
        assert partial.rejected_spans == 1
        assert partial.error_message
        assert g.producer.sent[0].header("lightship-records") == "1"

    run(tmp_path, test)


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda b: zstandard.ZstdCompressor().compress(b),
    "identity": lambda b: b,
}


@pytest.mark.parametrize("encoding", ENCODERS)
def test_every_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    body = ENCODERS[encoding](traces(span(chat())).SerializeToString())

    async def test(g: Running) -> None:
        assert (await g.post("/v1/traces", body, content_encoding=encoding)).status_code == 200
        assert len(g.producer.sent) == 1

    run(tmp_path, test)


@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_body_over_the_limit_is_refused_by_what_it_unpacks_to(tmp_path: Path, encoding: str) -> None:
    big = traces(span({**chat(), "x": "a" * 300_000})).SerializeToString()

    async def test(g: Running) -> None:
        response = await g.post("/v1/traces", ENCODERS[encoding](big), content_encoding=encoding)
        assert response.status_code == 413
        assert status_pb2.Status.FromString(response.content).code == 8
        assert g.producer.sent == []
        assert g.counters.value(metrics.IN_FLIGHT_BYTES) == 0

    run(tmp_path, test, max_body_bytes=200_000)


def test_a_body_without_a_length_is_stopped_at_the_limit(tmp_path: Path) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"x" * 10_000

    async def test(g: Running) -> None:
        response = await g.client.post("/v1/traces", content=endless(), headers=PROTOBUF)
        assert response.status_code == 413

    run(tmp_path, test, max_body_bytes=100_000)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/v1/traces", PROTOBUF, b"", 405),
        ("PUT", "/v1/logs", PROTOBUF, b"", 405),
        ("OPTIONS", "/v1/traces", {}, b"", 405),
        ("POST", "/v1/traces", {"content-type": "text/plain"}, b"x", 415),
        ("POST", "/v1/traces", {}, b"x", 415),
        ("POST", "/v1/traces", {**PROTOBUF, "content-encoding": "br"}, b"x", 415),
        ("POST", "/v1/traces", PROTOBUF, b"\xff\xff\xff", 400),
        ("POST", "/v1/logs", PROTOBUF, b"\xff\xff\xff", 400),
        ("POST", "/v1/traces", {**PROTOBUF, "content-encoding": "gzip"}, b"not gzip", 400),
        ("POST", "/v1/traces", {**PROTOBUF, "lightship-lineage": "replay-x"}, b"", 400),
        ("POST", "/v1/traces", {**PROTOBUF, "lightship-lineage": "demo-" + "x" * 41}, b"", 400),
        ("POST", "/v1/traces", {**PROTOBUF, "lightship-lineage": "demo-A"}, b"", 400),
        ("POST", "/v2/traces", PROTOBUF, b"", 404),
        ("POST", "/healthz", {}, b"", 405),
    ],
)  # fmt: skip
def test_refusals(
    tmp_path: Path, method: str, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    async def test(g: Running) -> None:
        response = await g.client.request(method, path, headers=headers, content=body)
        assert response.status_code == status
        if headers.get("content-type") == PROTOBUF["content-type"] and path.startswith("/v1"):
            assert status_pb2.Status.FromString(response.content).message
        else:
            assert json.loads(response.content)["message"]
        assert g.producer.sent == []

    run(tmp_path, test)


def test_kafka_down_is_503_with_a_short_retry_and_it_recovers(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        g.producer.down = True
        response = await g.post("/v1/traces", traces(span(chat())))
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert status_pb2.Status.FromString(response.content).code == 14
        assert (await g.client.get("/readyz")).status_code == 503
        assert (await g.client.get("/healthz")).status_code == 200
        g.producer.down = False
        assert (await g.post("/v1/traces", traces(span(chat())))).status_code == 200
        assert (await g.client.get("/readyz")).status_code == 200
        assert g.counters.value(metrics.FAILED_MESSAGES, "otlp_spans") == 1

    run(tmp_path, test)


def test_too_many_waiting_bytes_are_503_and_memory_is_given_back(tmp_path: Path) -> None:
    request = traces(span({**chat(), "x": "a" * 40_000}))

    async def test(g: Running) -> None:
        g.producer.hold = asyncio.Event()
        waiting = [asyncio.create_task(g.post("/v1/traces", request)) for _ in range(5)]
        await asyncio.sleep(0.1)
        refused = [t.result().status_code for t in waiting if t.done()]
        assert refused == [503, 503, 503]
        g.producer.hold.set()
        assert sorted(r.status_code for r in await asyncio.gather(*waiting)) == [200, 200, 503, 503, 503]
        assert g.counters.value(metrics.IN_FLIGHT_BYTES) == 0

    run(tmp_path, test, max_in_flight_bytes=100_000)


def test_a_slow_body_is_given_up(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not messages:
                messages.append({})
                return {"type": "http.request", "body": b"x", "more_body": True}
            await asyncio.sleep(30)
            raise AssertionError("not reached")

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/traces",
                 "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")]}  # fmt: skip
        await g.gateway(scope, receive, send)
        assert sent[0]["status"] == 408
        assert g.counters.value(metrics.IN_FLIGHT_BYTES) == 0

    run(tmp_path, test, body_timeout_s=0.05)


def test_a_client_that_goes_away_is_counted_and_nothing_is_kept(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        arriving: list[dict[str, Any]] = [
            {"type": "http.request", "body": b"xx", "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> dict[str, Any]:
            return arriving.pop(0)

        async def send(message: Any) -> None:
            raise AssertionError("nobody is there")

        scope = {"type": "http", "method": "POST", "path": "/v1/traces", "headers": [(b"host", b"localhost")]}
        await g.gateway(scope, receive, send)
        assert g.counters.value(metrics.REJECTED, "client_gone") == 1
        assert g.counters.value(metrics.IN_FLIGHT_BYTES) == 0

    run(tmp_path, test)


def test_keys_decide_the_tenant(tmp_path: Path) -> None:
    keys = IngestKeys(KeyFile((Key("alpha", hash_of(b"alpha-key")),)))
    basic = base64.b64encode(b"pk-lf-1:alpha-key").decode()

    async def test(g: Running) -> None:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic ???"}):
            response = await g.post("/v1/traces", traces(span(chat())), **headers)
            assert response.status_code == 401
            assert status_pb2.Status.FromString(response.content).code == 16
        valid = (
            {"authorization": "Bearer alpha-key"},
            {"authorization": f"Basic {basic}"},
            {"x-api-key": "alpha-key"},
        )
        for headers in valid:
            assert (await g.post("/v1/traces", traces(span(chat())), **headers)).status_code == 200
        assert {s.header("lightship-tenant") for s in g.producer.sent} == {"alpha"}
        assert (tmp_path / "keys" / "alpha.key").stat().st_mode & 0o777 == 0o600

    run(tmp_path, test, keys=keys)


def test_lineages_come_from_the_header(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        for lineage in ("demo-1", "import-2026-11", "evaluation-a", "live"):
            response = await g.post("/v1/traces", traces(span(chat())), lightship_lineage=lineage)
            assert response.status_code == 200
        await g.post("/v1/traces", traces(span(chat())), lightship_backfill="1")
        assert [s.header("lightship-lineage") for s in g.producer.sent] == [
            "demo-1", "import-2026-11", "evaluation-a", "live", "live",
        ]  # fmt: skip
        assert [s.header("lightship-backfill") for s in g.producer.sent] == [None] * 4 + ["1"]

    run(tmp_path, test)


def test_secrets_never_reach_kafka_whatever_the_form(tmp_path: Path) -> None:
    mail = "ada.lovelace@harbour-books.org"

    async def test(g: Running) -> None:
        await g.post("/v1/traces", traces(span(chat(f"I am {mail}"))))
        await g.post("/v1/logs", logs(log("gen_ai.user.message", body={"content": f"I am {mail}"})))
        named = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": mail}
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [named]}]}]}
        await g.client.post("/v1/traces", json=body)
        assert len(g.producer.sent) == 3
        assert not any(mail.encode() in s.value for s in g.producer.sent)
        assert g.counters.value(metrics.REDACTIONS, "email") == 3

    run(tmp_path, test)


def test_a_clock_mark_reaches_every_partition_after_what_was_sent_before(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        data = asyncio.create_task(g.post("/v1/traces", traces(span(chat())), lightship_lineage="demo-1"))
        await asyncio.sleep(0.05)
        at = {"lightship_lineage": "demo-1", "lightship_event_time": "1795500000000000000"}
        mark = await g.post("/v1/traces", b"", **at)
        at["lightship_event_time"] = "1795500000000000001"
        end = await g.post("/v1/traces", b"", **at, lightship_lineage_end="1")
        assert (mark.status_code, end.status_code, (await data).status_code) == (200, 200, 200)
        first, *marks = g.producer.sent
        assert first.value
        assert [m.value for m in marks] == [b""] * 8
        assert sorted(m.partition for m in marks[:4]) == [0, 1, 2, 3]
        assert {m.header("lightship-event-time") for m in marks[:4]} == {"1795500000000000000"}
        assert {m.header("lightship-lineage-end") for m in marks[:4]} == {None}
        assert {m.header("lightship-lineage-end") for m in marks[4:]} == {"1"}
        assert {m.header("lightship-records") for m in marks} == {"0"}

    run(tmp_path, test, linger_s=10.0)


@pytest.mark.parametrize(
    ("lineage", "time"), [("live", "1795500000000000000"), ("demo-1", "soon"), ("demo-1", "9" * 19)]
)
def test_a_mark_that_cannot_be_is_refused(tmp_path: Path, lineage: str, time: str) -> None:
    async def test(g: Running) -> None:
        response = await g.post("/v1/traces", b"", lightship_lineage=lineage, lightship_event_time=time)
        assert response.status_code == 400
        assert g.producer.sent == []

    run(tmp_path, test)


def test_a_mark_is_503_if_one_partition_fails(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        g.producer.failing = {2}
        response = await g.post("/v1/traces", b"", lightship_lineage="demo-1", lightship_lineage_end="1")
        assert response.status_code == 503

    run(tmp_path, test)


def test_the_metrics_page_is_prometheus_text(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        await g.post("/v1/traces", traces(span(chat())))
        await g.post("/v1/traces", b"\xff")
        text = (await g.client.get("/metrics")).text
        assert 'lightship_gateway_requests_total{signal="traces",status="200"} 1\n' in text
        assert 'lightship_gateway_requests_total{signal="traces",status="400"} 1\n' in text
        assert "lightship_gateway_spans_total 1\n" in text
        assert "lightship_gateway_kafka_up 1\n" in text
        for metric in metrics.ALL:
            assert f"# TYPE {metric.name} {metric.kind}\n" in text

    run(tmp_path, test)


def test_requests_of_all_signals_are_wire_compatible_with_what_kafka_readers_expect(tmp_path: Path) -> None:
    async def test(g: Running) -> None:
        await g.post("/v1/logs", logs(log("e", body={"a": [1, 2.5, True]})))
        (sent,) = g.producer.sent
        assert ExportLogsServiceRequest.FromString(sent.value) == logs(log("e", body={"a": [1, 2.5, True]}))

    run(tmp_path, test)


def test_what_comes_with_a_key_for_synthetic_traffic_says_so_and_nobody_else_can(tmp_path: Path) -> None:
    probing = Key("alpha", hash_of(b"probe-key"), synthetic="yes")
    keys = IngestKeys(KeyFile((probing, Key("alpha", hash_of(b"alpha-key")))))
    claims = {**chat(), "lightship.synthetic": True}

    async def test(g: Running) -> None:
        for sent_with in ("probe-key", "alpha-key"):
            for path, request in (
                ("/v1/traces", traces(span(claims))),
                ("/v1/logs", logs(log("gen_ai.choice"))),
            ):
                headers = {"authorization": f"Bearer {sent_with}"}
                assert (await g.post(path, request, **headers)).status_code == 200
        found = {(s.topic, i < 2): b"lightship.synthetic" in s.value for i, s in enumerate(g.producer.sent)}
        assert found == {
            ("otlp_spans", True): True,
            ("otlp_logs", True): True,
            ("otlp_spans", False): False,
            ("otlp_logs", False): False,
        }
        request = ExportTraceServiceRequest.FromString(g.producer.sent[0].value)
        (view,) = span_views(request)
        assert is_synthetic(view.attributes, view.resource)

    run(tmp_path, test, keys=keys)
