"""Messages on their way to senders: with what a receiver is shown, and sent again where that has to be."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from alerts.briefs.brief import Act, Brief, Example, cut
from alerts.errors import Unavailable
from alerts.faults import DELIVERIES, Faults
from alerts.incidents.incident import Incident
from alerts.links import signed as signed_links
from alerts.log import IncidentLog
from alerts.notify.channels import notifier_of
from alerts.notify.counted_log import CountedLog
from alerts.notify.counts import Counts
from alerts.notify.delivery_state import DeliveryState, Find, Resend, late_key
from alerts.notify.follower import Follower, Following
from alerts.notify.pipeline import Pipeline
from alerts.notify.protocol import Delivery
from alerts.notify.references import References
from alerts.notify.route import fallbacks_of, reachable
from alerts.notify.sender import Sender
from alerts.watch.metrics import Metrics
from infra.clock import Clock
from infra.settings import ReceiverSettings, Settings

logger = logging.getLogger(__name__)


class Incidents(Protocol):
    """Incidents as they stand."""

    def find(self, incident_id: str) -> Incident | None:
        """An incident by id."""

    def brief(self, incident: Incident, kind: str = "opened") -> Brief:
        """The message about an incident as it stands."""


class Dispatch:
    """A sender for every receiver, and what became of its messages (``state``).

    `due` and `resend` are called by the thread that writes incidents, `took` by any. ``links_key`` signs
    links in messages; ``None``: they hold none. ``find`` gives an incident by its id.
    """

    def __init__(
        self,
        settings: Settings,
        log: IncidentLog,
        links_key: bytes | None,
        clock: Clock,
        metrics: Metrics,
        faults: Faults,
        find: Find,
    ) -> None:
        self._settings, self._log, self._links_key, self._find = settings, log, links_key, find
        self._clock, self._metrics, self._faults = clock, metrics, faults
        receivers = reachable(settings)
        self.state = DeliveryState()
        self.counts = Counts(log.counted, clock)
        self._fallbacks = fallbacks_of(settings)
        self._references = {r.name: self._referring(r.name) for r in receivers}
        self.senders: Mapping[str, Sender] = {r.name: self._sender(r) for r in receivers}
        self._shown = {r.name for r in receivers if r.examples}
        self._linked = {r.name for r in receivers if r.kind in signed_links.TOLD_IN}

    def _sender(self, receiver: ReceiverSettings) -> Sender:
        self._metrics.gave_up(receiver.name, 0)
        log = CountedLog(self._log, self._metrics, self.state)
        notifier = notifier_of(receiver, self._clock, self._references[receiver.name])
        following = Following(notifier, self._clock) if isinstance(notifier, Follower) else None
        pipeline = Pipeline(notifier, log, self._clock, faults=self._faults)
        return Sender(receiver.name, pipeline, self._faults, following)

    def _referring(self, receiver: str) -> References:
        return References(lambda: self._log.references(receiver))

    def load(self) -> None:
        """Start from what is stored about messages.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        self.state.load(*self._log.fates(self._clock.now_ns()))

    def forget(self) -> None:
        """Another process sends now."""
        for sender in self.senders.values():
            sender.forget()
        for references in self._references.values():
            references.forget()
        self.state.forget()

    def due(self, delivery: Delivery, attempts: int, done: bool) -> None:
        """Hand a message that the history says is due to its sender, or have it know that it is done."""
        self._hand(delivery, attempts, done, routed=True)

    def resend(self, incidents: Incidents) -> None:
        """Hand over what a fallback gets, and what receivers that work again have missed."""
        for one in self.state.resends(incidents.find, self._fallbacks, self._clock.now_ns()):
            with self._faults.guarded(DELIVERIES, f"sending again of incident {one.incident.incident_id}"):
                self._hand(resent(one, incidents), one.attempts, done=False, routed=False)

    def took(self, receiver: str) -> bool:
        """Have what a receiver missed sent, as it took a message of a trial; whether there is such a one.

        Raises
        ------
        Unavailable
            If it cannot be stored.
        """
        sender = self.senders.get(receiver)
        if sender is None:
            return False
        now_ns = self._clock.now_ns()
        self._log.record_trial(receiver, now_ns)
        self.state.works(receiver, now_ns)
        sender.try_now()
        return True

    def _hand(self, delivery: Delivery, attempts: int, done: bool, *, routed: bool) -> None:
        sender = self.senders.get(delivery.receiver)
        if sender is None:
            if not done:
                logger.warning("receiver %s is no longer configured: nobody is told", delivery.receiver)
            return
        if not done:
            with self._faults.guarded(DELIVERIES, f"examples of incident {delivery.incident_id}"):
                delivery = self._completed(delivery)
            self.state.due(delivery, attempts, routed=routed)
        sender.add(delivery, attempts, done)

    def _completed(self, delivery: Delivery) -> Delivery:
        """A message with figures up to now, and with examples and links for receivers that are shown them."""
        brief = self.counts.into(delivery.brief, self._find(delivery.incident_id))
        if delivery.receiver in self._shown:
            brief = replace(brief, examples=self._examples(delivery.incident_id))
        if acts := self._acts(delivery):
            brief = replace(brief, do=replace(brief.do, acts=acts))
        return replace(delivery, brief=brief)

    def _acts(self, delivery: Delivery) -> tuple[Act, ...]:
        """Links that act, for receivers whose messages hold them; without a public address there are none."""
        base = self._settings.alerts.public_url.rstrip("/")
        if (
            self._links_key is None
            or delivery.receiver not in self._linked
            or delivery.kind not in signed_links.KINDS
        ):
            return ()
        about = delivery.incident_id, delivery.receiver, delivery.place.service
        return signed_links.acts(base, self._links_key, *about, self._clock.now_ns())

    def _examples(self, incident_id: str) -> tuple[Example, ...]:
        """Examples for a message; a message does not wait for them."""
        incident = self._find(incident_id)
        try:
            return () if incident is None else cut(self._log.examples(incident))
        except Unavailable as error:
            logger.warning("a message goes without examples: %s", error)
            return ()


def resent(one: Resend, incidents: Incidents) -> Delivery:
    """A message that is sent again, about the incident as it stands."""
    return Delivery(
        dedup_key=late_key(one.incident.incident_id, one.seq, one.late),
        tenant=one.incident.place.tenant,
        incident_id=one.incident.incident_id,
        seq=one.seq,
        receiver=one.receiver,
        kind=one.kind,
        brief=incidents.brief(one.incident, one.kind),
        place=one.incident.place,
        due_ns=one.due_ns,
        instead_of=one.instead_of,
        again=one.late > 0,
        first_about=one.incident.first_about,
    )
