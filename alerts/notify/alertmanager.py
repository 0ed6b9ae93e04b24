"""Prometheus Alertmanager, API v2: an incident is an alert, which is repeated for as long as it stands.

An Alertmanager holds an alert until its ``endsAt``; whoever fires repeats it before. Ours is four repeats
ahead, so that a few that fail resolve nothing. An end is repeated, too, for a while: an Alertmanager that was
started anew has lost it. Labels are identity and never change while an incident lasts, but for its severity,
by which people route: when it rises, the alert of the old one ends in the same request. All that is measured
stands in annotations. So ``score`` and ``alert_kind`` are those that its primary finding had when people were
first notified; an alert from before these labels never gets them. ``startsAt`` is when the alert was first
sent: one in the past would be sent to people without waiting for its group, and before the page that
inhibits it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from alerts.briefs.brief import Brief
from alerts.briefs.render import cut_to, label, parts
from alerts.errors import Unavailable
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import RETRY, SENT, Delivery, Outcome
from alerts.notify.references import References
from alerts.silences.alert_labels import labels_of
from detectors.finding import SEVERITIES, rfc3339
from infra.clock import NS_PER_S, Clock, to_datetime

PATH = "/api/v2/alerts"
KEPT = 4
"""Repeats after which an Alertmanager that hears nothing takes an alert for resolved."""
BATCH = 64
"""Alerts of one request, as Prometheus sends them."""
MAX_DESCRIPTION = 6_000

_LEFT_OUT = ("Examples", "Trust")
"""Parts that are not known when an alert is repeated."""


def annotations_of(brief: Brief) -> dict[str, str]:
    """The brief."""
    described = [
        f"{name}: {'; '.join(lines)}"
        for name, lines in parts(brief)
        if name not in _LEFT_OUT and name != "Do"
    ]
    given = {
        "summary": brief.headline,
        "state": label(brief),
        "description": cut_to("\n".join(described), MAX_DESCRIPTION),
        "onset": rfc3339(brief.when.onset),
        "runbook": brief.do.runbook,
        "runbook_url": brief.do.runbook_url,
        "checks": "\n".join(brief.do.checks),
        "dashboard": brief.do.dashboard,
    }
    return {name: value for name, value in given.items() if value}


def alert(delivery: Delivery, severity: str, starts: str, ends: str) -> dict[str, Any]:
    """One alert as the API takes it; times are texts to the second, and it never ends before it starts."""
    made = {
        "labels": labels_of(delivery.incident_id, delivery.place, delivery.first_about, severity),
        "annotations": annotations_of(delivery.brief),
        "startsAt": starts,
        "endsAt": max(starts, ends),
    }
    dashboard = delivery.brief.do.dashboard
    return {**made, "generatorURL": dashboard} if dashboard else made


class AlertmanagerNotifier:
    """A channel to one Alertmanager, which hears every ``resend_s`` of what stands.

    What is stored of a message is when its alert began and, if it has, ended: ``<start>/<end>`` (RFC 3339).
    """

    def __init__(self, door: HttpPost, resend_s: float, references: References, clock: Clock) -> None:
        self._door = door
        self._resend_s = resend_s
        self._references = references
        self._clock = clock

    @property
    def every_s(self) -> float:
        """Seconds between two repeats."""
        return self._resend_s

    def send(self, delivery: Delivery) -> Outcome:
        """Post the alert once; one whose severity rose ends that of the lower ones."""
        try:
            starts, _, ended = self._references.of(delivery.incident_id).partition("/")
        except Unavailable as error:
            return Outcome(RETRY, f"when the alert began is not known now: {error}")
        now, over = self._time(), delivery.kind == "resolved"
        if not starts or (ended and not over):
            starts = now
        ends = now if over else self._time(KEPT * self._resend_s)
        severity = delivery.brief.severity
        posted = [alert(delivery, severity, starts, ends)]
        if delivery.kind == "raised":
            lower = SEVERITIES[SEVERITIES.index(severity) + 1 :]
            posted += [alert(delivery, one, starts, now) for one in lower]
        outcome = self._post(posted)
        if outcome.outcome != SENT:
            return outcome
        reference = f"{starts}/{ends if over else ''}"
        self._references.set(delivery.incident_id, reference)
        return Outcome(SENT, outcome.reason, outcome.code, reference=reference)

    def follow(self, standing: Sequence[Delivery]) -> Outcome:
        """Repeat all that stands, and what ended lately."""
        alerts = [self._again(delivery) for delivery in standing]
        outcome = Outcome(SENT)
        for batch in _batches(alerts):
            outcome = self._post(batch)
            if outcome.outcome != SENT:
                break
        return outcome

    def _again(self, delivery: Delivery) -> dict[str, Any]:
        """An alert as it was sent before; where that is not known, as its brief says."""
        when = delivery.brief.when
        try:
            starts, _, ended = self._references.of(delivery.incident_id).partition("/")
        except Unavailable:
            starts, ended = "", ""
        starts = starts or _second(when.fired or when.first_finding)
        ends = self._time(KEPT * self._resend_s)
        if delivery.kind == "resolved":
            ends = ended or _second(when.resolved or when.first_finding)
        return alert(delivery, delivery.brief.severity, starts, ends)

    def _post(self, alerts: list[dict[str, Any]]) -> Outcome:
        return self._door.post(json.dumps(alerts).encode(), path=PATH)

    def _time(self, ahead_s: float = 0.0) -> str:
        return _second(to_datetime(self._clock.now_ns() + int(ahead_s * NS_PER_S)))

    def close(self) -> None:
        """Close connections."""
        self._door.close()


def _second(at: datetime) -> str:
    """A time to the second: such times are in order as texts."""
    return rfc3339(at.replace(microsecond=0))


def _batches(alerts: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for k in range(0, len(alerts), BATCH):
        yield alerts[k : k + BATCH]
