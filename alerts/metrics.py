"""What the alerts service says about itself: one typed list, in Prometheus' text form."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """One number. ``kind`` is counter or gauge."""

    key: str
    name: str
    kind: str
    help: str


METRICS = (
    Metric(
        "findings", "lightship_alerts_findings_total", "counter", "Messages read from the log of findings"
    ),
    Metric(
        "dead_letters", "lightship_alerts_dead_letters_total", "counter", "Messages that could not be taken"
    ),
    Metric(
        "transitions", "lightship_alerts_transitions_total", "counter", "Lines of incident history stored"
    ),
    Metric("actions", "lightship_alerts_actions_total", "counter", "Actions of people"),
    Metric("sent", "lightship_alerts_notifications_sent_total", "counter", "Messages a receiver took"),
    Metric("retried", "lightship_alerts_notifications_retried_total", "counter", "Attempts that failed"),
    Metric("gave_up", "lightship_alerts_notifications_gave_up_total", "counter", "Messages given up"),
    Metric("beats", "lightship_alerts_heartbeats_total", "counter", "Beats that arrived"),
    Metric("faults", "lightship_alerts_faults_total", "counter", "Failures of our own code, set aside"),
    Metric("open", "lightship_alerts_incidents_open", "gauge", "Incidents that are not over"),
    Metric("silences", "lightship_alerts_silences", "gauge", "Silences in force"),
    Metric(
        "silence_polls_failed",
        "lightship_alerts_silence_polls_failed_total",
        "counter",
        "Times that an Alertmanager did not say what is silenced there",
    ),
    Metric(
        "config_ok",
        "lightship_alerts_config_last_reload_successful",
        "gauge",
        "Whether the settings file could be used when it was read last",
    ),
    Metric(
        "config_at",
        "lightship_alerts_config_last_reload_success_timestamp_seconds",
        "gauge",
        "When the settings file was read last and could be used, s since 1970 UTC",
    ),
    Metric("waiting", "lightship_alerts_notifications_waiting", "gauge", "Messages that are due"),
    Metric("offset", "lightship_alerts_findings_offset", "gauge", "Newest offset that was taken"),
    Metric("lag", "lightship_alerts_findings_lag_messages", "gauge", "Messages of the log not yet taken"),
)


class Metrics:
    """The numbers of this process; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gave_up: dict[str, int] = {}
        self._values: dict[str, float] = {m.key: 0.0 for m in METRICS}

    def add(self, key: str, amount: float) -> None:
        """Count."""
        with self._lock:
            self._values[key] += amount

    def gave_up(self, receiver: str, n: int = 1) -> None:
        """Count messages that a receiver was given up for; 0 makes its line be there."""
        with self._lock:
            self._gave_up[receiver] = self._gave_up.get(receiver, 0) + n

    @property
    def by_receiver(self) -> dict[str, int]:
        """Messages given up, by receiver."""
        with self._lock:
            return dict(self._gave_up)

    def set(self, key: str, value: float) -> None:
        """State a level."""
        with self._lock:
            self._values[key] = value

    def get(self, key: str) -> float:
        """One number."""
        with self._lock:
            return self._values[key]

    def text(self) -> str:
        """All of them, one family after the other."""
        with self._lock:
            values = dict(self._values)
        lines = []
        for m in METRICS:
            lines += [
                f"# HELP {m.name} {m.help}",
                f"# TYPE {m.name} {m.kind}",
                f"{m.name} {values[m.key]:.15g}",
            ]
        return "\n".join(lines) + "\n"
