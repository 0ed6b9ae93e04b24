"""The log of deliveries, with its outcomes counted."""

from __future__ import annotations

from alerts.notify.pipeline import Attempt, DeliveryLog
from alerts.notify.protocol import GAVE_UP, RETRY, SENT
from alerts.watch.metrics import Metrics


class CountedLog:
    """A delivery log that counts outcomes."""

    def __init__(self, log: DeliveryLog, metrics: Metrics) -> None:
        self._log, self._metrics = log, metrics

    def record_attempt(self, attempt: Attempt) -> None:
        """Store one row, then count it."""
        self._log.record_attempt(attempt)
        key = {SENT: "sent", RETRY: "retried", GAVE_UP: "gave_up"}.get(attempt.outcome)
        if key is not None:
            self._metrics.add(key, 1)
