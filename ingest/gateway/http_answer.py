"""Answers of the OTLP protocol: the response message or ``google.rpc.Status``, in the request's format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from google.protobuf.message import Message
from google.rpc import status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

PROTOBUF, JSON = b"application/x-protobuf", b"application/json"
RETRY_AFTER_S = 1
"""Above an SDK's own deadline (10 s in all) a client drops the batch at once instead of waiting."""

Header = tuple[bytes, bytes]

_GRPC_CODES = {400: 3, 401: 16, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 500: 13, 503: 14}
"""Canonical codes of google.rpc.Code for the statuses we send."""

_RESPONSES: dict[str, type[Message]] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    body: bytes
    content_type: bytes
    headers: Sequence[Header] = ()


def success(signal: str, content_type: bytes, refused: int = 0) -> Answer:
    """200; with ``partial_success`` where spans were refused, which a client must not send again."""
    said = f"{refused} spans without valid ids were not taken" if refused else ""
    if content_type == JSON:
        body = {"partialSuccess": {"rejectedSpans": str(refused), "errorMessage": said}} if refused else {}
        return Answer(200, orjson.dumps(body), JSON)
    if not refused:
        return Answer(200, b"", PROTOBUF)
    response = _RESPONSES[signal]()
    if isinstance(response, ExportTraceServiceResponse):
        response.partial_success.rejected_spans = refused
        response.partial_success.error_message = said
    return Answer(200, response.SerializeToString(), PROTOBUF)


def failure(status: int, message: str, content_type: bytes, headers: Sequence[Header] = ()) -> Answer:
    """An error; 503 asks for a retry in a second."""
    code = _GRPC_CODES.get(status, 2)
    if status == 503:
        headers = (*headers, (b"retry-after", str(RETRY_AFTER_S).encode()))
    if content_type == PROTOBUF:
        body = status_pb2.Status(code=code, message=message).SerializeToString()
    else:
        body = orjson.dumps({"code": code, "message": message})
    return Answer(status, body, content_type, headers)


def plain(status: int, text: str, content_type: bytes = b"text/plain; charset=utf-8") -> Answer:
    """Text for people and probes."""
    return Answer(status, text.encode(), content_type)
