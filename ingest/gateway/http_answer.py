"""Answers of OTLP over HTTP: the response message or ``google.rpc.Status``, in the request's format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from infra.instance import identity
from ingest.gateway.refusal import INVALID_ID, OVER_BUDGET, RECORD_TOO_LARGE, Refused

PROTOBUF, JSON = b"application/x-protobuf", b"application/json"

Header = tuple[bytes, bytes]

_SAYS = {
    INVALID_ID: "without a trace id of 16 bytes and a span id of 8 bytes, not all of them 0",
    RECORD_TOO_LARGE: "larger than Kafka takes: limit what is captured",
    OVER_BUDGET: "beyond what redaction may cost (gateway.redaction_request_ms): send smaller batches",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    body: bytes
    content_type: bytes
    headers: Sequence[Header] = ()


def response(signal: str, rejected: Mapping[str, int]) -> Message:
    """The response message; ``partial_success`` says how many records were not taken, and why.

    A client must not send those again.
    """
    said = "; ".join(f"{n} {_SAYS[reason]}" for reason, n in rejected.items())
    n = sum(rejected.values())
    if signal == "metrics":
        return ExportMetricsServiceResponse()
    if signal == "logs":
        logs = ExportLogsServiceResponse()
        if n:
            logs.partial_success.rejected_log_records = n
            logs.partial_success.error_message = f"log records not taken: {said}"
        return logs
    traces = ExportTraceServiceResponse()
    if n:
        traces.partial_success.rejected_spans = n
        traces.partial_success.error_message = f"spans not taken: {said}"
    return traces


def success(signal: str, content_type: bytes, rejected: Mapping[str, int]) -> Answer:
    """200."""
    return _answer(200, response(signal, rejected), content_type)


def failure(error: Refused, content_type: bytes, headers: Sequence[Header] = ()) -> Answer:
    """An error; ``Retry-After`` where a retry can help."""
    if error.retry_after_s is not None:
        headers = (*headers, (b"retry-after", str(error.retry_after_s).encode()))
    return _answer(error.reason.status, error.status(), content_type, headers)


def _answer(status: int, message: Message, content_type: bytes, headers: Sequence[Header] = ()) -> Answer:
    if content_type == PROTOBUF:
        return Answer(status, message.SerializeToString(), PROTOBUF, headers)
    return as_json(status, MessageToDict(message), headers)


def as_json(status: int, body: Any, headers: Sequence[Header] = ()) -> Answer:
    """A JSON answer."""
    return Answer(status, orjson.dumps(body), JSON, headers)


def plain(status: int, text: str, content_type: bytes = b"text/plain; charset=utf-8") -> Answer:
    """Text for people and probes; it names the instance."""
    named = [(name.encode(), value.encode()) for name, value in identity().items()]
    return Answer(status, text.encode(), content_type, named)
