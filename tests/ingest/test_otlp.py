"""Reading requests: values, ids, events, JSON and compression."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.compression import decompress, sniff
from ingest.errors import BadRecord, TooLarge, UnknownEncoding
from ingest.otlp.otlp_json import parse_json
from ingest.otlp.views import log_views, parse_logs, parse_traces, read_value, span_views
from tests.ingest.telemetry import TRACE, any_value, chat, log, logs, span, traces

_scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()
)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(_values)
def test_values_of_every_kind_come_back_as_they_were_sent(value: Any) -> None:
    assert read_value(any_value(value)) == value


def test_bytes_become_text_only_where_they_are_text() -> None:
    assert read_value(any_value("Tromsø".encode())) == "Tromsø"
    assert read_value(any_value(b"\xff\xfe\x00")) is None


def test_a_span_keeps_ids_times_status_and_events() -> None:
    (view,) = span_views(
        traces(span({"k": 1}, span_id=7, parent=3, error="boom", events=[("e", 0.25, {"x": "y"})], dropped=4))
    )
    assert (view.trace_id, view.span_id, view.parent_span_id) == (TRACE, "0" * 15 + "7", "0" * 15 + "3")
    assert view.failed
    assert view.status_message == "boom"
    assert view.end_ns - view.start_ns == 1_000_000_000
    assert view.events[0].time_ns - view.start_ns == 250_000_000
    assert view.dropped_attributes == 4
    assert view.resource["service.name"] == "harbour-chat"


def test_a_span_without_an_id_is_not_a_span() -> None:
    broken = span({})
    broken.span_id = b"\0" * 8
    assert span_views(traces(broken)) == []


def test_the_event_name_is_a_field_or_an_attribute() -> None:
    views = log_views(logs(log("a.b"), log("c.d", as_attribute=True), log("", trace=None, span_id=None)))
    assert [v.event for v in views] == ["a.b", "c.d", ""]
    assert views[2].trace_id is None


@given(st.binary(max_size=200))
def test_bytes_that_are_no_request_are_refused_and_nothing_else_is_raised(body: bytes) -> None:
    for parse, read in ((parse_traces, span_views), (parse_logs, log_views)):
        try:
            read(parse(body))  # type: ignore[arg-type]
        except BadRecord:
            continue


def _otlp_json(request: ExportTraceServiceRequest | ExportLogsServiceRequest) -> bytes:
    """OTLP/JSON of a request: protobuf's JSON with ids in hexadecimal."""
    text = json_format.MessageToJson(request, use_integers_for_enums=True)

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(n) for n in node]
        if isinstance(node, dict):
            return {
                k: base64.b64decode(v).hex() if k in ("traceId", "spanId", "parentSpanId") else walk(v)
                for k, v in node.items()
            }
        return node

    return json.dumps(walk(json.loads(text))).encode()


def test_json_and_protobuf_of_one_request_are_the_same() -> None:
    sent = traces(span(chat(), parent=9, events=[("e", 0.1, {"x": [1, 2.5, True]})], error="no"))
    assert parse_json(ExportTraceServiceRequest(), _otlp_json(sent)) == sent
    told = logs(log("gen_ai.choice", body={"index": 0, "message": {"content": "hi"}}))
    assert parse_json(ExportLogsServiceRequest(), _otlp_json(told)) == told


def test_json_accepts_what_the_protocol_allows() -> None:
    body = b"""{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"4BF92F3577B34DA6A3CE929D0E0E4736",
      "spanId":"00f067aa0ba902b7","name":"n","kind":3,"startTimeUnixNano":"1795500000000000001",
      "endTimeUnixNano":1795500000000000002,"status":{"code":2},"neverHeardOf":{"a":[1]},
      "attributes":[{"key":"n","value":{"intValue":"42"}},{"key":"d","value":{"doubleValue":1.5}}]}]}]}]}"""
    (view,) = span_views(parse_json(ExportTraceServiceRequest(), body))
    assert view.trace_id == TRACE
    assert view.failed
    assert (view.start_ns, view.end_ns) == (1795500000000000001, 1795500000000000002)
    assert view.attributes == {"n": 42, "d": 1.5}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'"x"', b'{"resourceSpans":5}', b'{"resourceSpans":[7]}',
     b'{"resourceSpans":' + b"[" * 5000 + b"]" * 5000 + b"}"],
)  # fmt: skip
def test_json_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(BadRecord):
        parse_json(ExportTraceServiceRequest(), body)


_keys = st.sampled_from(
    ["resourceSpans", "scopeSpans", "spans", "traceId", "attributes", "key", "value", "intValue",
     "arrayValue", "values", "status", "code", "startTimeUnixNano", "events", "kvlistValue", "bytesValue"]
)  # fmt: skip
_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_keys, _trees, max_size=4))
def test_json_of_any_shape_is_read_or_refused(tree: dict[str, Any]) -> None:
    try:
        span_views(parse_json(ExportTraceServiceRequest(), json.dumps(tree).encode()))
    except BadRecord:
        return


_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda b: zstandard.ZstdCompressor().compress(b),
    "identity": lambda b: b,
}


@pytest.mark.parametrize("encoding", _ENCODERS)
@given(body=st.binary(max_size=4000))
def test_every_encoding_comes_back(encoding: str, body: bytes) -> None:
    packed = _ENCODERS[encoding](body)
    assert decompress(packed, encoding, 4000) == body
    if encoding != "identity":
        assert sniff(packed) == encoding


def test_bare_deflate_and_several_gzip_members_are_read() -> None:
    raw = zlib.compressobj(wbits=-15)
    assert decompress(raw.compress(b"abc") + raw.flush(), "deflate", 10) == b"abc"
    assert decompress(gzip.compress(b"abc") + gzip.compress(b"def"), "gzip", 10) == b"abcdef"


@pytest.mark.parametrize("encoding", _ENCODERS)
def test_the_limit_counts_what_comes_out_and_stops_there(encoding: str) -> None:
    limit = 100_000
    bomb = _ENCODERS[encoding](b"\0" * (50 * limit))
    with pytest.raises(TooLarge):
        decompress(bomb, encoding, limit)
    assert len(decompress(_ENCODERS[encoding](b"\0" * limit), encoding, limit)) == limit


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_broken_body_is_refused(encoding: str) -> None:
    packed = _ENCODERS[encoding](b"what a lightship is " * 50)
    with pytest.raises(BadRecord):
        decompress(b"\x00nonsense", encoding, 1000)
    if encoding != "zstd":  # a zstd frame without its end is only seen by the parser behind it
        with pytest.raises(BadRecord):
            decompress(packed[:-6], encoding, 10_000)


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(UnknownEncoding, match="'br'"):
        decompress(b"", "br", 10)
