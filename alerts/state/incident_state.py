"""All incidents that are still of interest, and what findings, people and time do to them. Pure.

A `Book` is changed through a draft: compute on the draft, store what it says, then merge. A draft that
cannot be stored is dropped and nothing has happened.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace

from alerts.allow_rules.rule import AllowRules
from alerts.briefs.words import statement
from alerts.changes.change_event import RecordedChanges
from alerts.errors import NotPossible
from alerts.incidents import grouping, multi_service, primary_finding
from alerts.incidents.escalation import Arrivals, Policies, may_escalate, next_level
from alerts.incidents.events import Elapsed, End, Event, Evidence, Raise, Remind, Reopen, Undo
from alerts.incidents.identity import POLICY, SILENCE, Place, incident_id, place_of, shown_ns, stated_ns
from alerts.incidents.incident import FIRING, RECOVERING, RESOLVED, Hits, Incident, Transition
from alerts.incidents.lifecycle import UNSUPPORTED, fresh, may_remind, record, step
from alerts.incidents.timing import Timing
from alerts.silences.silence import Silences
from detectors.finding import SEVERITIES, Finding
from infra.clock import NS_PER_S, to_ns

MAX_INCIDENTS = 20_000
"""Beyond so many the oldest resolved incidents leave memory; they stay in the store."""


@dataclass(frozen=True, slots=True)
class Change:
    """An incident after a change, and the lines its history gained (none: only what is known changed)."""

    incident: Incident
    rows: tuple[Transition, ...]


Arrived = Callable[[str], Mapping[str, int] | None]
"""When the newest message about an incident, by its id, arrived at each receiver (wall clock, ns).

``None``: it is not known, as of what is older than what is remembered of deliveries."""
Route = Callable[[Incident], tuple[str, ...]]
"""Names of the receivers that should hear of an incident as it stands."""


class IncidentState:
    """Incidents by id, with the ways to find them, the silences that cover some, and recorded changes."""

    def __init__(
        self,
        timing: Timing,
        incidents: Iterable[Incident] = (),
        route: Route = lambda _: (),
        silences: Silences = Silences(),  # noqa: B008 - it is never changed
        recorded: RecordedChanges = RecordedChanges(),  # noqa: B008 - nor is this
        allowed: AllowRules = AllowRules(),  # noqa: B008 - nor is this
    ) -> None:
        self.timing = timing
        self.silences = silences
        self.recorded = recorded
        self.allowed = allowed
        self._route = route
        self._incidents: MutableMapping[str, Incident] = {}
        self._places: MutableMapping[Place, tuple[str, ...]] = {}
        self._owners: MutableMapping[tuple[Place, str], str] = {}
        self._aside: set[str] = set()
        self._only: frozenset[str] | None = None
        for incident in incidents:
            self._put(incident)

    def draft(self, only: Iterable[str] | None = None) -> IncidentState:
        """A book that starts as this one and is changed alone; time passes for ``only`` these incidents."""
        out = IncidentState(self.timing, (), self._route, self.silences, self.recorded, self.allowed)
        out._incidents = ChainMap({}, self._incidents)
        out._places = ChainMap({}, self._places)
        out._owners = ChainMap({}, self._owners)
        out._aside, out._only = self._aside, None if only is None else frozenset(only)
        return out

    def set_aside(self, incident_id_: str) -> None:
        """Leave an incident as it is: no time passes for it, and no finding joins it."""
        self._aside.add(incident_id_)

    def merge(self, changes: Iterable[Change]) -> None:
        """Take over what a draft of this book changed, once it is stored."""
        for change in changes:
            self._put(change.incident)
        self._forget()

    def get(self, incident_id_: str) -> Incident | None:
        """An incident by id."""
        return self._incidents.get(incident_id_)

    def __iter__(self) -> Iterator[Incident]:
        """Those that are not set aside."""
        every, aside, only = list(self._incidents.items()), self._aside, self._only
        return iter([i for key, i in every if key not in aside and (only is None or key in only)])

    def all(self) -> list[Incident]:
        """Every incident, newest first."""
        return sorted(self._incidents.values(), key=lambda i: (-i.opened_ns, i.incident_id))

    def at(self, place: Place) -> list[Incident]:
        """Incidents of one place that are not set aside, oldest first."""
        return [self._incidents[key] for key in self._places.get(place, ()) if key not in self._aside]

    def _put(self, incident: Incident) -> None:
        key = incident.incident_id
        if key not in self._incidents:
            self._places[incident.place] = (*self._places.get(incident.place, ()), key)
        self._incidents[key] = incident
        for finding in incident.findings:
            self._owners.setdefault((incident.place, finding.finding_id), key)
        for finding_id in reversed(incident.seen):  # new ones are at the end
            if (incident.place, finding_id) in self._owners:
                break
            self._owners[incident.place, finding_id] = key

    def _forget(self) -> None:
        excess = len(self._incidents) - MAX_INCIDENTS
        if excess <= 0:
            return
        closed = [i for i in reversed(self.all()) if i.state == RESOLVED and i.held_by is None][:excess]
        for incident in closed:
            del self._incidents[incident.incident_id]
            left = tuple(k for k in self._places[incident.place] if k != incident.incident_id)
            self._places[incident.place] = left
        gone = {i.incident_id for i in closed}
        for key in [k for k, owner in self._owners.items() if owner in gone]:
            del self._owners[key]

    def apply(self, finding: Finding) -> list[Change]:
        """Take one message from the log of findings; a repeated or outdated one changes nothing."""
        now_ns = stated_ns(finding)
        place = place_of(finding)
        seen_ns = shown_ns(finding)
        changes = self._elapse(self.at(place), lambda _: seen_ns)
        fleet = multi_service.fleet_of(place)
        owner_id = self._owners.get((fleet, finding.finding_id)) or self._owners.get(
            (place, finding.finding_id)
        )
        owner = None if owner_id in self._aside else self._incidents.get(owner_id or "")
        if owner is not None:
            change = self._update(owner, finding, now_ns)
        elif not primary_finding.supports(finding):
            change = None  # taken back before anyone was told
        elif self.allowed.cover(finding):
            change = None  # a person said that it is no leak
        else:
            target = grouping.place_finding(finding, self.at(place), self.timing)
            target = target or multi_service.fleet_incident(finding, self.at(fleet), self.timing)
            if target is not None:
                change = self._join(target, finding, now_ns)
            else:
                change = self._open(finding, now_ns) if finding.severity != "info" else None
        if change is not None:
            changes.append(change)
            changes += self._supersede(finding, now_ns)
            changes += self._seeing(finding, now_ns) if finding.alert_kind == SILENCE else []
        return changes

    def _supersede(self, finding: Finding, now_ns: int) -> list[Change]:
        """A new finding about several services takes over the incidents of single ones that it explains."""
        reason = f"part of a change in several services: {statement(finding)}"
        end = End("superseded", reason=reason, finding=finding)
        mine = self._owners.get((place_of(finding), finding.finding_id), "")
        changes: list[Change] = []
        for single in multi_service.explained(finding, self, self.timing):
            changes.append(self._step(single, [end], now_ns))
            standing = filter(primary_finding.supports, single.findings)
            changes.extend(self._join(self._incidents[mine], found, now_ns) for found in standing)
        return changes

    def _seeing(self, finding: Finding, now_ns: int) -> list[Change]:
        """While a place is silent nothing recovers there; data coming back starts the wait anew."""
        place = place_of(finding)
        status = "no_data" if self._is_silent(place) else "ok"
        waiting = [
            i
            for i in self.at(place)
            if (i.state == RECOVERING or (i.evidence == "no_data" and i.is_open and not i.active))
            and i.evidence != status
        ]
        reason = f"{finding.service} {'sends nothing' if status == 'no_data' else 'sends again'}"
        return [self._step(i, [Evidence(status, reason=reason)], now_ns) for i in waiting]

    def _is_silent(self, place: Place) -> bool:
        """Whether a place is known to send nothing."""
        found = (f for i in self.at(place) if i.is_open for f in i.findings)
        return any(f.alert_kind == SILENCE and primary_finding.is_active(f) for f in found)

    def act(self, incident_id_: str, event: Event, now_ns: int) -> Change | None:
        """What a person does; ``None`` if there is no such incident.

        Raises
        ------
        NotPossible
            If the state does not allow it.
        """
        incident = self._incidents.get(incident_id_)
        if incident is None:
            return None
        if isinstance(event, Reopen) and not incident.supported:
            raise NotPossible(f"incident {incident_id_} cannot be opened again: {UNSUPPORTED}")
        change = self._step(incident, [event], now_ns)
        if isinstance(event, Reopen | Undo) and change.incident.is_open:
            after = self._measured(change.incident)  # on the clock of its lineage, which people do not move
            return self._done(after.incident, (*change.rows, *after.rows))
        return change

    def _measured(self, incident: Incident) -> Change:
        """Have an incident that is open again know what is measured now."""
        unseen = "no_data" if self._is_silent(incident.place) else "ok"
        status = "breach" if incident.active else unseen
        return self._step(incident, [Evidence(status, reason="as measured now")], incident.clock_ns)

    def suppress(self, now_of: Callable[[Incident], int]) -> list[Change]:
        """Cover what a silence covers, and tell of what none covers any more; ``now_of`` stamps it."""
        mine = [i for i in self if i.is_open or i.silence is not None]
        changes = [self._step(i, [], now_of(i)) for i in mine]
        return [change for change in changes if change.rows]

    def suspect(self) -> list[Change]:
        """Name what was recorded since an open incident was last looked at; no history is written."""
        late = [i for i in self if i.is_open and self.recorded.near(i) != i.recorded]
        return [self._done(self._changed(i), ()) for i in late]

    def remind(self, now_ns: int, arrived: Arrived = lambda _: None) -> list[Change]:
        """Tell once more what nobody has taken; ``now_ns`` is the time on the wall.

        The wait counts from when the page arrived. One that has arrived nowhere is not repeated, nor is it
        where it arrived much later than elsewhere.
        """
        waiting = [(i, arrived(i.incident_id)) for i in self if i.is_open and may_remind(i, self.timing)]
        changes = [
            (i, self._step(i, [_reminder(times, now_ns, self.timing)], now_ns))
            for i, times in waiting
            if times is None or times
        ]
        return [change for i, change in changes if change.incident.revision > i.revision]

    def escalate(self, policies: Policies, arrivals: Arrivals, now_ns: int) -> list[Change]:
        """Tell levels of policies whose time has come; ``now_ns`` is the time on the wall."""
        changes: list[Change] = []
        for waiting in [i for i in self if may_escalate(i)]:
            chosen, current = policies(waiting), waiting
            if chosen and waiting.asked_ns is None:  # the first look begins the wait
                changes.append(self._done(self._changed(waiting, asked_ns=now_ns), ()))
                current = changes[-1].incident
            for policy in chosen:
                due = next_level(current, policy, arrivals, now_ns)
                if due is not None:
                    changes.append(self._step(current, [due], now_ns))
                    current = changes[-1].incident
        return changes

    def end_quiet(self, incident: Incident, interactions: int) -> Change:
        """Policy hits have stopped: there was none for the quiet time among so many interactions."""
        hits = incident.hits
        at_ns = hits.last_ns + self.timing.quiet_ns
        known = self._changed(incident, hits=replace(hits, quiet_ns=at_ns))
        reason = f"no hit for {self.timing.quiet_s / 60:.0f} min in {interactions:,} interactions"
        if known.active:
            return self._done(known, ())
        status = "no_data" if self._is_silent(known.place) else "ok"
        return self._step(known, [Evidence(status, reason=reason)], at_ns)

    def elapse(self, now_of: Callable[[Place], int]) -> list[Change]:
        """Let deadlines take effect; ``now_of`` tells the time of a place's lineage."""
        return self._elapse([i for i in self if i.is_open or i.unconfirmed], now_of)

    def _elapse(self, incidents: Iterable[Incident], now_of: Callable[[Place], int]) -> list[Change]:
        changes = []
        for incident in list(incidents):
            if incident.is_open or incident.unconfirmed:
                change = self._step(incident, [Elapsed()], now_of(incident.place))
                changes += [change] if change.rows else []
        return changes

    def _open(self, finding: Finding, now_ns: int) -> Change | None:
        again = 0
        while incident_id(finding, self.timing.tick_s, again) in self._incidents:
            again += 1
        incident = fresh(finding, self.timing, again)
        if finding.alert_kind == POLICY:
            incident = self._changed(incident, hits=_hit(incident, finding))
        if not incident.active:
            return None  # over before it was stated: nothing to act on
        status = "no_data" if finding.alert_kind == SILENCE else "breach"
        return self._step(incident, [Evidence(status, finding)], now_ns)

    def _join(self, incident: Incident, finding: Finding, now_ns: int) -> Change:
        rows: list[Transition] = []
        counted = finding.alert_kind == POLICY and any(
            f.alert_kind == POLICY
            and (f.unit, f.score, f.slice) == (finding.unit, finding.score, finding.slice)
            for f in incident.findings
        )
        if finding.alert_kind == POLICY:
            incident = self._changed(incident, hits=_hit(incident, finding))
        if counted:
            incident = self._changed(incident, seen=grouping.remember(incident.seen, finding.finding_id))
        else:
            findings, dropped = grouping.keep(incident.findings, finding)
            incident = self._changed(incident, findings=findings, clock_ns=max(incident.clock_ns, now_ns))
            if dropped is not None:
                seen = grouping.remember(incident.seen, dropped.finding_id)
                incident = self._changed(incident, seen=seen, beyond=incident.beyond + 1)
            if dropped is not finding:
                incident, row = record(incident, "joined", statement(finding), finding)
                rows.append(self._notify_joined(incident, row, finding))
        return self._done_after(incident, finding, now_ns, rows)

    def _notify_joined(self, incident: Incident, row: Transition, finding: Finding) -> Transition:
        """A service, score or kind that joins may have people of its own, who hear of it once.

        Those that make it graver are told by that (`Raise`).
        """
        graver = SEVERITIES.index(finding.severity) < SEVERITIES.index(incident.severity)
        if graver or not incident.is_open or incident.fired_ns is None or incident.silence is not None:
            return row
        return self._to_new(row)

    def _to_new(self, row: Transition) -> Transition:
        """Tell those who should hear of the incident and have not."""
        new = tuple(r for r in self._route(row.incident) if r not in row.incident.told)
        return replace(row, notify="opened", receivers=new) if new else row

    def _update(self, incident: Incident, finding: Finding, now_ns: int) -> Change | None:
        old = next((f for f in incident.findings if f.finding_id == finding.finding_id), None)
        over = finding.alert_kind == POLICY and finding.ended_at is not None
        if old is None and not over:
            return None  # one that is only counted
        rows: list[Transition] = []
        if old is not None:
            if not grouping.newer(old, finding):
                return None
            findings = tuple(finding if f is old else f for f in incident.findings)
            incident = self._changed(incident, findings=findings, clock_ns=max(incident.clock_ns, now_ns))
            if (old.status, old.ended_at) != (finding.status, finding.ended_at):
                what = "updated" if primary_finding.supports(finding) else "withdrawn"
                incident, row = record(incident, what, statement(finding), finding)
                rows.append(row)
            if finding.alert_kind == POLICY and not primary_finding.supports(finding):
                hits = replace(incident.hits, count=max(0, incident.hits.count - max(1, old.n or 1)))
                incident = self._changed(incident, hits=hits)
        if over and finding.ended_at is not None:
            hits = replace(incident.hits, quiet_ns=max(to_ns(finding.ended_at), incident.hits.quiet_ns or 0))
            incident = self._changed(incident, hits=hits)
        return self._done_after(incident, finding, now_ns, rows)

    def _done_after(
        self, incident: Incident, finding: Finding, now_ns: int, rows: list[Transition]
    ) -> Change:
        """Draw the consequences of a finding that was taken in."""
        events: list[Event] = []
        graver = SEVERITIES.index(finding.severity) < SEVERITIES.index(incident.severity)
        if primary_finding.supports(finding) and graver:
            events.append(Raise(finding.severity, finding))
        unseen = "no_data" if self._is_silent(incident.place) else "ok"
        status = "breach" if incident.supported and incident.active else unseen
        events.append(Evidence(status, finding, statement(finding)))
        change = self._step(incident, events, now_ns)
        return self._done(change.incident, (*rows, *change.rows))

    def _step(self, incident: Incident, events: list[Event], now_ns: int) -> Change:
        """Apply events; a silence that covers the incident does so before them, one that ends after them."""
        rows: list[Transition] = []
        current = incident
        for event in (*self.silences.before(current, events), *events):
            after, more = step(current, event, now_ns, self.timing)
            current = after or current
            rows += more
        for event in self.silences.after(current):
            after, more = step(current, event, now_ns, self.timing)
            current = after or current
            rows += [self._notify_unsilenced(row) for row in more]
        return self._done(current, tuple(rows))

    def _notify_unsilenced(self, row: Transition) -> Transition:
        """Who joined it while it was silenced, and would not hear of it otherwise, does now."""
        if row.what != "unsilenced" or row.notify or row.incident.state not in (FIRING, RECOVERING):
            return row
        return self._to_new(row)

    def _done(self, incident: Incident, rows: tuple[Transition, ...]) -> Change:
        """Address the rows that tell people, and keep the incident."""
        told = incident.told
        near = self.recorded.near(incident) if incident.is_open else incident.recorded
        addressed = []
        for row in rows:
            receivers = row.receivers
            if row.notify and not receivers:
                routed = self._route(row.incident)
                # whoever was told of it hears how it goes on
                receivers = tuple(dict.fromkeys(routed if row.notify == "opened" else (*told, *routed)))
            told = tuple(dict.fromkeys((*told, *receivers)))
            addressed.append(
                replace(row, receivers=receivers, incident=replace(row.incident, told=told, recorded=near))
            )
        incident = replace(incident, told=told, recorded=near)
        self._put(incident)
        return Change(incident, tuple(addressed))

    def _changed(self, incident: Incident, **changes: object) -> Incident:
        apply: Callable[..., Incident] = replace
        return apply(incident, revision=incident.revision + 1, **changes)


def _reminder(arrived: Mapping[str, int] | None, now_ns: int, timing: Timing) -> Remind:
    """The event that has people reminded who have had a page for long enough, give or take a minute."""
    if arrived is None:
        return Remind()
    slack_ns = min(60 * NS_PER_S, timing.remind_ns // 2)
    long_enough = [r for r, at_ns in arrived.items() if now_ns - at_ns >= timing.remind_ns - slack_ns]
    return Remind(min(arrived.values()), tuple(long_enough))


def _hit(incident: Incident, finding: Finding) -> Hits:
    """Hits with those of one more finding."""
    at, hits = to_ns(finding.made_at), incident.hits
    n = max(1, finding.n or 1)
    first = min(hits.first_ns, at) if hits.count else at
    quiet = hits.quiet_ns if finding.ended_at is None else to_ns(finding.ended_at)
    return Hits(hits.count + n, first, max(hits.last_ns, at), quiet)
