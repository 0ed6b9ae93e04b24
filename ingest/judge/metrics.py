"""What judges count. Their way of sending is the gateway's, whose counters stand beside these."""

from __future__ import annotations

from ingest.gateway import metrics as gateway
from ingest.gateway.metrics import Metric

EVENTS = Metric(
    "lightship_judge_events_total",
    "counter",
    "What became of interactions and calls: chosen, called, judged, given_up, missed, or why a call or an "
    "answer did not count.",
    ("judge", "event"),
)
CALLS = Metric("lightship_judge_calls_last_hour", "gauge", "Calls in the last hour.", ("judge",))
USD = Metric("lightship_judge_usd_last_day", "gauge", "US dollars in the last 24 hours.", ("judge",))
WAITING = Metric("lightship_judge_waiting", "gauge", "Interactions whose turn has not come.", ("judge",))
API_UP = Metric("lightship_judge_api_up", "gauge", "0 if the last call was not answered.", ("judge",))

ALL = (
    EVENTS, CALLS, USD, WAITING, API_UP,
    gateway.LOG_RECORDS, gateway.REJECTED, gateway.REDACTIONS, gateway.MESSAGES, gateway.FAILED_MESSAGES,
    gateway.ACK_SECONDS, gateway.KAFKA_UP,
)  # fmt: skip
"""Every metric of the process, in the order of their text."""
