"""Laws of whole requests, for any of them: what is planted is gone, twice is once, order does not matter."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor
from ingest.gateway.splitting import drop_invalid, split
from ingest.interaction import to_line
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.redact_otlp import Request, RequestRedactor
from ingest.otlp.views import LogView, SpanView, log_views, span_views
from tests.at_length import examples
from tests.fuzz.mutation import mutated
from tests.fuzz.seeds import KEYS, fragments, seeds
from tests.fuzz.targets import without_reports
from tests.garden import KINDS, TYPED, Garden
from tests.ingest.telemetry import any_value, chat, log, logs, pairs, span, traces

SEEDS = seeds()
FRAGMENTS = fragments()
CONTENT_KEYS = ("note", "gen_ai.input.messages", "input.value", "ai.prompt", "metadata", "app.text")
"""Keys whose values are searched for everything; ids are not searched for loose shapes."""


def redactor() -> RequestRedactor:
    return RequestRedactor(Redactor(RedactionPolicy(), Pseudonymiser(b"k" * 32)))


def wrapped(value: str, rng: random.Random) -> Any:
    """A text with the value on a line of its own, in up to three layers of what values are made of."""
    out: Any = f"{rng.choice(('Hello', 'See', 'é', ''))}\n{value}\n{rng.choice(('ok', '', 'ありがとう'))}"
    for _ in range(rng.randrange(4)):
        match rng.randrange(5):
            case 0:
                out = [7, out, rng.choice(FRAGMENTS).encode("utf-8", "replace").decode()]
            case 1:
                out = {"inner": out, rng.choice(KEYS): 1}
            case 2:
                out = json.dumps({"content": out}, ensure_ascii=rng.random() < 0.5)
            case 3:
                out = json.dumps([{"role": "user", "parts": [{"type": "text", "content": out}]}])[
                    : rng.choice((None, -2))
                ]
            case _:
                out = out.encode() if isinstance(out, str) else out
                break
    return out


def put(request: Any, rng: random.Random, garden: Garden) -> None:
    """Plant one value somewhere in a request of one span or record."""
    is_traces = isinstance(request, ExportTraceServiceRequest)
    group = request.resource_spans[0] if is_traces else request.resource_logs[0]
    scope = group.scope_spans[0] if is_traces else group.scope_logs[0]
    record = scope.spans[0] if is_traces else scope.log_records[0]
    holders = [group.resource, scope.scope, record]
    if is_traces:
        holders += [record.events.add(name="e"), record.links.add(trace_id=b"t" * 16, span_id=b"s" * 8)]
    place = rng.randrange(4)
    if place < 2:
        text = garden.value("anywhere", rng.choice(KINDS))
        key = rng.choice(CONTENT_KEYS)
        rng.choice(holders).attributes.extend(pairs({key: wrapped(text, rng)}))
    elif place == 2:
        text = garden.value("a key or an id", rng.choice(TYPED))
        pair = {f"key {text}": 1} if rng.random() < 0.5 else {rng.choice(KEYS): text}
        rng.choice(holders).attributes.extend(pairs(pair))
    elif is_traces:
        text = garden.value("a name", rng.choice(TYPED))
        where = rng.choice(("name", "trace_state", "status", "scope", "schema"))
        if where == "status":
            record.status.message = text
        elif where == "scope":
            scope.scope.name = text
        elif where == "schema":
            group.schema_url = text
        else:
            setattr(record, where, text)
    else:
        text = garden.value("a body", rng.choice(KINDS))
        record.body.CopyFrom(any_value(wrapped(text, rng)))


@settings(max_examples=examples(400))
@given(st.integers(0, 2**32 - 1))
def test_what_is_planted_anywhere_is_gone(seed: int) -> None:
    rng, garden = random.Random(seed), Garden("law", seed)
    request: Request = traces(span(chat())) if rng.random() < 0.6 else logs(log("gen_ai.user.message"))
    for _ in range(rng.randint(1, 3)):
        put(request, rng, garden)
    redactor().request(request)
    data = request.SerializeToString()
    for planted in garden.planted:
        if planted.secret:
            assert planted.value.encode() not in data, (planted.kind, planted.place)


@settings(max_examples=examples(150))
@given(st.sampled_from(("spans", "logs")), st.integers(0, 2**32 - 1))
def test_redacting_twice_changes_nothing_but_reports(signal: str, seed: int) -> None:
    request = _made(signal, seed)
    redactor().request(request)
    once = without_reports(request)
    redactor().request(request)
    assert without_reports(request) == once


def _made(signal: str, seed: int) -> Request:
    """A request made of a real or invented one by some changes."""
    rng = random.Random(seed)
    data = rng.choice(SEEDS[signal])
    for _ in range(rng.randrange(3)):
        data = mutated(signal, data, rng)
    request: Request = ExportTraceServiceRequest() if signal == "spans" else ExportLogsServiceRequest()
    try:
        request.ParseFromString(data)
    except DecodeError:
        request.Clear()
    if isinstance(request, ExportTraceServiceRequest):
        drop_invalid(request)
    return request


def lines(spans: Sequence[SpanView], records: Sequence[LogView]) -> list[bytes]:
    """What comes out of spans and records, as bytes to compare."""
    out = assemble_batch(spans, records)
    made: list[Any] = [to_line(i) for i in (*out.interactions, *out.contents)]
    made += [repr(context) for context in out.context_spans]
    made += sorted(repr(judgement) for judgement in out.judgements)
    return [orjson.dumps(m, default=str, option=orjson.OPT_NON_STR_KEYS) for m in made]


@settings(max_examples=examples(150))
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_order_repeats_and_cuts_do_not_matter(seed: int, requests: int) -> None:
    rng = random.Random(seed)
    made = [_made(rng.choice(("spans", "spans", "logs")), rng.randrange(2**32)) for _ in range(requests)]
    first = _views(made)
    expected = lines(*first)
    spans, records = list(first[0]), list(first[1])
    rng.shuffle(spans)
    rng.shuffle(records)
    assert lines(spans, records) == expected
    again = _views([*made, *rng.sample(made, rng.randint(1, len(made)))])
    assert lines(*again) == expected
    cut: list[Request] = []
    for request in made:
        pieces = split(request, 3, rng.choice((200, 2_000, 1 << 20)))
        cut += [type(request).FromString(piece.body) for piece in pieces]
    rng.shuffle(cut)
    assert lines(*_views(cut)) == expected


def _records(request: Any) -> list[Any]:
    if isinstance(request, ExportTraceServiceRequest):
        return [s for group in request.resource_spans for scope in group.scope_spans for s in scope.spans]
    return [r for group in request.resource_logs for scope in group.scope_logs for r in scope.log_records]


def _views(requests: Sequence[Request]) -> tuple[list[SpanView], list[LogView]]:
    spans: list[SpanView] = []
    records: list[LogView] = []
    for request in requests:
        if isinstance(request, ExportTraceServiceRequest):
            spans += span_views(request)
        else:
            records += log_views(request)
    return spans, records


@pytest.mark.parametrize("partitions", [1, 3, 8])
@settings(max_examples=examples(60))
@given(signal=st.sampled_from(("spans", "logs")), seed=st.integers(0, 2**32 - 1))
def test_splitting_keeps_every_record_once(partitions: int, signal: str, seed: int) -> None:
    request = _made(signal, seed)
    pieces = split(request, partitions, 1_000)
    found = [r.SerializeToString() for p in pieces for r in _records(type(request).FromString(p.body))]
    assert sorted(found) == sorted(r.SerializeToString() for r in _records(request))
    assert sum(p.records for p in pieces) == len(found)
