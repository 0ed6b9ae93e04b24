"""What is fuzzed: each target reads bytes and raises nothing, whatever they are.

The errors a reader documents for bad bytes are the right answer and are swallowed here; everything else a
target lets through is a finding. Laws that hold for any input are checked on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors import observation
from detectors.engine import snapshot
from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor, redact_text
from infra import kafka
from ingest.agents.score.decoding import assemble_message, decode_message
from ingest.compression import decompress, sniff
from ingest.errors import BadRecord
from ingest.gateway.splitting import drop_invalid, split
from ingest.interaction import to_line, to_record
from ingest.messages import RawMessage
from ingest.operations.files.decode import read_body
from ingest.otlp.assembly.assemble import Judgement, assemble_batch
from ingest.otlp.assembly.build import REDACTIONS
from ingest.otlp.otlp_json import parse_json
from ingest.otlp.redact_otlp import Request, RequestRedactor, count_records
from ingest.otlp.views import LogView, SpanView, log_views, parse_logs, parse_traces, span_views
from ingest.topics import dead_letter as dead_letters

KEY = b"a key for fuzzing, 32 bytes long"
LARGEST = 4 << 20
PARTITIONS = 4

_TEXT_REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(KEY))
_REDACTOR = RequestRedactor(_TEXT_REDACTOR)


def spans(data: bytes) -> None:
    """A message of spans as a worker reads it, then lines and records; every span is accounted for."""
    _message(kafka.SPANS.name, data)
    try:
        request = parse_traces(data)
    except BadRecord:
        return
    _use(span_views(request), ())


def logs(data: bytes) -> None:
    """A message of log records, by itself and as content without a span."""
    _message(kafka.LOGS.name, data)
    try:
        request = parse_logs(data)
    except BadRecord:
        return
    _use((), log_views(request))


def json_requests(data: bytes) -> None:
    """OTLP/JSON of either signal."""
    for request in (ExportTraceServiceRequest(), ExportLogsServiceRequest()):
        try:
            parse_json(request, data)
        except BadRecord:
            continue
        _gateway(request)


def redaction(data: bytes) -> None:
    """A request of either signal through the gateway's redaction, twice."""
    for parse in (parse_traces, parse_logs):
        try:
            request: Request = parse(data)
        except BadRecord:
            continue
        _gateway(request)


def text(data: bytes) -> None:
    """Redaction of one text, lone surrogates included: the second time changes nothing."""
    said = data.decode("utf-8", "surrogateescape")
    once, found = redact_text(said, _TEXT_REDACTOR)
    assert redact_text(once, _TEXT_REDACTOR) == (once, [])
    end = 0
    for item in found:
        assert end <= item.start < item.end <= len(said)
        end = item.end


def body(data: bytes) -> None:
    """A file or request body of any kind, compressed or not."""
    try:
        requests = read_body(decompress(data, sniff(data), LARGEST))
    except BadRecord:
        return
    views: list[SpanView] = []
    records: list[LogView] = []
    judgements: list[Judgement] = []
    for request in requests:
        if isinstance(request, list):
            judgements += map(_REDACTOR.judgement, request)
        elif isinstance(request, ExportTraceServiceRequest):
            views += span_views(request)
        else:
            records += log_views(request)
    _use(views, records, judgements)


def observations(data: bytes) -> None:
    """A message of the observation log; what is read is written back the same."""
    try:
        message = observation.decode(data)
    except observation.WrongFormat:
        return
    assert observation.decode(observation.encode(message)) == message


def snapshots(data: bytes) -> None:
    """The state of a detector."""
    try:
        facts, arrays = snapshot.unpack(data)
    except snapshot.WrongSnapshot:
        return
    snapshot.unpack(snapshot.pack(facts, arrays))


def dead(data: bytes) -> None:
    """A dead letter."""
    try:
        letter = dead_letters.read(data)
    except BadRecord:
        return
    dead_letters.to_output(letter)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "spans": spans,
    "logs": logs,
    "json": json_requests,
    "redaction": redaction,
    "text": text,
    "body": body,
    "observation": observations,
    "snapshot": snapshots,
    "dead_letter": dead,
}
"""By name; the corpus has a folder for each."""


def message_of(topic: str, data: bytes, records: int = 1) -> RawMessage:
    """A raw message with the headers a gateway gives it."""
    headers = {
        kafka.HEADER_TENANT: b"default",
        kafka.HEADER_LINEAGE: b"live",
        kafka.HEADER_REDACTED: b"1",
        kafka.HEADER_RECORDS: str(records).encode(),
        kafka.HEADER_RECEIVED_AT: b"1795500000000000000",
    }
    return RawMessage(topic, 0, 0, data, None, headers)


def _message(topic: str, data: bytes) -> None:
    decoded = decode_message(message_of(topic, data))
    dead = sum(letter.records for letter in decoded.dead)
    good = len(decoded.spans) + len(decoded.logs) + sum(decoded.rejected.values())
    assert decoded.received == good + dead
    if decoded.spans:
        assembled = assemble_message(decoded)
        kept = len(assembled.interactions) + len(assembled.context_spans) + assembled.repeated
        merged = sum(len(i.duplicate_spans) for i in assembled.interactions)
        assert kept + merged == len(decoded.spans)


def _use(views: Iterable[SpanView], records: Iterable[LogView], judgements: Iterable[Judgement] = ()) -> None:
    """Assemble, look again, and write what comes out as the command line and the scorers see it."""
    out = assemble_batch(list(views), list(records), judgements=judgements)
    for interaction in (*out.interactions, *out.contents):
        again = _REDACTOR.interaction(interaction)
        orjson.dumps(to_line(again), default=str, option=orjson.OPT_NON_STR_KEYS)
        to_record(again)


def _gateway(request: Request) -> None:
    if isinstance(request, ExportTraceServiceRequest):
        drop_invalid(request)
    records = count_records(request)
    _REDACTOR.request(request)
    pieces = split(request, PARTITIONS)
    assert sum(piece.records for piece in pieces) == records
    once = without_reports(request)
    _REDACTOR.request(request)
    assert without_reports(request) == once


def without_reports(request: Request) -> bytes:
    """Bytes of a request without the reports of the redactor, which are made anew each time."""
    plain = type(request).FromString(request.SerializeToString())
    groups = plain.resource_spans if isinstance(plain, ExportTraceServiceRequest) else plain.resource_logs
    for group in groups:
        _drop_reports(group.resource.attributes)
        for inner in group.scope_spans if hasattr(group, "scope_spans") else group.scope_logs:
            _drop_reports(inner.scope.attributes)
            for record in inner.spans if hasattr(inner, "spans") else inner.log_records:
                _drop_reports(record.attributes)
    return plain.SerializeToString(deterministic=True)


def _drop_reports(pairs: Any) -> None:
    kept = [pair for pair in pairs if pair.key != REDACTIONS]
    del pairs[:]
    pairs.extend(kept)
