"""OpenTelemetry exporters that write OTLP batches to Lightship's Kafka topics."""

from lightship_exporter.logs import KafkaLogRecordExporter as KafkaLogRecordExporter
from lightship_exporter.spans import KafkaSpanExporter as KafkaSpanExporter
