"""Huge and lopsided requests: right answers, bounded memory, nothing written out many times over."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor
from ingest.agents.score.setup import scoring
from ingest.agents.score.stage import ScoreStage
from ingest.gateway.splitting import MAX_PIECE_BYTES, drop_invalid, split
from ingest.otlp.redact_otlp import Request, RequestRedactor
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import CONTENT_RECORDS, CONTEXT_SPANS, INTERACTIONS
from tests.at_length import at_length
from tests.conftest import ROOT
from tests.ingest.raw import HASH_KEY, SETTINGS, raw
from tests.ingest.telemetry import log, logs, span, traces

MIB = 1 << 20
LARGE = "x" * 200_000
MOST_TIMES = 8
"""Bytes of rows for each byte that came: ids, scores and columns of a small span are more than the span."""

ROW_BYTES = 2_000


def redactor() -> RequestRedactor:
    return RequestRedactor(Redactor(RedactionPolicy(), Pseudonymiser(b"k" * 32)))


def children(n: int, **of_root: Any) -> ExportTraceServiceRequest:
    """A root and many calls below it."""
    root = span(
        {"gen_ai.operation.name": "invoke_agent", **of_root}, span_id=1, name=of_root.pop("name", "r")
    )
    return traces(root, *(span({"gen_ai.operation.name": "chat"}, span_id=i + 2, parent=1) for i in range(n)))


SHARED: dict[str, Request] = {
    "a resource of log records": logs(
        *(log("gen_ai.user.message", body={"content": f"{i}"}, span_id=i + 1) for i in range(500)),
        resource={"service.name": "s", "app.blob": LARGE},
    ),
    "a resource of spans": traces(
        *(span({"app.step": i}, span_id=i + 1) for i in range(500)),
        resource={"service.name": "s", "service.version": LARGE},
    ),
    "a conversation of a root": children(500, **{"gen_ai.conversation.id": f"{LARGE} {LARGE}"}),
    "a user of a root": children(500, **{"user.id": f"{LARGE} {LARGE}"}),
    "the name of a root": children(500, name=LARGE),
    "the name of an agent": children(500, **{"gen_ai.agent.name": LARGE}),
    "documents of a root": children(200, **{"gen_ai.retrieval.documents": json.dumps([{"content": LARGE}])}),
}


@pytest.mark.parametrize("what", SHARED)
def test_what_many_records_share_is_not_stored_with_each(what: str) -> None:
    request = SHARED[what]
    topic = "otlp_spans" if isinstance(request, ExportTraceServiceRequest) else "otlp_logs"
    message = raw(topic, 0, 0, request)
    store = MemoryStore()
    ScoreStage(store, scoring(), SETTINGS, HASH_KEY).process([message])
    rows = [row for t in (INTERACTIONS, CONTEXT_SPANS, CONTENT_RECORDS) for row in store.rows(t)]
    assert len(rows) >= 200
    # a column of names holds each different one once
    size = sum(len(str(v)) for row in rows for v in row if not (isinstance(v, str) and v == LARGE))
    assert size <= MOST_TIMES * len(message.value) + ROW_BYTES * len(rows)


def test_a_hundred_thousand_tiny_spans_are_all_kept() -> None:
    request = traces(*(span({}, span_id=i + 1, name="", trace=f"{i // 10 + 1:032x}") for i in range(100_000)))
    assert not drop_invalid(request)
    redactor().request(request)
    pieces = split(request, 4)
    assert sum(piece.records for piece in pieces) == 100_000
    assert max(len(piece.body) for piece in pieces) <= 1.1 * MAX_PIECE_BYTES


_HUGE = """
import json, resource, sys
from tests.ingest.test_hostile import MIB, redactor, span, split, traces
unit, size = json.loads(sys.argv[1]), int(sys.argv[2])
request = traces(span({"note": unit * (size // len(unit)) + " bob@example.com"}))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
redactor().request(request)
(piece,) = split(request, 4)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
counts = [piece.body.count(what) for what in (b"[email:", b"[withheld:", b"bob@")]
print(json.dumps([len(piece.body), *counts, peak * 1024]))
"""


@pytest.mark.parametrize("unit", at_length(["word and ", "\\", '\\"', "1234 ", '{"a":'], 2), ids=repr)
def test_one_huge_attribute_is_redacted_in_bounded_memory(unit: str) -> None:
    size = MIB // 2
    run = [sys.executable, "-c", _HUGE, json.dumps(unit), str(size)]
    ended = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    body, placeholders, withheld, left, peak = json.loads(ended.stdout)
    assert left == 0
    assert (placeholders, withheld) in ((1, 0), (0, 1))
    assert withheld or body >= 0.9 * size
    assert peak <= 60 * size
