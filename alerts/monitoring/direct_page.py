"""A page that needs neither the store nor Kafka nor the alerts service: straight to the receivers.

Incidents are told by way of the log and the store. When one of them is what is wrong, or the alerts service
itself, nobody would be told. ``python -m alerts.monitoring.direct_page --process alerts --note TEXT`` is what
the supervisor runs then; the alerts service does the same from within while it cannot reach what it needs
(`alerts.monitoring.outage`). Nothing is stored: a receiver may be told again of what it knows, under the same
key.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from alerts.briefs.brief import Links, brief_of
from alerts.incidents.incident import FIRING, RESOLVED, About, Incident
from alerts.incidents.lifecycle import fresh
from alerts.incidents.timing import Timing
from alerts.notify.channels import notifier_of
from alerts.notify.protocol import GAVE_UP, SENT, Delivery, Outcome
from alerts.notify.references import References
from alerts.notify.route import reachable, router
from alerts.notify.self_monitoring import DETECTOR, RESTARTS, of
from detectors.finding import ALL, Finding
from detectors.internal_finding import internal_finding
from infra.clock import Clock, SystemClock, to_datetime
from infra.errors import Misconfigured
from infra.fault import Fault
from infra.settings import ReceiverSettings, Settings, load

logger = logging.getLogger(__name__)

OPENED, RESOLVED_KIND = "opened", "resolved"
TRIES, PAUSE_S = 5, 15.0
"""How often a receiver that refuses is tried by the command, and how long it waits in between."""


def finding_of(score: str, note: str, since_ns: int, slice_: str = ALL) -> Finding:
    """What is wrong, as a finding; the same for the same score, slice and time."""
    began = to_datetime(since_ns).replace(microsecond=0)
    return internal_finding(
        score,
        *([slice_] if slice_ != ALL else []),
        began.isoformat(),
        at=began,
        onset=began,
        severity="page",
        detector=DETECTOR,
        note=note,
        slice_=slice_,
    )


class DirectPage:
    """One page, to every receiver that is routed for it; repeated until each has taken or refused it.

    A receiver that refuses it is stood in for by its fallback, or by the terminal.
    """

    def __init__(self, settings: Settings, finding: Finding, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        opened = fresh(finding, Timing.of(settings))
        self._incident = replace(opened, state=FIRING, fired_ns=opened.opened_ns)
        chosen = router(settings)(self._incident)
        self._known = {r.name: r for r in reachable(settings)}
        self._receivers = [r for name, r in self._known.items() if name in chosen]
        self._done: set[tuple[str, str]] = set()

    def send(self, kind: str = OPENED) -> bool:
        """Try once with each receiver that is still to be told; whether all of them are."""
        incident, seq = self._incident, 1
        if kind == RESOLVED_KIND:
            now_ns, seq = self._clock.now_ns(), 2
            incident = replace(incident, state=RESOLVED, ending="recovered", resolved_ns=now_ns)
        for receiver in self._receivers:  # it grows by those that stand in
            if (receiver.name, kind) in self._done:
                continue
            try:
                outcome = self._send(incident, receiver, kind, seq)
            except Misconfigured as error:
                logger.error("a page could not be sent: %s", error)
                continue
            except Exception as error:  # noqa: BLE001 - the other receivers must be told
                logger.error("a page to %s could not be sent: a defect: %s", receiver.name, Fault.of(error))
                continue
            level = logging.INFO if outcome.outcome == SENT else logging.WARNING
            logger.log(level, "%s to %s, past the store: %s", kind, receiver.name, outcome.outcome)
            if outcome.outcome in (SENT, GAVE_UP):
                self._done.add((receiver.name, kind))
            if outcome.outcome == GAVE_UP:
                self._stand_in(receiver)
        return all((receiver.name, kind) in self._done for receiver in self._receivers)

    def _stand_in(self, receiver: ReceiverSettings) -> None:
        """Have another receiver told, too."""
        other = self._known.get(receiver.fallback) or next(reversed(self._known.values()))
        if other not in self._receivers:
            self._receivers.append(other)

    def _send(self, incident: Incident, receiver: ReceiverSettings, kind: str, seq: int) -> Outcome:
        notifier = notifier_of(receiver, self._clock, References())
        try:
            return notifier.send(self._delivery(incident, receiver.name, kind, seq))
        finally:
            notifier.close()

    def _delivery(self, incident: Incident, receiver: str, kind: str, seq: int) -> Delivery:
        links = Links(self._settings.dashboard.address, runbooks=self._settings.alerts.runbook_url)
        return Delivery(
            dedup_key=f"{incident.incident_id}-{seq}",
            tenant=incident.place.tenant,
            incident_id=incident.incident_id,
            seq=seq,
            receiver=receiver,
            kind=kind,
            brief=brief_of(incident, kind=kind, links=links),
            place=incident.place,
            first_about=About.of(incident.primary_finding),
        )


def page(
    settings: Settings, finding: Finding, clock: Clock, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Tell every receiver that is routed for it; whether all were told."""
    direct = DirectPage(settings, finding, clock)
    for left in reversed(range(TRIES)):
        if direct.send():
            return True
        if left:
            sleep(PAUSE_S)
    return False


def main(argv: Sequence[str] | None = None) -> int:
    """Send one page: exit 0 if every receiver took it, 1 if one did not, 2 for settings that cannot work."""
    parser = argparse.ArgumentParser(prog="python -m alerts.monitoring.direct_page", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file instead of lightship.toml")
    parser.add_argument("--process", required=True, metavar="NAME", help="the process that is wrong")
    parser.add_argument("--note", required=True, metavar="TEXT", help="what is wrong with it")
    parser.add_argument("--since-ns", type=int, metavar="NS", help="since when, in ns since 1970 UTC")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    clock = SystemClock()
    since_ns = clock.now_ns() if options.since_ns is None else options.since_ns
    finding = finding_of(RESTARTS, options.note, since_ns, of("process", options.process))
    try:
        return 0 if page(load(options.config), finding, clock) else 1
    except Misconfigured as error:
        logger.error("%s", error)
        return 2


if __name__ == "__main__":
    sys.exit(main())
