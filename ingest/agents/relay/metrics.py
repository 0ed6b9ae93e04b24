"""What the relay counts. Received is relayed, refused and dead; of records that cannot be read none is known.

Its way of sending is the gateway's, whose counters stand beside these.
"""

from __future__ import annotations

from ingest.gateway import metrics as gateway
from ingest.gateway.metrics import Metric

RELAYED, REFUSED, DEAD = "relayed", "refused", "dead"

MESSAGES = Metric(
    "lightship_relay_messages_total",
    "counter",
    "Messages of the open topics, by what became of them.",
    ("topic", "outcome"),
)
RECORDS = Metric(
    "lightship_relay_records_total",
    "counter",
    "Spans and log records of the open topics, by what became of them.",
    ("topic", "outcome"),
)
AGE = Metric(
    "lightship_relay_message_age_seconds",
    "gauge",
    "How long the last message lay in its topic; an hour loses it.",
)
SOURCE_DROPPED = Metric(
    "lightship_relay_source_dropped_records_total", "counter", "Records that exporters gave up."
)
SOURCE_MISSING = Metric(
    "lightship_relay_source_missing_messages", "gauge", "Messages that exporters sent and that did not come."
)

ALL = (
    MESSAGES, RECORDS, AGE, SOURCE_DROPPED, SOURCE_MISSING,
    gateway.SPANS, gateway.LOG_RECORDS, gateway.REJECTED, gateway.REDACTIONS, gateway.REDACTION_RESTARTS,
    gateway.MESSAGES,
    gateway.FAILED_MESSAGES, gateway.ACK_SECONDS, gateway.MARKS, gateway.KAFKA_UP,
)  # fmt: skip
"""Every metric of the relay, in the order of their text."""
