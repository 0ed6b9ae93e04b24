"""The core of ``lightship decode``: files of request bodies to lines and an account of them.

All files are one run. They are read by content, whatever their names: protobuf or JSON, traces or logs,
compressed or not, one request a file or (the Collector's file exporter) one a line, and Langfuse scores.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor
from ingest.compression import decompress, sniff
from ingest.errors import BadRecord
from ingest.interaction import Interaction, to_line
from ingest.otlp.assembly.assemble import Assembled, Judgement, assemble_batch
from ingest.otlp.assembly.event_calls import digest_of, event_call, untold
from ingest.otlp.otlp_json import parse_json
from ingest.otlp.redact_otlp import SPAN_ID_BYTES, TRACE_ID_BYTES, Request, RequestRedactor
from ingest.otlp.views import LogView, SpanView, log_views, parse_logs, parse_traces, span_views
from ingest.requests.langfuse_scores import read_scores

LARGEST_FILE = 256 << 20
"""Bytes of one file after decompression."""


@dataclass(slots=True)
class Summary:
    """What was read. ``undecodable`` holds (file, reason); ``repeated_spans`` came more than once."""

    files: int = 0
    spans: int = 0
    log_records: int = 0
    scores: int = 0
    interactions: int = 0
    other_spans: int = 0
    duplicate_spans: int = 0
    repeated_spans: int = 0
    calls_without_span: int = 0
    content_without_span: int = 0
    judgements_without_interaction: int = 0
    other_logs: int = 0
    undecodable: list[tuple[str, str]] = field(default_factory=list)

    def text(self) -> str:
        """One line for a person."""
        parts = [
            f"{self.files} files", f"{self.spans} spans", f"{self.log_records} log records",
            f"{self.interactions} interactions", f"{self.other_spans} other spans",
            f"{self.duplicate_spans} duplicates of a call", f"{self.repeated_spans} repeated spans",
        ]  # fmt: skip
        for n, what in (
            (self.scores, "scores"),
            (self.calls_without_span, "of the interactions told by a log record alone"),
            (self.content_without_span, "contents without a span"),
            (self.judgements_without_interaction, "judgements without an interaction"),
            (self.other_logs, "other log records"),
        ):
            if n:
                parts.append(f"{n} {what}")
        bad = "; ".join(f"{name}: {why}" for name, why in self.undecodable)
        return ", ".join(parts) + (f"; {len(self.undecodable)} undecodable ({bad})" if bad else "")


@dataclass(slots=True)
class Decoded:
    """Interactions in order of start, their lines, and the account.

    ``scopes`` are names and versions of the instrumentation scopes of all spans, by trace and span id.
    """

    interactions: list[Interaction]
    lines: list[dict[str, Any]]
    summary: Summary
    scopes: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)


def decode_files(
    paths: Sequence[Path], *, raw: bool = False, redactor: RequestRedactor | None = None
) -> Decoded:
    """Decode files as one run; without ``raw`` everything is redacted, by default under a key of this run.

    Files that cannot be read are named in the summary; the others are still decoded.
    """
    bodies: list[tuple[str, bytes]] = []
    summary = Summary(files=len(paths))
    for path in paths:
        try:
            bodies.append((path.name, path.read_bytes()))
        except OSError as error:
            summary.undecodable.append((path.name, error.strerror or "cannot be read"))
    if not raw and redactor is None:
        redactor = random_redactor()
    return _decode(bodies, None if raw else redactor, summary)


def random_redactor() -> RequestRedactor:
    """A redactor whose placeholders mean nothing outside of this run."""
    return RequestRedactor(Redactor(RedactionPolicy(), Pseudonymiser(secrets.token_bytes(32))))


def _decode(
    bodies: Sequence[tuple[str, bytes]], redactor: RequestRedactor | None, summary: Summary
) -> Decoded:
    spans: list[SpanView] = []
    logs: list[LogView] = []
    judgements: list[Judgement] = []
    for name, packed in bodies:
        try:
            body = decompress(packed, sniff(packed), LARGEST_FILE)
            for request in read_body(body):
                if isinstance(request, list):
                    judgements.extend(request if redactor is None else map(redactor.judgement, request))
                    summary.scores += len(request)
                    continue
                if redactor is not None:
                    redactor.request(request)
                if isinstance(request, ExportTraceServiceRequest):
                    spans.extend(span_views(request))
                else:
                    logs.extend(log_views(request))
        except BadRecord as error:
            summary.undecodable.append((name, str(error)))
    unique = dict.fromkeys(judgements)
    out = assemble_batch(spans, logs, judgements=unique, redacted=redactor is not None)
    told = _event_calls(logs, out, redacted=redactor is not None)
    interactions = sorted([*out.interactions, *told], key=lambda i: (i.start_ns, i.trace_id, i.span_id))
    if redactor is not None:
        interactions = [redactor.interaction(i) for i in interactions]
    summary.spans = len(spans)
    summary.log_records = len(logs)
    summary.interactions = len(interactions)
    summary.other_spans = len(out.context_spans)
    summary.duplicate_spans = sum(len(i.duplicate_spans) for i in interactions)
    summary.repeated_spans = out.repeated
    summary.calls_without_span = len(told)
    whole = {(i.trace_id, i.span_id) for i in told}
    summary.content_without_span = sum((c.trace_id, c.span_id) not in whole for c in out.contents)
    summary.judgements_without_interaction = len(out.judgements)
    summary.other_logs = out.other_logs
    scopes = {(s.trace_id, s.span_id): (s.scope, s.scope_version) for s in spans}
    return Decoded(interactions, [to_line(i) for i in interactions], summary, scopes)


def _event_calls(logs: Sequence[LogView], out: Assembled, *, redacted: bool) -> list[Interaction]:
    """The calls that only log records tell of, as nothing more will come."""
    unique = {digest_of(view): view for view in logs}
    ordered = sorted((view.time_ns, digest) for digest, view in unique.items())
    found = (event_call(unique[d], d, tenant="default", lineage="live") for _, d in ordered)
    steps = {(c.trace_id, c.span_id) for c in out.context_spans}
    told = untold([event for event in found if event is not None], out.interactions, steps)
    return [replace(i, redactions=i.redactions or ()) for i in told] if redacted else told


def read_body(body: bytes) -> list[Request | list[Judgement]]:
    """Requests in a body: one of protobuf or JSON, JSON Lines of them, or Langfuse scores.

    Raises
    ------
    BadRecord
        If the body is none of these.
    """
    if body.lstrip()[:1] in (b"{", b"["):
        return _read_json(body)
    for parse in (parse_traces, parse_logs):
        try:
            request: Request = parse(body)
        except BadRecord:
            continue
        if _is_plausible(request):
            return [request]
    if not body:
        return []
    raise BadRecord("neither an OTLP trace or log request nor JSON of one")


def _is_plausible(request: Request) -> bool:
    """Whether bytes that parse are what they were parsed as.

    Traces and logs share field numbers, so each often parses as the other: spans have a start, and their
    ids are 16 and 8 bytes long; in a log record's place for the span id there is an attribute.
    """
    if isinstance(request, ExportTraceServiceRequest):
        spans = [s for r in request.resource_spans for g in r.scope_spans for s in g.spans]
        return all(len(s.trace_id) == TRACE_ID_BYTES and len(s.span_id) == SPAN_ID_BYTES for s in spans) and (
            bool(spans) or not any(r.scope_spans for r in request.resource_spans)
        )
    records = [x for r in request.resource_logs for g in r.scope_logs for x in g.log_records]
    return all(
        len(x.trace_id) in (0, TRACE_ID_BYTES)
        and (x.time_unix_nano or x.observed_time_unix_nano or x.HasField("body") or x.attributes)
        for x in records
    )


def _read_json(body: bytes) -> list[Request | list[Judgement]]:
    try:
        trees = [orjson.loads(body)]
        pieces = [body]
    except orjson.JSONDecodeError as error:
        pieces = [line for line in body.splitlines() if line.strip()]
        if len(pieces) < 2:
            raise BadRecord(f"not JSON: {error}") from error
        try:
            trees = [orjson.loads(line) for line in pieces]
        except orjson.JSONDecodeError as inner:
            raise BadRecord(f"neither JSON nor JSON Lines: {inner}") from inner
    out: list[Request | list[Judgement]] = []
    for tree, piece in zip(trees, pieces, strict=True):
        if isinstance(tree, dict) and ("resourceSpans" in tree or "resource_spans" in tree):
            out.append(parse_json(ExportTraceServiceRequest(), piece))
        elif isinstance(tree, dict) and ("resourceLogs" in tree or "resource_logs" in tree):
            out.append(parse_json(ExportLogsServiceRequest(), piece))
        elif (scores := read_scores(tree)) is not None:
            out.append(scores)
        elif tree != {}:
            raise BadRecord("JSON, but neither an OTLP request nor Langfuse scores")
    return out
