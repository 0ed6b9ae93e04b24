"""PagerDuty, Events API v2: an incident of ours is one alert there, from trigger to resolve.

The key that ties events together is the incident's id, so a repeated event changes nothing. An incident that
a person takes is acknowledged there, too: nobody else is called. Source of limits and codes:
developer.pagerduty.com/docs/events-api-v2-overview, and what Alertmanager's client holds for its limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alerts.briefs import words
from alerts.briefs.brief import Brief
from alerts.briefs.render import cut_to, label, parts, to_bytes
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import RETRY, SENT, Delivery, Outcome
from detectors.finding import rfc3339
from infra.clock import NS_PER_S, Clock, SystemClock

URL = "https://events.pagerduty.com/v2/enqueue"
MAX_SUMMARY = 1_024
"""Characters of ``payload.summary``."""
MAX_EVENT = 512_000
"""Bytes of an event: PagerDuty says 512 KB."""
FOLLOW_S = 5.0
DOUBT_S = (15.0, 60.0, 300.0)
"""Pauses before an acknowledgement is repeated whose connection was lost, so that it may have arrived.

After the last one it is taken for arrived: to repeat it changes nothing, but fills PagerDuty's log."""
SEVERITIES = {"page": "critical", "ticket": "warning", "info": "info"}
"""Our severities as PagerDuty's."""


def render(delivery: Delivery, routing_key: str) -> bytes:
    """The event as JSON; details are left out of one that is too large."""
    event: dict[str, Any] = {"routing_key": routing_key, "dedup_key": delivery.incident_id}
    if delivery.kind == "resolved":
        return to_bytes({**event, "event_action": "resolve"})
    brief = delivery.brief
    event |= {"event_action": "trigger", "client": "Lightship", "payload": _payload(brief)}
    links = [{"href": act.url, "text": act.name} for act in brief.do.acts]
    if brief.do.runbook_url:
        links = [{"href": brief.do.runbook_url, "text": f"Runbook: {brief.do.runbook}"}, *links]
    if brief.do.dashboard:
        event["client_url"] = brief.do.dashboard
        links = [{"href": brief.do.dashboard, "text": "Open the incident"}, *links]
    if links:
        event["links"] = links
    body = to_bytes({**event, "payload": {**event["payload"], "custom_details": _details(brief)}})
    return body if len(body) <= MAX_EVENT else to_bytes(event)


def _payload(brief: Brief) -> dict[str, Any]:
    return {
        "summary": cut_to(brief.headline, MAX_SUMMARY),
        "source": brief.where.service or "unknown service",
        "severity": SEVERITIES[brief.severity],
        "timestamp": rfc3339(brief.when.fired or brief.when.first_finding),
        "component": words.plain(brief.what.score),
        "class": words.plain(brief.what.alert_kind),
        **({"group": brief.where.environment} if brief.where.environment else {}),
    }


def _details(brief: Brief) -> dict[str, str]:
    return {"State": label(brief), **{name: "\n".join(lines) for name, lines in parts(brief)}}


@dataclass(frozen=True, slots=True)
class _Unconfirmed:
    """Of an acknowledgement that may have arrived: how often it was sent, and when it is again."""

    tries: int
    next_ns: int


class PagerDutyNotifier:
    """A channel to one service's integration, which ``routing_key`` names."""

    def __init__(self, door: HttpPost, routing_key: str, clock: Clock | None = None) -> None:
        self._door = door
        self._routing_key = routing_key
        self._clock = clock or SystemClock()
        self._acknowledged: frozenset[tuple[str, str]] = frozenset()
        self._doubtful: dict[tuple[str, str], _Unconfirmed] = {}

    @property
    def every_s(self) -> float:
        """Seconds between two looks at who took what."""
        return FOLLOW_S

    def send(self, delivery: Delivery) -> Outcome:
        """Send one event."""
        return self._door.post(render(delivery, self._routing_key))

    def follow(self, standing: Sequence[Delivery]) -> Outcome:
        """Acknowledge what a person has taken, once each as long as this process lives.

        One that may have arrived, though no answer did, is repeated after growing pauses, and then left.
        """
        taken = {
            (d.incident_id, d.brief.acknowledged_by)
            for d in standing
            if d.brief.acknowledged_by and d.brief.ending is None
        }
        self._acknowledged &= taken
        self._doubtful = {k: v for k, v in self._doubtful.items() if k in taken}
        now_ns = self._clock.now_ns()
        waiting = {k for k, doubt in self._doubtful.items() if now_ns < doubt.next_ns}
        for incident_id, person in sorted(taken - self._acknowledged - waiting):
            event = {"routing_key": self._routing_key, "dedup_key": incident_id}
            outcome = self._door.post(to_bytes({**event, "event_action": "acknowledge"}))
            if outcome.uncertain and self._is_doubtful((incident_id, person)):
                continue
            if outcome.outcome == RETRY and not outcome.uncertain:
                return outcome
            self._acknowledged |= {(incident_id, person)}  # what is refused for good is not tried again
        return Outcome(SENT)

    def _is_doubtful(self, key: tuple[str, str]) -> bool:
        """Note an acknowledgement that may have arrived; whether it is to be repeated."""
        tries = self._doubtful[key].tries if key in self._doubtful else 0
        if tries == len(DOUBT_S):
            return False
        next_ns = self._clock.now_ns() + int(DOUBT_S[tries] * NS_PER_S)
        self._doubtful[key] = _Unconfirmed(tries + 1, next_ns)
        return True

    def close(self) -> None:
        """Close connections."""
        self._door.close()
