"""Where findings, people and time meet the incidents: compute, store, merge, tell. The single writer.

Order of every change: it is computed on a draft, its history and state are stored, the draft is merged, its
messages become due, and it goes to the topics. A failure to store drops the draft: the caller tries the
same again and gets the same. A process killed anywhere in between finds, when it starts, every message that
is due in the stored history.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from alerts.book import Book, Change, Route
from alerts.brief import Brief, Links, Trust, brief_of
from alerts.controls import ACCEPTED, accepting
from alerts.errors import BadRecord, NotPossible, Unavailable
from alerts.identity import POLICY, Place, place_of
from alerts.incident import PENDING, RECOVERING, Incident
from alerts.intake import read_finding
from alerts.life import Acknowledge, End, Event, Write
from alerts.log import dedup_key
from alerts.metrics import Metrics
from alerts.notify.protocol import Delivery
from alerts.ports import Closed, Message, Post, Store, Undelivered
from alerts.timing import Timing
from alerts.wire import incident_to_json
from detectors.finding import Finding, rfc3339
from infra.clock import NS_PER_S, Clock, to_datetime, to_ns

logger = logging.getLogger(__name__)

LIVE = "live"
TRUST_DAYS = 90
ACTIONS = ("acknowledge", "false-alarm", "accept", "note")


@dataclass(frozen=True, slots=True)
class Setup:
    """What a desk is told once."""

    timing: Timing
    route: Route
    links: Links


class Desk:
    """The incidents of this process. Every public method may be called from any thread."""

    def __init__(
        self,
        setup: Setup,
        store: Store,
        post: Post,
        due: Callable[[Delivery, int, bool], None],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._setup = setup
        self._store = store
        self._post = post
        self._due = due
        self._clock = clock
        self._metrics = metrics
        self._lock = threading.RLock()
        self._book = Book(setup.timing, route=setup.route)
        self._owner = False
        self._looks: dict[tuple[str, int], Closed] = {}
        self._unposted: deque[Callable[[], None]] = deque()

    def suspend(self) -> None:
        """Another process may be the writer now: nothing is changed until the next `load`."""
        with self._lock:
            self._owner = False

    def load(self) -> None:
        """Start from what is stored: incidents, and the messages that are still due.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        with self._lock:
            incidents = self._store.load()
            undelivered = self._store.outbox()
            self._book = Book(self._setup.timing, reversed(incidents), self._setup.route)
            for incident in incidents:
                if incident.is_open:
                    self._post_later(incident)
            for message in undelivered:
                self._enqueue(message.incident, message.seq, message.kind, message.receiver, message)
            self._accept_again()
            self._count_open()
            self._owner = True
        logger.info("%d incidents loaded, %d messages in the outbox", len(incidents), len(undelivered))

    def take(self, messages: Sequence[Message]) -> None:
        """Take messages of the log of findings, in order; what is no finding becomes a dead letter.

        Raises
        ------
        Unavailable
            If it cannot be stored (nothing has changed) or posted (it is done but for that); the same
            messages may be given again.
        """
        with self._lock:
            draft = self._book.draft()
            changes: list[Change] = []
            letters: list[tuple[Message, str]] = []
            for message in messages:
                try:
                    finding = read_finding(message.value)
                except BadRecord as error:
                    letters.append((message, str(error)))
                    continue
                changes += self._quieten_before(draft, finding)
                changes += draft.apply(finding)
            self._commit(changes)
            for message, reason in letters:
                logger.warning("offset %d is no finding: %s", message.source.offset, reason)
                letter = partial(self._post.dead_letter, message.source, message.value, reason)
                self._unposted.append(letter)
            self._post_all()
            self._metrics.add("findings", len(messages) - len(letters))
            self._metrics.add("dead_letters", len(letters))
            if messages:
                self._metrics.set("offset", messages[-1].source.offset)

    def elapse(self) -> None:
        """Let time pass: deadlines, and policy hits that stopped. Time is how far detection has closed ticks.

        A lineage without new data has no new time: missing data never resolves anything. What was found in a
        tick is said soon after the tick is stored, so each look judges what the look before it saw.

        Raises
        ------
        Unavailable
            If the store does not answer; nothing has changed.
        """
        with self._lock:
            waiting = [i for i in self._book if i.state in (PENDING, RECOVERING) or i.hits.active]
            now_of: dict[Place, int] = {}
            looks: dict[tuple[str, int], Closed] = {}
            draft = self._book.draft()
            changes: list[Change] = []
            for incident in (i for i in waiting if i.is_open):
                after_ns = incident.hits.last_ns if incident.hits.active else incident.since_ns
                look = (incident.incident_id, after_ns)
                looks[look] = self._store.closed(incident.place, _policy_scores(incident), after_ns)
                seen = self._looks.get(look)
                if seen is not None:
                    now_of[incident.place] = max(now_of.get(incident.place, 0), seen.upto_ns)
                    changes += self._quieten(draft, incident, seen, seen.upto_ns)
            changes += draft.elapse(lambda place: now_of.get(place, 0))
            self._commit(changes)
            self._looks = looks
            self._post_all()

    def act(self, incident_id: str, action: str, actor: str, reason: str) -> Incident | None:
        """Do what a person asks; ``None`` if there is no such incident.

        Raises
        ------
        NotPossible
            If the incident's state does not allow it.
        Unavailable
            If it cannot be stored; nothing has changed.
        """
        with self._lock:
            if not self._owner:
                raise Unavailable("this process is not (or not yet) the one that writes incidents")
            known = self._book.get(incident_id)
            if known is None:
                return None
            now_ns = self._clock.now_ns() if known.place.lineage == LIVE else known.clock_ns
            change = self._book.draft().act(incident_id, _event(action, actor, reason), now_ns)
            if change is None:
                return None
            self._commit([change])
            audit = self._audit(change.incident, action, actor, reason)
            self._unposted.append(partial(self._post.action, incident_id, audit))
            if change.incident.ending == ACCEPTED:
                self._accept(change.incident, actor, reason)
            self._metrics.add("actions", 1)
            logger.info("%s of incident %s", action, incident_id)
            try:
                self._post_all()
            except Unavailable as error:
                logger.warning("an action is stored and will be posted later: %s", error)
            return change.incident

    def _accept(self, incident: Incident, actor: str, reason: str) -> None:
        """Have detection take the changes of an incident for the new level."""
        for record in accepting(incident, actor, reason, self._setup.timing.tick_s):
            self._unposted.append(partial(self._post.control, record))

    def _accept_again(self) -> None:
        """What detection has not obeyed yet may never have reached it: it is asked again."""
        for incident_id, (actor, reason) in self._store.acceptances().items():
            incident = self._book.get(incident_id)
            if incident is not None and incident.ending == ACCEPTED:
                self._accept(incident, actor, reason)

    def find(self, incident_id: str) -> Incident | None:
        """An incident by id."""
        with self._lock:
            return self._book.get(incident_id)

    def all(self) -> list[Incident]:
        """Every incident in memory, newest first."""
        with self._lock:
            return self._book.all()

    def brief(self, incident: Incident, kind: str = "opened") -> Brief:
        """The message about an incident as it stands."""
        return brief_of(incident, kind=kind, links=self._setup.links, trust=self._trust(incident))

    def _quieten_before(self, draft: Book, finding: Finding) -> list[Change]:
        """End policy hits that had stopped before this finding, so that it is not taken for more of them.

        Only live: the hits of an import are said long before its ticks are closed.
        """
        if finding.alert_kind != POLICY or finding.lineage != LIVE:
            return []
        changes: list[Change] = []
        now_ns = to_ns(finding.made_at)
        before_ns = now_ns - self._setup.timing.tick_s * NS_PER_S  # its own tick holds the hit
        for incident in draft.at(place_of(finding)):
            last_ns = incident.hits.last_ns
            if incident.is_open and incident.hits.active and now_ns - last_ns > self._setup.timing.quiet_ns:
                seen = self._store.closed(incident.place, _policy_scores(incident), last_ns, before_ns)
                changes += self._quieten(draft, incident, seen, now_ns)
        return changes

    def _quieten(self, draft: Book, incident: Incident, seen: Closed, now_ns: int) -> list[Change]:
        timing = self._setup.timing
        silent_ns = now_ns - incident.hits.last_ns if incident.hits.active else 0
        if silent_ns < timing.quiet_ns or seen.n < timing.quiet_interactions or seen.hits:
            return []
        return [draft.quiet(incident, seen.n)]

    def _commit(self, changes: list[Change]) -> None:
        """Store, merge, tell; what is to be posted waits for `_post_all`."""
        if not changes:
            return
        self._store.store(changes, self.brief)
        self._book.merge(changes)
        newest = {c.incident.incident_id: c.incident for c in changes}
        for incident in newest.values():
            self._post_later(incident)
        for change in changes:
            for row in change.rows:
                self._metrics.add("transitions", 1)
                for receiver in row.receivers if row.notify else ():
                    self._enqueue(row.incident, row.seq, row.notify, receiver)
        self._count_open()

    def _post_later(self, incident: Incident) -> None:
        self._unposted.append(partial(self._post.incident, incident.incident_id, incident_to_json(incident)))

    def _post_all(self) -> None:
        """Post what waits, in order; what cannot be posted goes on waiting."""
        while self._unposted:
            self._unposted[0]()
            self._unposted.popleft()

    def _enqueue(
        self, incident: Incident, seq: int, kind: str, receiver: str, stored: Undelivered | None = None
    ) -> None:
        delivery = Delivery(
            dedup_key=dedup_key(incident.incident_id, seq),
            tenant=incident.place.tenant,
            incident_id=incident.incident_id,
            seq=seq,
            receiver=receiver,
            kind=kind,
            brief=self.brief(incident, kind),
        )
        self._due(delivery, stored.attempts if stored else 0, stored.done if stored else False)

    def _trust(self, incident: Incident) -> Trust:
        """How incidents of the lead's detector ended in the last days, this one left out."""
        detector, since_ns = incident.lead.detector, incident.opened_ns - TRUST_DAYS * 86_400 * NS_PER_S
        past = [
            i
            for i in self._book
            if i.incident_id != incident.incident_id
            and (i.place.tenant, i.place.lineage) == (incident.place.tenant, incident.place.lineage)
            and i.opened_ns >= since_ns
            and i.fired_ns is not None
            and i.lead.detector == detector
        ]
        lag_s = None
        if incident.place.lineage == LIVE and incident.is_open:
            lag_s = max(0.0, (self._clock.now_ns() - incident.clock_ns) / NS_PER_S)
        false = sum(i.ending in ("false_alarm", "withdrawn") for i in past)
        return Trust(false, len(past), TRUST_DAYS, lag_s)

    def _audit(self, incident: Incident, action: str, actor: str, reason: str) -> dict[str, Any]:
        place = incident.place
        return {
            "v": 1,
            "at": rfc3339(to_datetime(self._clock.now_ns())),
            "action": action,
            "incident_id": incident.incident_id,
            "tenant": place.tenant,
            "lineage": place.lineage,
            "environment": place.environment,
            "service": place.service,
            "actor": actor,
            "reason": reason,
            "state": incident.state,
            "ending": incident.ending,
            "seq": incident.seq,
        }

    def _count_open(self) -> None:
        self._metrics.set("open", sum(i.is_open for i in self._book))


def _policy_scores(incident: Incident) -> list[str]:
    return sorted({f.score for f in incident.findings if f.alert_kind == POLICY})


def _event(action: str, actor: str, reason: str) -> Event:
    if action == "acknowledge":
        return Acknowledge(actor, reason)
    if action == "note":
        return Write(actor, reason)
    endings = {"false-alarm": "false_alarm", "accept": "accepted"}
    if action not in endings:
        raise NotPossible(f"{action!r} is none of {', '.join(ACTIONS)}")
    return End(endings[action], actor, reason)
