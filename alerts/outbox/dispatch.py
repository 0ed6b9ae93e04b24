"""Messages on their way to senders: with what a receiver is shown, and sent again where that has to be."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from alerts.briefs.brief import Act, Brief, Example, cut
from alerts.errors import Unavailable
from alerts.faults import DELIVERIES, ROWS, Faults
from alerts.incidents.incident import Incident
from alerts.links import signed as signed_links
from alerts.metrics import Metrics
from alerts.notify.channels import notifier_of
from alerts.notify.counts import Counts
from alerts.notify.delivery_log import CountedLog
from alerts.notify.delivery_state import DeliveryState, Find, Resend, late_key
from alerts.notify.pipeline import Attempt, Pipeline
from alerts.notify.protocol import GAVE_UP, Delivery, Message, Notifier
from alerts.notify.references import References
from alerts.notify.route import reachable
from alerts.notify.routing import Routing
from alerts.notify.sender import FOLLOWING, Sender
from alerts.notify.status_follower import Follower, Following
from alerts.outbox.incident_status import IncidentStatus
from alerts.repository.incidents import IncidentRepository
from infra.clock import Clock
from infra.errors import Misconfigured
from infra.settings import Settings
from infra.settings_file import fingerprint
from infra.supervised_thread import SupervisedThread

logger = logging.getLogger(__name__)

GONE = "not in the settings any more"
"""Why a message to a receiver that was taken out is given up."""


class Incidents(Protocol):
    """Incidents as they stand."""

    def find(self, incident_id: str) -> Incident | None:
        """An incident by id."""

    def brief(self, incident: Incident, kind: str = "opened") -> Brief:
        """The message about an incident as it stands."""


class Dispatch:
    """A sender for every receiver, and what became of its messages (``state``).

    `due`, `resend` and `use` are called by the thread that writes incidents, `took` by any. ``links_key``
    signs links in messages; ``None``: they hold none. ``find`` gives an incident by its id, ``routing`` says
    who hears of it.
    """

    def __init__(
        self,
        settings: Settings,
        log: IncidentRepository,
        links_key: bytes | None,
        clock: Clock,
        metrics: Metrics,
        faults: Faults,
        find: Find,
        routing: Routing,
    ) -> None:
        self._log, self._links_key, self._find = log, links_key, find
        self._clock, self._metrics, self._faults = clock, metrics, faults
        self._public_url = settings.alerts.public_url
        self.state = DeliveryState()
        self.counts = Counts(log.counted, clock)
        self._routing = routing
        self._counted = CountedLog(log, metrics, self.state)
        self._references: dict[str, References] = {}
        self.senders: Mapping[str, Sender] = {}
        self._leaving: list[Sender] = []
        self._lost: list[tuple[Message, int]] = []
        self._prints: Mapping[str, str] = {}
        self._running = False
        self.use(settings, self.channels(settings))

    def channels(self, settings: Settings) -> dict[str, Notifier]:
        """Channels of receivers that are new or other than those in use, by name, for `use`.

        Raises
        ------
        Misconfigured
            If one cannot be used; nothing has changed.
        """
        made: dict[str, Notifier] = {}
        try:
            for receiver in reachable(settings):
                name, known = receiver.name, self._prints.get(receiver.name)
                if not known or known != fingerprint(receiver):
                    self._references.setdefault(name, References(partial(self._log.references, name)))
                    made[name] = notifier_of(receiver, self._clock, self._references[name])
        except Misconfigured:
            for notifier in made.values():
                notifier.close()
            raise
        return made

    def use(self, settings: Settings, channels: Mapping[str, Notifier]) -> None:
        """Send to the receivers of other settings from now on, through ``channels`` where they are other.

        What is due to a receiver that changed goes through its new channel, in order. What is due to one that
        is gone is given up once its attempt under way has ended, and goes to whom the routes name now.
        """
        receivers = {receiver.name: receiver for receiver in reachable(settings)}
        senders = {name: sender for name, sender in self.senders.items() if name in receivers}
        for name, notifier in channels.items():
            following = Following(notifier, self._clock) if isinstance(notifier, Follower) else None
            if name in senders:
                senders[name].becomes(notifier, following)
                continue
            self._metrics.gave_up(name, 0)
            pipeline = Pipeline(notifier, self._counted, self._clock, faults=self._faults)
            senders[name] = Sender(name, pipeline, self._faults, following)
            if self._running:
                senders[name].start()
        gone = [sender for name, sender in self.senders.items() if name not in receivers]
        for sender in gone:
            sender.leave()
        self._leaving += gone
        self.senders = senders
        self._prints = {name: fingerprint(receiver) for name, receiver in receivers.items()}
        self._shown = {r.name for r in receivers.values() if r.examples}
        self._linked = {r.name for r in receivers.values() if r.kind in signed_links.TOLD_IN}

    def start(self) -> None:
        """Begin to send."""
        self._running = True
        for sender in self.senders.values():
            sender.start()

    def stop(self, wait_s: float) -> None:
        """Finish the attempts under way, all of them within ``wait_s``."""
        senders = [*self.senders.values(), *self._leaving]
        for each_s in (0.0, wait_s / max(1, len(senders))):  # ask all, then wait for each
            for sender in senders:
                sender.stop(each_s)

    @property
    def loops(self) -> list[SupervisedThread]:
        """The threads that send."""
        return [sender.loop for sender in self.senders.values()]

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
        for sender in (*self.senders.values(), *self._leaving):
            sender.forget()
        for references in self._references.values():
            references.forget()
        self.state.forget()
        self._lost = []

    def due(self, delivery: Delivery, attempts: int, done: bool) -> None:
        """Hand a message that the history says is due to its sender, or have it know that it is done."""
        self._hand(delivery, attempts, done, routed=True)

    def resend(self, incidents: Incidents) -> None:
        """Hand over what others get in place of a receiver, and what one that works again has missed."""
        self._part()
        routing, now_ns = self._routing, self._clock.now_ns()
        for one in self.state.resends(incidents.find, routing.fallbacks, now_ns, routing.heirs):
            with self._faults.isolate(DELIVERIES, f"sending again of incident {one.incident.incident_id}"):
                self._hand(resent(one, incidents), one.attempts, done=False, routed=False)

    def update_status(self, standing: IncidentStatus, incidents: Callable[[], Sequence[Incident]]) -> None:
        """Hand open incidents to the channels that follow them."""
        found: Sequence[Incident] | None = None
        for name, sender in self.senders.items():
            if sender.follows:
                found = incidents() if found is None else found
                with self._faults.isolate(FOLLOWING, name):
                    sender.idle(standing.to(name, found, self._clock.now_ns()))

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
                self.state.due(delivery, attempts, routed=routed)
                self._lost.append((delivery, attempts))
            return
        if not done:
            with self._faults.isolate(DELIVERIES, f"examples of incident {delivery.incident_id}"):
                delivery = self._completed(delivery)
            self.state.due(delivery, attempts, routed=routed)
        sender.add(delivery, attempts, done)

    def _part(self) -> None:
        """Give up what is due to receivers that are gone, once nothing of theirs is under way."""
        for sender in [*self._leaving]:
            left = sender.left()
            if left is not None:
                self._lost += left
                sender.stop(0.0)
                self._leaving.remove(sender)
        while self._lost:
            self._give_up(*self._lost[0])
            self._lost.pop(0)

    def _give_up(self, message: Message, attempts: int) -> None:
        """Write down that a receiver gets a message no more: it is not in the settings any more.

        Raises
        ------
        Unavailable
            If it cannot be stored.
        """
        now_ns = self._clock.now_ns()
        attempt = Attempt(message, attempts + 1, GAVE_UP, None, GONE, now_ns)
        incident = self._find(message.incident_id)
        heirs = () if incident is None else self._routing.heirs(incident)
        with self._faults.isolate(ROWS, f"{message.kind} of incident {message.incident_id}"):
            if heirs:
                self._log.record_attempt(attempt)
                self.state.attempted(attempt)
            else:
                self._counted.record_attempt(attempt)
        about = message.kind, message.incident_id, message.receiver, GONE
        if heirs:
            logger.info("%s of incident %s: %s is %s: %s in its place", *about, ", ".join(heirs))
        else:
            logger.warning("%s of incident %s: %s is %s: nobody is told", *about)

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
        base = self._public_url.rstrip("/")
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
