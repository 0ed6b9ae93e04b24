"""Splitting by trace and putting messages together."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.gateway.splitting import MAX_PIECE_BYTES, Piece, partition_of, split
from ingest.otlp.views import log_views, span_views
from tests.ingest.gateway.running import running
from tests.ingest.telemetry import chat, log, logs, span, traces


def trace_id(n: int) -> str:
    return f"{n + 1:032x}"


def rejoined(pieces: list[Piece]) -> ExportTraceServiceRequest:
    """All pieces' bytes one after the other."""
    return ExportTraceServiceRequest.FromString(b"".join(p.body for p in pieces))


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), max_size=30), st.integers(1, 8), st.booleans()
)
def test_splitting_loses_nothing_and_keeps_traces_together(
    placed: list[tuple[int, int]], partitions: int, small: bool
) -> None:
    request = ExportTraceServiceRequest()
    for n, (trace, service) in enumerate(placed):
        one = traces(
            span({"n": n}, trace=trace_id(trace), span_id=n + 1), resource={"service.name": f"s{service}"}
        )
        request.MergeFrom(one)
    pieces = split(request, partitions, max_bytes=200 if small else MAX_PIECE_BYTES)
    assert sum(p.records for p in pieces) == len(placed)
    before = Counter((v.trace_id, v.span_id, v.resource["service.name"]) for v in span_views(request))
    after = Counter((v.trace_id, v.span_id, v.resource["service.name"]) for v in span_views(rejoined(pieces)))
    assert after == before
    for piece in pieces:
        for view in span_views(ExportTraceServiceRequest.FromString(piece.body)):
            assert partition_of(bytes.fromhex(view.trace_id), partitions) == piece.partition
    if not small:
        assert len(pieces) == len({p.partition for p in pieces})


def test_a_trace_has_one_partition_for_spans_and_logs_and_the_rest_goes_by_service() -> None:
    spans = split(traces(span(chat())), 4)
    records = split(logs(log("e")), 4)
    assert [p.partition for p in spans] == [p.partition for p in records]
    (loose,) = split(logs(log("e", trace=None, span_id=None)), 4)
    assert loose.partition == zlib.crc32(b"harbour-chat") % 4
    assert log_views(ExportLogsServiceRequest.FromString(loose.body))[0].trace_id is None


def test_a_span_larger_than_a_piece_goes_alone() -> None:
    request = traces(span({"x": "a" * 500}, span_id=1), span({}, span_id=2), span({}, span_id=3))
    pieces = split(request, 1, max_bytes=300)
    assert [p.records for p in pieces] == [1, 2]


def test_requests_at_the_same_time_share_a_message(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, partitions=1, linger_s=0.05) as g:
            sent = [g.post("/v1/traces", traces(span(chat(), span_id=n))) for n in range(1, 21)]
            responses = await asyncio.gather(*sent)
            assert {r.status_code for r in responses} == {200}
            (message,) = g.producer.sent
            assert message.header("lightship-records") == "20"
            views = span_views(ExportTraceServiceRequest.FromString(message.value))
            assert len({v.span_id for v in views}) == 20

    asyncio.run(test())


def test_tenants_lineages_and_signals_never_share_a_message(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, partitions=1, linger_s=0.05) as g:
            await asyncio.gather(
                g.post("/v1/traces", traces(span(chat()))),
                g.post("/v1/traces", traces(span(chat())), lightship_lineage="demo-1"),
                g.post("/v1/traces", traces(span(chat())), lightship_backfill="1"),
                g.post("/v1/logs", logs(log("e"))),
            )
            assert len(g.producer.sent) == 4

    asyncio.run(test())


def test_a_message_is_sent_when_it_is_full(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, partitions=1, linger_s=30.0, group_bytes=1500) as g:
            responses = await asyncio.gather(
                *(g.post("/v1/traces", traces(span({"x": "a" * 900}, span_id=n))) for n in (1, 2)),
                g.post("/v1/traces", traces(span({"x": "a" * 2000}, span_id=3))),
            )
            assert {r.status_code for r in responses} == {200}
            assert len(g.producer.sent) >= 2

    asyncio.run(asyncio.wait_for(test(), 20))


def test_a_failed_partition_fails_exactly_the_requests_that_touch_it(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, partitions=4, linger_s=0.02) as g:
            by_partition = {partition_of(bytes.fromhex(trace_id(n)), 4): trace_id(n) for n in range(40)}
            g.producer.failing = {1}
            good = traces(span(chat(), trace=by_partition[0]))
            bad = traces(span(chat(), trace=by_partition[1]))
            both = traces(span(chat(), trace=by_partition[0], span_id=2), span(chat(), trace=by_partition[1]))
            responses = await asyncio.gather(*(g.post("/v1/traces", r) for r in (good, bad, both)))
            assert [r.status_code for r in responses] == [200, 503, 503]
            assert {s.partition for s in g.producer.sent} == {0}

    asyncio.run(test())


def test_what_is_open_is_sent_before_the_gateway_stops(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, partitions=1, linger_s=30.0) as g:
            asked = asyncio.create_task(g.post("/v1/traces", traces(span(chat()))))
            await asyncio.sleep(0.1)
            await g.gateway.stop()
            assert (await asked).status_code == 200
            assert len(g.producer.sent) == 1

    asyncio.run(test())
