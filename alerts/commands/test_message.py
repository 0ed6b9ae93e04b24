"""``lightship alerts test``: one marked message through a configured receiver, and what became of it.

It goes the way of a real one but for the log of deliveries: it is tried once, and nothing is stored. Where a
message opens something that stays open (an alert, a page), a second one ends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alerts.access.keys import FILE
from alerts.briefs.brief import Brief, Links, brief_of
from alerts.commands.client import post
from alerts.incidents.identity import PIPELINE
from alerts.incidents.incident import FIRING, RESOLVED, About, Incident
from alerts.incidents.lifecycle import fresh
from alerts.incidents.timing import Timing
from alerts.notify.channels import notifier_of
from alerts.notify.protocol import SENT, Delivery, Outcome
from alerts.notify.references import References
from alerts.notify.route import receivers_of
from alerts.notify.silence_polling import fetcher, tried_once
from detectors.finding import Finding
from infra.clock import Clock, SystemClock, to_datetime
from infra.errors import Misconfigured, Unavailable
from infra.receiver_reach import trouble_of
from infra.settings import ReceiverSettings, Settings, load
from infra.typed_table import unknown

SERVICE = "lightship-test"
"""Service of the message: no route need match it."""
ENDED = ("alertmanager", "pagerduty", "template")
"""Kinds in which a message opens something."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One message: why it was sent, what became of it, and how long that took."""

    kind: str
    outcome: Outcome
    seconds: float


def deliveries(receiver: ReceiverSettings, settings: Settings, now_ns: int) -> list[Delivery]:
    """The messages of a trial at ``now_ns``; no two trials have one incident."""
    now = to_datetime(now_ns)
    finding = Finding(
        finding_id=f"test-{now_ns}",
        alert_kind=PIPELINE,
        status="confirmed",
        tenant="default",
        lineage="test",
        environment=None,
        service=SERVICE,
        unit="interaction",
        score="volume",
        slice="all",
        series=None,
        made_at=now,
        severity="info",
    )
    opened = replace(
        fresh(finding, Timing.of(settings)), incident_id=f"{now_ns:016x}"[-16:], state=FIRING, fired_ns=now_ns
    )
    sent = [_delivery(receiver, settings, opened, "opened", 1)]
    if receiver.kind in ENDED:
        ended = replace(opened, state=RESOLVED, ending="recovered", resolved_ns=now_ns)
        sent.append(_delivery(receiver, settings, ended, "resolved", 2))
    return sent


def _delivery(
    receiver: ReceiverSettings, settings: Settings, incident: Incident, kind: str, seq: int
) -> Delivery:
    links = Links(settings.dashboard.address, runbooks=settings.alerts.runbook_url)
    return Delivery(
        dedup_key=f"test-{incident.incident_id}-{seq}",
        tenant=incident.place.tenant,
        incident_id=incident.incident_id,
        seq=seq,
        receiver=receiver.name,
        kind=kind,
        brief=_marked(brief_of(incident, kind=kind, links=links), receiver.name),
        place=incident.place,
        first_about=About.of(incident.primary_finding),
    )


def _marked(brief: Brief, receiver: str) -> Brief:
    """A brief that nobody takes for a real one."""
    said = f"TEST: this is how alerts reach {receiver!r}; nothing has happened"
    do = replace(brief.do, checks=("Nothing: `lightship alerts test` sent this.",), dashboard="", api="")
    return replace(brief, headline=said, do=do)


def tried(
    config: Path | None,
    name: str,
    clock: Clock | None = None,
    now_s: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Send through a receiver by name; the report. What follows a message that failed is not sent.

    Raises
    ------
    Misconfigured
        If the settings cannot work or hold no such receiver.
    """
    settings, clock = load(config), clock or SystemClock()
    receivers = {r.name: r for r in receivers_of(settings)}
    if name not in receivers:
        raise unknown("receiver", name, receivers)
    receiver = receivers[name]
    notifier = notifier_of(receiver, clock, References())
    done: list[Tried] = []
    try:
        for delivery in deliveries(receiver, settings, clock.now_ns()):
            began_s = now_s()
            outcome = notifier.send(delivery)
            if outcome.outcome != SENT and outcome.code in (None, 400) and (why := trouble_of(receiver)):
                outcome = replace(outcome, reason=why)  # found by looking closer than a real one does
            done.append(Tried(delivery.kind, outcome, now_s() - began_s))
            if outcome.outcome != SENT:
                break
    finally:
        notifier.close()
    return report(receiver, done) | _silences(receiver, clock)


def _silences(receiver: ReceiverSettings, clock: Clock) -> dict[str, Any]:
    """What a receiver says that is silenced there, where that is honoured; ``ok`` is false if it does not."""
    if not receiver.honour_silences:
        return {}
    door = fetcher(receiver, clock)
    try:
        found = tried_once(door)
    finally:
        door.close()
    return {"silences": found} if found["ok"] else {"silences": found, "ok": False}


def report_recovery(config: Path | None, name: str) -> str:
    """Have the running service send what a receiver missed that takes messages again; what came of that.

    Empty where no service ever ran on this data directory.
    """
    if not (load(config).home / FILE).exists():
        return ""
    try:
        post(config, f"/receivers/{quote(name, safe='')}/works", "lightship alerts test", "")
    except (Misconfigured, Unavailable) as error:
        return f"what it missed is sent after the next message that it takes: {error}"
    return "the alerts service sends what it missed"


def report(receiver: ReceiverSettings, done: list[Tried]) -> dict[str, Any]:
    """What was sent and what became of it, JSON-ready."""
    return {
        "receiver": receiver.name,
        "kind": receiver.kind,
        "ok": all(t.outcome.outcome == SENT for t in done),
        "messages": [
            {
                "kind": t.kind,
                "outcome": t.outcome.outcome,
                "code": t.outcome.code,
                "reason": t.outcome.reason,
                "seconds": round(t.seconds, 3),
            }
            for t in done
        ],
    }


def show(report: dict[str, Any]) -> str:
    """The report for a person: a line a message."""
    lines = []
    for m in report["messages"]:
        said = {"sent": "sent", "retry": "not taken now (a real one is tried again)", "gave_up": "refused"}
        more = [str(part) for part in (m["code"], m["reason"]) if part]
        detail = f" ({', '.join(more)})" if more else ""
        lines.append(
            f"{report['receiver']} ({report['kind']}), {m['kind']}: {said[m['outcome']]}{detail}, "
            f"{m['seconds']:.2f} s"
        )
    if (of := report.get("silences")) and not of["ok"]:
        lines.append(f"{report['receiver']}: its silences cannot be read: {of['reason']}")
    elif of:
        lines.append(
            f"{report['receiver']}: {of['active']} active silences there, {of['honoured']} of them may match "
            "alerts of ours"
        )
        lines += [f"{report['receiver']}: {why}: not honoured" for why in of["unusable"]]
    return "\n".join([*lines, *([report["service"]] if report.get("service") else [])])
