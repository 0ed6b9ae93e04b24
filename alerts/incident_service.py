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
from dataclasses import replace
from functools import partial

from alerts.allow_rules.rule import AllowRule, AllowRules
from alerts.briefs.brief import Brief, brief_of
from alerts.briefs.trust import trust_of
from alerts.changes.change_event import RecordedChange
from alerts.errors import BadRecord, NotPossible, Unavailable
from alerts.faults import DELIVERIES, INCIDENTS, POSTS, ROWS, Faults
from alerts.incidents.codec import incident_to_json
from alerts.incidents.identity import LIVE, PIPELINE, Place
from alerts.incidents.incident import PENDING, RECOVERING, Incident
from alerts.incidents.intake import read_finding
from alerts.metrics import Metrics
from alerts.notify.protocol import Delivery
from alerts.repository.incidents import dedup_key
from alerts.silences.silence import MAX_SILENCES, Silence, Silences
from alerts.state.actions import entry_of, event_of, silence_entry
from alerts.state.allowed_hits import without_allowed
from alerts.state.detector_controls import deciding
from alerts.state.incident_state import Change, IncidentState
from alerts.state.isolation import Isolation
from alerts.state.pending_controls import Decisions
from alerts.state.policy_quiet import policy_scores, quieten, quieten_before
from alerts.state.ports import FAR_FUTURE_NS, Closed, Message, Post, Setup, Store
from detectors.finding import Finding
from detectors.internal_finding import SERVICE
from infra.clock import Clock

logger = logging.getLogger(__name__)

NOT_A_FINDING, DEFECT = "not_a_finding", "defect"
"""Kinds of dead letters: what cannot be read, and what our own code failed on."""


class IncidentService:
    """The incidents of this process. Every public method may be called from any thread.

    A finding or an incident that our own code fails on is set aside and noted in ``faults``: a finding is a
    dead letter then, an incident stays as it is until the next `load`. A defect that most meet is raised.
    """

    def __init__(
        self,
        setup: Setup,
        store: Store,
        post: Post,
        due: Callable[[Delivery, int, bool], None],
        clock: Clock,
        metrics: Metrics,
        faults: Faults | None = None,
    ) -> None:
        self._faults = faults or Faults(clock)
        self._isolated = Isolation(lambda: self._book, self._apply, self._commit, self._faults)
        self._setup = setup
        self._store = store
        self._post = post
        self._due = due
        self._clock = clock
        self._metrics = metrics
        self._lock = threading.RLock()
        self._book = IncidentState(setup.timing, route=setup.route)
        self._owner = False
        self._looks: dict[tuple[str, int], Closed] = {}
        self._recorded_anew = False
        self._decisions = Decisions(self._decide, self.find, setup.timing.undo_ns, clock)
        self._unposted: deque[Callable[[], None]] = deque()

    @property
    def is_writer(self) -> bool:
        """Whether this process has loaded what is stored and may change it."""
        return self._owner

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
            silences = self._store.silences().at(self._clock.now_ns())
            known, self._recorded_anew = self._book.recorded, True
            allowed = self._store.allow_rules()
            self._book = IncidentState(
                self._setup.timing, reversed(incidents), self._setup.route, silences, known, allowed
            )
            for incident in (i for i in incidents if i.is_open):
                with self._faults.isolate(INCIDENTS, incident.incident_id):
                    self._post_later(incident)
            for message in undelivered:
                with self._faults.isolate(DELIVERIES, message.incident.incident_id):
                    due = self._delivery(
                        message.incident, message.seq, message.kind, message.receiver, message.due_ns
                    )
                    self._due(due, message.attempts, message.done)
            self._decisions.load(self._store.decisions())
            self._metrics.set("silences", len(silences.in_force))
            self._count_open()
            self._owner = True
        logger.info("%d incidents loaded, %d messages in the outbox", len(incidents), len(undelivered))

    def apply(self, messages: Sequence[Message]) -> None:
        """Take messages of the log of findings, in order; what cannot be taken becomes a dead letter.

        Raises
        ------
        Unavailable
            If it cannot be stored (nothing has changed, or the first of them are done) or posted (it is done
            but for that); the same messages may be given again.
        Defect
            If most findings fail: it is not their fault.
        """
        with self._lock:
            found: list[tuple[Message, Finding]] = []
            letters: list[tuple[Message, str, str]] = []
            for message in messages:
                try:
                    found.append((message, read_finding(message.value)))
                except BadRecord as error:
                    letters.append((message, NOT_A_FINDING, str(error)))
            letters += [
                (message, DEFECT, f"a defect: {fault}") for message, fault in self._isolated.apply(found)
            ]
            for message, kind, reason in letters:
                source = message.source
                logger.warning("%s/%d/%d: %s", source.topic, source.partition, source.offset, reason)
                self._unposted.append(
                    partial(self._post.dead_letter, source, message.value, kind=kind, reason=reason)
                )
            self._post_all()
            self._metrics.add("findings", len(messages) - len(letters))
            self._metrics.add("dead_letters", len(letters))
            if messages:
                self._metrics.set("offset", messages[-1].source.offset)

    def _apply(self, draft: IncidentState, finding: Finding) -> list[Change]:
        return [*quieten_before(draft, finding, self._closed), *draft.apply(finding)]

    def elapse(self) -> None:
        """Let time pass: deadlines, and policy hits that stopped. Time is the end of the last closed tick.

        Without data there is no new time. What was found in a tick is said after: each look judges the last.

        Raises
        ------
        Unavailable
            If the store does not answer; nothing has changed.
        Defect
            If it fails for most incidents.
        """
        with self._lock:
            self._suppress()
            waiting = [i for i in self._book if i.state in (PENDING, RECOVERING) or i.hits.active]
            unconfirmed = [i for i in self._book if i.unconfirmed]
            now_of: dict[Place, int] = {}
            looks: dict[tuple[str, int], Closed] = {}
            quiet: dict[str, Closed] = {}
            for incident in (*(i for i in waiting if i.is_open), *unconfirmed):
                by_hits = incident.hits.active and incident.is_open
                after_ns = incident.hits.last_ns if by_hits else incident.since_ns
                look = (incident.incident_id, after_ns)
                with self._faults.isolate(INCIDENTS, incident.incident_id):
                    looks[look] = self._closed(incident, after_ns)
                seen = self._looks.get(look)
                if seen is not None:
                    now_of[incident.place] = max(now_of.get(incident.place, 0), seen.upto_ns)
                    quiet[incident.incident_id] = seen

            def pass_time(draft: IncidentState) -> list[Change]:
                over = [
                    quieten(draft, i, seen, seen.upto_ns)
                    for i in draft
                    if i.is_open and (seen := quiet.get(i.incident_id))
                ]
                return [
                    *(c for changes in over for c in changes),
                    *draft.elapse(lambda at: now_of.get(at, 0)),
                ]

            now_ns = self._clock.now_ns()
            self._isolated.advance(pass_time)
            self._isolated.advance(lambda draft: draft.remind(now_ns, self._setup.arrived))
            chosen = self._setup.policies, self._setup.arrival
            self._isolated.advance(lambda draft: draft.escalate(*chosen, now_ns))
            if self._recorded_anew:
                self._isolated.advance(lambda draft: draft.suspect())
                self._recorded_anew = False
            self._looks = looks
            self._decisions.elapse()
            self._post_all()

    def act(self, incident_id: str, action: str, actor: str, reason: str, role: str = "") -> Incident | None:
        """Do what a person asks; ``None`` if there is no such incident.

        ``role`` is what a sign-in gave that person, for the record.

        Raises
        ------
        NotPossible
            If the incident's state does not allow it.
        Unavailable
            If it cannot be stored; nothing has changed.
        """
        with self._lock:
            self._check_writer()
            known = self._book.get(incident_id)
            if known is None:
                return None
            self._decisions.check(known, action, self._book.silences.get(known.silence or ""))
            now_ns = self._wall_ns(known, self._clock.now_ns())
            change = self._book.draft().act(incident_id, event_of(action, actor, reason), now_ns)
            if change is None:
                return None
            self._commit([change])
            audit = entry_of(change.incident, action, actor, reason, self._clock.now_ns(), role)
            self._unposted.append(partial(self._post.action, incident_id, audit))
            self._decisions.acted(change.incident, action, actor, reason)
            self._metrics.add("actions", 1)
            logger.info("%s of incident %s", action, incident_id)
            self._try_to_post()
            return change.incident

    def record(self, changes: Sequence[RecordedChange]) -> None:
        """Keep what was recorded as changed; incidents name it from the next `elapse` on.

        Raises
        ------
        Unavailable
            If it cannot be stored; it is not remembered either, and may be recorded again.
        """
        with self._lock:
            self._store.store_changes(changes)
            self._book.recorded = self._book.recorded.with_(changes)
            self._recorded_anew = True

    def silence(self, silence: Silence) -> Silence:
        """Be silent about what a silence covers, from now on.

        Raises
        ------
        NotPossible
            If there are too many.
        Unavailable
            If it cannot be stored; nothing has changed.
        """
        with self._lock:
            self._check_writer()
            if sum(not s.origin for s in self._book.silences.in_force) >= MAX_SILENCES:
                raise NotPossible(f"there are {MAX_SILENCES} silences already: lift some")
            self._put_silence(silence)
            self._metrics.add("actions", 1)
            self._suppress_now()
            return silence

    def align_silences(self, changes: Callable[[Silences], Sequence[Silence]]) -> None:
        """Keep silences as others have them now; raises `Unavailable` if one cannot be stored."""
        with self._lock:
            for silence in changes(self._book.silences):
                self._put_silence(silence)

    def lift(self, silence_id: str, actor: str, reason: str, *, by_file: bool = False) -> Silence | None:
        """End a silence before its time; ``None`` if there is no such silence.

        ``by_file``: the file that it is of has it no more, so it is of none.

        Raises
        ------
        NotPossible
            If it has ended.
        Unavailable
            If it cannot be stored; nothing has changed.
        """
        with self._lock:
            self._check_writer()
            known = self._book.silences.get(silence_id)
            if known is None:
                return None
            if known.origin:
                raise NotPossible(f"silence {silence_id} was made in {known.origin}: expire it there")
            if not known.in_force:
                raise NotPossible(f"silence {silence_id} has ended: {known.ended_reason}")
            now_ns = self._clock.now_ns()
            of = "" if by_file else known.applied
            over = replace(known, ended_ns=now_ns, ended_by=actor, ended_reason=reason, applied=of)
            self._put_silence(over)
            self._metrics.add("actions", 1)
            self._suppress_now()
            return over

    def allow(self, rule: AllowRule) -> None:
        """Keep an allow rule as it is now; raises `Unavailable` if it cannot be stored."""
        with self._lock:
            self._check_writer()
            self._store.store_allow_rule(rule)
            self._book.allowed = self._book.allowed.with_(rule)
            self._metrics.add("actions", 1)

    def allow_rules(self) -> AllowRules:
        """Every allow rule that is known."""
        with self._lock:
            return self._book.allowed

    def silences(self) -> tuple[Silence, ...]:
        """Those in force, and those that ended lately; oldest first."""
        with self._lock:
            return self._book.silences.all

    def _put_silence(self, silence: Silence) -> None:
        """Once it is stored it is in force (or over), whatever becomes of the incidents' own histories."""
        self._store.store_silence(silence)
        self._book.silences = self._book.silences.with_(silence)
        entry = silence_entry(silence, self._clock.now_ns())
        self._unposted.append(partial(self._post.action, silence.silence_id, entry))
        self._metrics.set("silences", len(self._book.silences.in_force))
        logger.info("silence %s %s", silence.silence_id, "made" if silence.in_force else "ended")

    def _suppress(self) -> None:
        """Bring incidents in line with the silences in force."""
        now_ns = self._clock.now_ns()
        self._book.silences = self._book.silences.at(now_ns)
        for over in self._book.silences.over(now_ns):
            with self._faults.isolate(ROWS, over.silence_id):
                self._put_silence(over)
        self._isolated.advance(lambda draft: draft.suppress(lambda i: self._wall_ns(i, now_ns)))

    def _suppress_now(self) -> None:
        """`_hush`, unless the store is away meanwhile: then time does it (`elapse`)."""
        try:
            self._suppress()
        except Unavailable as error:
            logger.warning("silences take effect later: %s", error)
        self._try_to_post()

    def _try_to_post(self) -> None:
        try:
            self._post_all()
        except Unavailable as error:
            logger.warning("an action is stored and will be posted later: %s", error)

    def _wall_ns(self, incident: Incident, now_ns: int) -> int:
        """When what a person does happens: on the wall clock, but in a lineage whose time is another."""
        return now_ns if incident.place.lineage == LIVE else incident.clock_ns

    def _check_writer(self) -> None:
        if not self._owner:
            raise Unavailable("this process is not (or not yet) the one that writes incidents")

    def _decide(self, incident: Incident, actor: str, reason: str) -> None:
        """Have detection obey what a person decided by ending an incident."""
        with self._faults.isolate(INCIDENTS, incident.incident_id):
            for record in deciding(incident, actor, reason, self._setup.timing.tick_s):
                self._unposted.append(partial(self._post.control, record))

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
        trust = trust_of(incident, self._book, self._clock.now_ns())
        return brief_of(incident, kind=kind, links=self._setup.links, trust=trust)

    def _closed(self, incident: Incident, after_ns: int, before_ns: int = FAR_FUTURE_NS) -> Closed:
        if incident.place.service == SERVICE and incident.primary_finding.alert_kind == PIPELINE:
            # no ticks are closed of Lightship itself: what it states is on the wall clock
            return Closed(0, 0, self._clock.now_ns())
        seen = self._store.closed(incident.place, policy_scores(incident), after_ns, before_ns)
        seen = seen.to_its_end(after_ns, self._setup.timing.tick_s)
        return without_allowed(seen, self._store, self._book.allowed, incident, after_ns)

    def _commit(self, changes: list[Change]) -> None:
        """Store, merge, tell; what is to be posted waits for `_post_all`.

        What our own code can fail on is computed before anything is stored.
        """
        if not changes:
            return
        newest = {c.incident.incident_id: c.incident for c in changes}
        posts = [partial(self._post.incident, key, incident_to_json(i)) for key, i in newest.items()]
        rows = [row for change in changes for row in change.rows]
        now_ns = self._clock.now_ns()
        due = [
            self._delivery(row.incident, row.seq, row.notify, receiver, now_ns)
            for row in rows
            if row.notify
            for receiver in row.receivers
        ]
        self._store.store(changes, self.brief)
        self._book.merge(changes)
        self._unposted.extend(posts)
        self._metrics.add("transitions", len(rows))
        for delivery in due:
            self._due(delivery, 0, False)
        self._count_open()

    def _post_later(self, incident: Incident) -> None:
        self._unposted.append(partial(self._post.incident, incident.incident_id, incident_to_json(incident)))

    def _post_all(self) -> None:
        """Post what waits, in order; what cannot be posted now goes on waiting, what never can is dropped."""
        while self._unposted:
            with self._faults.isolate(POSTS):
                self._unposted[0]()
            self._unposted.popleft()

    def _delivery(self, incident: Incident, seq: int, kind: str, receiver: str, due_ns: int) -> Delivery:
        return Delivery(
            dedup_key=dedup_key(incident.incident_id, seq),
            tenant=incident.place.tenant,
            incident_id=incident.incident_id,
            seq=seq,
            receiver=receiver,
            kind=kind,
            brief=self.brief(incident, kind),
            place=incident.place,
            due_ns=due_ns,
            first_about=incident.first_about,
        )

    def _count_open(self) -> None:
        self._metrics.set("open", sum(i.is_open for i in self._book.all()))
