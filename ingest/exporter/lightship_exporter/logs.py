"""`KafkaLogRecordExporter`: log records as OTLP requests to ``otlp_logs_in``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult

from lightship_exporter.delivery import Delivery
from lightship_exporter.settings import LOGS_TOPIC, ExporterSettings
from lightship_exporter.values import fill_attributes, fill_scope, fill_value, text


class KafkaLogRecordExporter(LogRecordExporter):
    """Writes batches of log records to Kafka. ``settings`` default to those of the environment."""

    def __init__(self, settings: ExporterSettings | None = None) -> None:
        self._delivery = Delivery(LOGS_TOPIC, settings)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Hand a batch over; FAILURE if some of it had to be dropped, or a flush was not over in time."""
        taken = self._delivery.take(batch, encode_logs)
        return LogRecordExportResult.SUCCESS if taken else LogRecordExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until Kafka has acknowledged everything; False if it has not in time."""
        return self._delivery.flush(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Flush, then close; what Kafka has not acknowledged by then is dropped and said so."""
        self._delivery.close(timeout_millis / 1000)

    @property
    def dropped(self) -> int:
        """Log records that were given up so far."""
        return self._delivery.dropped


def encode_logs(batch: Sequence[ReadableLogRecord]) -> bytes:
    """Bytes of an ``ExportLogsServiceRequest``, grouped by resource and scope."""
    request = ExportLogsServiceRequest()
    resources: dict[Any, Any] = {}
    scopes: dict[Any, Any] = {}
    for item in batch:
        group = resources.get(item.resource)
        if group is None:
            group = resources[item.resource] = request.resource_logs.add()
            fill_attributes(group.resource.attributes, item.resource.attributes)
            group.schema_url = item.resource.schema_url or ""
        key = (item.resource, item.instrumentation_scope)
        inner = scopes.get(key)
        if inner is None:
            inner = scopes[key] = group.scope_logs.add()
            inner.schema_url = fill_scope(inner.scope, item.instrumentation_scope)
        _fill_record(inner.log_records.add(), item)
    return request.SerializeToString()


def _fill_record(out: LogRecord, item: ReadableLogRecord) -> None:
    record = item.log_record
    out.time_unix_nano = record.timestamp or 0
    out.observed_time_unix_nano = record.observed_timestamp or 0
    if record.trace_id:
        out.trace_id = record.trace_id.to_bytes(16, "big")
    if record.span_id:
        out.span_id = record.span_id.to_bytes(8, "big")
    out.flags = int(record.trace_flags or 0)
    if record.severity_number is not None:
        out.severity_number = record.severity_number.value  # type: ignore[assignment]
    out.severity_text = text(record.severity_text or "")
    out.event_name = text(record.event_name or "")
    if record.body is not None:
        fill_value(out.body, record.body)
    fill_attributes(out.attributes, record.attributes)
    out.dropped_attributes_count = item.dropped_attributes
