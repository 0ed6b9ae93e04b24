"""Whatever is under a known key, a span is read: nothing raises, nothing is lost, twice says the same."""

from __future__ import annotations

import random
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.compression import decompress, sniff
from ingest.interaction import to_line
from ingest.operations.files.decode import LARGEST_FILE
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.views import EventView, LogView, SpanView, span_views
from ingest.otlp.views import log_views as views_of_logs
from tests.at_length import examples
from tests.recordings import groups

SECOND = 1_000_000_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def _recorded() -> tuple[list[SpanView], list[LogView]]:
    spans: list[SpanView] = []
    logs: list[LogView] = []
    for group in groups().values():
        for name, packed in group.bodies:
            if not name.endswith("binpb"):
                continue
            body = decompress(packed, sniff(packed), LARGEST_FILE)
            if "logs" in name:
                logs += views_of_logs(ExportLogsServiceRequest.FromString(body))
            else:
                spans += span_views(ExportTraceServiceRequest.FromString(body))
    return spans, logs


SPANS, LOGS = _recorded()
KEYS = sorted({key for s in SPANS for key in s.attributes})
VALUES = sorted({v for s in SPANS for v in s.attributes.values() if isinstance(v, str) and len(v) < 2000})
SCOPES = sorted({s.scope for s in SPANS})
EVENTS = sorted({e.name for s in SPANS for e in s.events} | {log.event for log in LOGS})
BODIES = [log.body for log in LOGS if log.body]

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=20),
    st.sampled_from(VALUES), st.sampled_from(VALUES).map(lambda v: v[: len(v) // 2]),
    st.sampled_from(["[", "{", "[[]]", '{"role":1}', '[{"parts":"x"}]', '[{"type":[],"content":{"a":[]}}]',
                     '{"messages":{"content":7},"choices":[null,{"message":"x"}]}', "null", '"', "NaN",
                     "__REDACTED__"]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
attributes = st.dictionaries(st.sampled_from(KEYS), values, max_size=24)


@st.composite
def spans(draw: st.DrawFn) -> SpanView:
    """A span with known keys and anything under them."""
    start = draw(st.integers(1, 30)) * SECOND
    return SpanView(
        trace_id=TRACE,
        span_id=f"{draw(st.integers(1, 40)):016x}",
        parent_span_id=draw(st.none() | st.integers(1, 40).map(lambda n: f"{n:016x}")),
        name=draw(st.sampled_from(["chat m", "litellm_request", "raw_gen_ai_request", "call_llm", ""])),
        start_ns=start,
        end_ns=start + draw(st.integers(0, 5)) * SECOND,
        attributes=draw(attributes),
        scope=draw(st.sampled_from(SCOPES)),
        events=[
            EventView(name, start, draw(attributes))
            for name in draw(st.lists(st.sampled_from(EVENTS), max_size=3))
        ],
        failed=draw(st.booleans()),
    )


@st.composite
def log_records(draw: st.DrawFn) -> LogView:
    """A log record of one of those spans."""
    body = draw(st.one_of(st.sampled_from(BODIES), values))
    span_id = f"{draw(st.integers(1, 40)):016x}"
    return LogView(TRACE, span_id, draw(st.sampled_from(EVENTS)), SECOND, body, draw(attributes))


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(spans(), max_size=6), st.lists(log_records(), max_size=4), st.randoms(use_true_random=False))
def test_any_values_under_known_keys(
    given_spans: list[SpanView], given_logs: list[LogView], rng: random.Random
) -> None:
    out = assemble_batch(given_spans, given_logs)
    lines = [to_line(i) for i in out.interactions]
    doubled = sum(len(i.duplicate_spans) for i in out.interactions)
    ids = {s.span_id for s in given_spans}
    assert len(lines) + doubled + len(out.context_spans) == len(ids)
    assert len(given_spans) - len(ids) == out.repeated
    orjson.dumps(lines)
    again, records = [*given_spans, *given_spans], [*given_logs, *given_logs]
    rng.shuffle(again)
    rng.shuffle(records)
    assert [to_line(i) for i in assemble_batch(again, records).interactions] == lines


@settings(max_examples=examples(150), deadline=None)
@given(attributes, st.sampled_from(SCOPES))
def test_a_call_stays_a_call_whatever_else_is_said(found: dict[str, Any], scope: str) -> None:
    kinds = {"langfuse.observation.type", "openinference.span.kind", "traceloop.span.kind"}
    told = {k: v for k, v in found.items() if k not in kinds} | {"gen_ai.operation.name": "chat"}
    span = SpanView(TRACE, "00f067aa0ba902b7", None, "chat m", SECOND, 2 * SECOND, told, scope=scope)
    assert [i.kind for i in assemble_batch([span]).interactions] == ["inference"]
