"""Requests split by trace, so that all of a trace lands in one partition of spans and of logs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.kafka import MAX_MESSAGE_BYTES
from ingest.gateway.refusal import INVALID_ID, RECORD_TOO_LARGE
from ingest.otlp.redact_otlp import SPAN_ID_BYTES, TRACE_ID_BYTES, Request

MAX_PIECE_BYTES = 1 << 20
"""A partition's share of one request is cut into pieces of about this size; a larger span goes alone."""
MAX_RECORD_BYTES = MAX_MESSAGE_BYTES - (1 << 20)
"""Largest span or log record; with its resource and scope it must fit into a message of Kafka's."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some spans or log records of one partition: protobuf of a request of its own."""

    partition: int
    body: bytes
    records: int


def partition_of(trace_id: bytes, partitions: int) -> int:
    """Partition of a trace, the same for its spans and its logs."""
    return zlib.crc32(trace_id) % partitions


def drop_invalid(request: Request, max_bytes: int = MAX_RECORD_BYTES) -> dict[str, int]:
    """Remove what cannot be kept; returns how many by reason.

    That is a span whose ids are not 16 and 8 bytes with a bit set (the protocol calls it invalid), and a span
    or log record that is larger than a message may be.
    """
    dropped: dict[str, int] = {}
    large = request.ByteSize() > max_bytes
    for records in _each_list(request):
        is_span = isinstance(request, ExportTraceServiceRequest)
        if not large and (not is_span or all(_is_valid(s) for s in records)):
            continue
        kept = []
        for record in records:
            if is_span and not _is_valid(record):
                reason = INVALID_ID
            elif large and record.ByteSize() > max_bytes:
                reason = RECORD_TOO_LARGE
            else:
                kept.append(record)
                continue
            dropped[reason] = dropped.get(reason, 0) + 1
        if len(kept) < len(records):
            del records[:]
            records.extend(kept)
    return dropped


def _each_list(request: Request) -> Iterator[Any]:
    if isinstance(request, ExportTraceServiceRequest):
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                yield scope_spans.spans
    else:
        for resource_logs in request.resource_logs:
            for scope_logs in resource_logs.scope_logs:
                yield scope_logs.log_records


def _is_valid(span: Any) -> bool:
    trace_id, span_id = span.trace_id, span.span_id
    return (
        len(trace_id) == TRACE_ID_BYTES and len(span_id) == SPAN_ID_BYTES and any(trace_id) and any(span_id)
    )


def split(request: Request, partitions: int, max_bytes: int = MAX_PIECE_BYTES) -> list[Piece]:
    """The request as one or more pieces for each partition it touches; nothing for an empty one."""
    is_traces = isinstance(request, ExportTraceServiceRequest)
    records = _trace_records(request, partitions) if is_traces else _log_records(request, partitions)
    builders: dict[int, _Builder] = {}
    placed = list(records)
    if len({p for p, *_ in placed}) == 1 and request.ByteSize() <= max_bytes:
        return [Piece(placed[0][0], request.SerializeToString(), len(placed))]  # usual: one trace, as it is
    out: list[Piece] = []
    for partition, resource, scope, record in placed:
        builder = builders.get(partition)
        if builder is None:
            builder = builders[partition] = _Builder(partition, is_traces=is_traces)
        size = record.ByteSize()
        if builder.records and builder.size + size > max_bytes:
            out.append(builder.piece())
            builder = builders[partition] = _Builder(partition, is_traces=is_traces)
        builder.add(resource, scope, record, size)
    out.extend(builders[p].piece() for p in sorted(builders))
    return out


def _trace_records(request: Any, partitions: int) -> Iterator[tuple[int, Any, Any, Any]]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield partition_of(span.trace_id, partitions), resource, scope, span


def _log_records(request: Any, partitions: int) -> Iterator[tuple[int, Any, Any, Any]]:
    """Records without a trace go by the name of their service."""
    for resource in request.resource_logs:
        service = next(
            (a.value.string_value for a in resource.resource.attributes if a.key == "service.name"), ""
        )
        home = zlib.crc32(service.encode()) % partitions
        for scope in resource.scope_logs:
            for record in scope.log_records:
                at = partition_of(record.trace_id, partitions) if any(record.trace_id) else home
                yield at, resource, scope, record


class _Builder:
    """A request being put together from records of another, with their resources and scopes."""

    def __init__(self, partition: int, *, is_traces: bool) -> None:
        self._partition = partition
        self._is_traces = is_traces
        self._request: Any = ExportTraceServiceRequest() if is_traces else ExportLogsServiceRequest()
        self._resource: Any = None
        self._scope: Any = None
        self._group: Any = None
        self._inner: Any = None
        self.records = 0
        self.size = 0

    def add(self, resource: Any, scope: Any, record: Any, size: int) -> None:
        """Append a record; the ones of a scope follow each other."""
        request = self._request
        if resource is not self._resource:
            self._resource, self._scope = resource, None
            self._group = (request.resource_spans if self._is_traces else request.resource_logs).add()
            self._group.resource.CopyFrom(resource.resource)
            self._group.schema_url = resource.schema_url
            self.size += resource.resource.ByteSize()
        if scope is not self._scope:
            self._scope = scope
            inner = self._group.scope_spans if self._is_traces else self._group.scope_logs
            self._inner = inner.add()
            self._inner.scope.CopyFrom(scope.scope)
            self._inner.schema_url = scope.schema_url
        (self._inner.spans if self._is_traces else self._inner.log_records).append(record)
        self.records += 1
        self.size += size

    def piece(self) -> Piece:
        """What has been put together."""
        return Piece(self._partition, self._request.SerializeToString(), self.records)
