"""The log of deliveries, with its outcomes counted and remembered."""

from __future__ import annotations

from alerts.errors import Unavailable
from alerts.metrics import Metrics
from alerts.notify.delivery_state import DeliveryState
from alerts.notify.pipeline import Attempt, DeliveryLog
from alerts.notify.protocol import GAVE_UP, RETRY, SENT


class CountedLog:
    """A delivery log that counts outcomes, and remembers them in ``state``."""

    def __init__(self, log: DeliveryLog, metrics: Metrics, state: DeliveryState | None = None) -> None:
        self._log, self._metrics, self._state = log, metrics, state or DeliveryState()

    def record_attempt(self, attempt: Attempt) -> None:
        """Store one row, then count it; what can never be stored counts, too."""
        try:
            self._log.record_attempt(attempt)
        except Unavailable:
            raise
        except Exception:
            self._state.attempted(attempt)
            raise
        self._state.attempted(attempt)
        key = {SENT: "sent", RETRY: "retried", GAVE_UP: "gave_up"}.get(attempt.outcome)
        if key is not None:
            self._metrics.add(key, 1)
        if attempt.outcome == GAVE_UP:
            self._metrics.gave_up(attempt.delivery.receiver)
