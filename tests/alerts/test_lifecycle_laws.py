"""Laws of incidents under any order of events: repeated and late statements, people, silences, restarts.

A sequence is drawn as bytes, two for each event. ``SEQUENCES`` of them are tried; a longer run is
``LIGHTSHIP_TEST_SEQUENCES=100000 pytest tests/alerts/test_lifecycle_laws.py --timeout=0``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.errors import NotPossible
from alerts.incidents import primary_finding
from alerts.incidents.events import Acknowledge, End, Event, Hold, Release, Reopen, Undo, Write
from alerts.incidents.grouping import newer
from alerts.incidents.identity import POLICY, Place, place_of, stated_ns
from alerts.incidents.incident import (
    BY_PEOPLE,
    DETECTOR,
    FIRING,
    OPEN,
    OVER,
    RECOVERING,
    RESOLVED,
    Incident,
    Transition,
)
from alerts.silences.silence import Silence, Silences
from alerts.state.incident_state import Change, IncidentState
from detectors.finding import Finding
from infra.clock import NS_PER_S, to_ns
from tests.alerts.invented import TIMING, at, lengths, overall, refusals, secret
from tests.at_length import examples

SEQUENCES = int(os.environ.get("LIGHTSHIP_TEST_SEQUENCES", "150"))
MIN = 60 * NS_PER_S
SILENT = {
    "alert_kind": "silence",
    "score": "volume",
    "slice": "all",
    "made_at": at("05:33"),
    "onset": at("05:31"),
    "onset_low": at("05:30"),
    "onset_high": at("05:33"),
}
LATER = {"made_at": at("09:20"), "onset": at("09:05"), "onset_low": at("09:00"), "onset_high": at("09:10")}
CAST: tuple[Finding, ...] = (
    refusals("f1"),
    overall("f2"),
    lengths("f3"),
    lengths("f4", service="billing-bot"),
    secret("h1"),
    secret("h2", made_at=at("04:09")),
    secret("h3", made_at=at("05:40")),
    secret("h4", made_at=at("09:40")),
    refusals("s1", **SILENT),
    refusals("z1", **LATER),
    refusals("f5", severity="ticket", slice="release=4", made_at=at("04:50"), onset=at("04:40")),
)
PATTERNS = ({"score": "refusal"}, {"service": "support-*"}, {"severity": "ticket"}, {"slice": "language=es"})


def statement(finding: Finding, stage: int, minutes: int) -> Finding:
    """The finding at a stage of its life: seen, confirmed, ended so long after it was made, withdrawn."""
    later = finding.made_at + timedelta(minutes=minutes)
    if stage == 0:
        return finding
    if stage == 1:
        return replace(finding, status="confirmed", made_at=finding.made_at + timedelta(minutes=1))
    if stage == 2:
        return replace(finding, status="confirmed", ended_at=later, made_at=later)
    return replace(finding, status="withdrawn", made_at=later)


class Lives:
    """Incidents through one sequence. ``disturbed``: with the restarts and lost drafts it asks for."""

    def __init__(self, *, disturbed: bool) -> None:
        self.disturbed = disturbed
        self.book = IncidentState(TIMING, route=lambda _: ("hook",))
        self.stored: dict[tuple[str, int], Transition] = {}
        self.log: list[Finding] = []
        self.stage = dict.fromkeys((f.finding_id for f in CAST), -1)
        self.newest: dict[str, Finding] = {}
        self.horizon: dict[Place, int] = {}
        self.wall_ns = to_ns(at("23:00"))
        self.made = 0

    def run(self, data: bytes) -> Lives:
        for what, how in zip(data[::2], data[1::2], strict=False):
            self.event(what, how)
            self.holds()
        return self

    def event(self, what: int, how: int) -> None:
        kind = what % 16
        if kind < 6:
            self.say(CAST[how % len(CAST)], how // len(CAST), what // 16)
        elif kind == 6 and self.log:
            self.read(self.log[how % len(self.log)])
        elif kind == 7:
            self.time(how * 5)
        elif kind == 8:
            self.commit(lambda draft: draft.elapse(lambda _: 0))  # no data, no time
        elif kind in (9, 10):
            self.person(how)
        elif kind == 11:
            self.silence(how)
        elif kind == 12:
            self.lift(how)
        elif kind == 13:
            self.wall_ns += how * MIN
            self.hush()
            self.commit(lambda draft: draft.remind(self.wall_ns))
        elif kind == 14 and self.disturbed:
            self.restart()
        elif kind == 15 and self.disturbed and self.log:
            self.book.draft().apply(self.log[how % len(self.log)])  # killed before it was stored

    def say(self, finding: Finding, how: int, minutes: int) -> None:
        """The next statement about a finding; what is over for a detector it never states again."""
        stage = self.stage[finding.finding_id]
        if stage < 2:
            stage = 0 if stage < 0 else min(3, stage + 1 + how % 3)
            self.stage[finding.finding_id] = stage
            self.log.append(statement(finding, stage, 10 + minutes * 20))
            self.read(self.log[-1])

    def read(self, finding: Finding) -> None:
        known = self.newest.get(finding.finding_id)
        if known is None or newer(known, finding):
            self.newest[finding.finding_id] = finding
        place = place_of(finding)
        shown = finding.onset_low if finding.alert_kind == "silence" else None
        shown_ns = stated_ns(finding) if shown is None else to_ns(shown)  # of silence until it began
        self.horizon[place] = max(self.horizon.get(place, 0), shown_ns)
        self.commit(lambda draft: draft.apply(finding))

    def time(self, minutes: int) -> None:
        """Ticks were closed, with traffic in them."""
        upto = to_ns(at("04:20")) + minutes * MIN
        for place in {i.place for i in self.book}:
            self.horizon[place] = max(self.horizon.get(place, 0), upto)
        quiet = [
            i
            for i in self.book
            if i.is_open and i.hits.active and upto - i.hits.last_ns >= self.book.timing.quiet_ns
        ]
        for incident in quiet:
            self.commit(partial(quieted, incident))
        self.commit(lambda draft: draft.elapse(lambda _: upto))

    def person(self, how: int) -> None:
        incidents = self.book.all()
        if not incidents:
            return
        incident = incidents[how % len(incidents)]
        events: tuple[Event, ...] = (
            Acknowledge("ana"),
            Write("bo", "hm"),
            Hold("ana", "postmortem"),
            Release("bo"),
            End("accepted", "ana", "meant so"),
            End("false_alarm", "bo", "load test"),
            End("fixed", "ana", "rolled back"),
            Acknowledge("bo"),
            Acknowledge("bo", over=True),
            Reopen("ana", "it is back"),
            Undo("bo"),
        )
        event = events[how // 4 % len(events)]
        try:
            change = self.book.draft().act(incident.incident_id, event, self.wall_ns)
        except NotPossible:
            return
        assert change is not None
        self.commit(lambda _: [change])

    def silence(self, how: int) -> None:
        self.made += 1
        silence = Silence(
            silence_id=f"q{self.made}",
            tenant="default",
            actor="ana",
            reason="deploy",
            made_ns=self.wall_ns,
            begins_ns=self.wall_ns + how % 3 * 7 * MIN,
            ends_ns=self.wall_ns + (how % 3 * 7 + 1 + how // 4) * MIN,
            begun=how % 3 == 0,
        )
        pattern = PATTERNS[how % len(PATTERNS)]
        self.book.silences = self.book.silences.with_(replace(silence, **pattern))  # type: ignore[arg-type]
        self.hush()

    def lift(self, how: int) -> None:
        in_force = self.book.silences.in_force
        if in_force:
            one = in_force[how % len(in_force)]
            over = replace(one, ended_ns=self.wall_ns, ended_by="bo", ended_reason="done")
            self.book.silences = self.book.silences.with_(over)
            self.hush()

    def hush(self) -> None:
        self.book.silences = self.book.silences.at(self.wall_ns)
        for over in self.book.silences.over(self.wall_ns):
            self.book.silences = self.book.silences.with_(over)
        self.commit(lambda draft: draft.suppress(lambda _: self.wall_ns))

    def restart(self) -> None:
        """What is stored is all there is."""
        silences = Silences(self.book.silences.all)
        newest = [self.book.get(i.incident_id) for i in self.book.all()]
        incidents = [i for i in reversed(newest) if i is not None]
        self.book = IncidentState(TIMING, incidents, lambda _: ("hook",), silences)

    def commit(self, change: Callable[[IncidentState], list[Change]]) -> None:
        changes = change(self.book.draft())
        for changed in changes:
            self.counted_well(changed.incident)
        for row in (r for c in changes for r in c.rows):
            key = (row.incident.incident_id, row.seq)
            assert key not in self.stored, "a line of history is written once"
            self.stored[key] = row
            if row.what == "resolved" and row.incident.ending == "recovered":
                self.recovered(row)
        self.book.merge(changes)

    def counted_well(self, after: Incident) -> None:
        """What a person judged counts no more hits: those that come later are told."""
        before = self.book.get(after.incident_id)
        if before is not None and before.ending in BY_PEOPLE:
            assert after.hits.count <= before.hits.count, "a leak hides behind an end"

    def recovered(self, row: Transition) -> None:
        """Never on missing data: time was seen to pass, with data, and the service is not silent."""
        incident = row.incident
        assert row.actor == DETECTOR
        assert (incident.evidence, incident.held_by) == ("ok", None)
        assert row.at_ns <= self.horizon[incident.place]
        judged = {f.finding_id for i in self.book if i.ending in BY_PEOPLE for f in i.findings}
        here = [f for f in self.active() if f.alert_kind == "silence" and place_of(f) == incident.place]
        here = [f for f in here if f.finding_id not in judged]
        assert not [f for f in here if f.onset_low is not None and to_ns(f.onset_low) < row.at_ns]

    def active(self) -> Iterator[Finding]:
        return (f for f in self.newest.values() if primary_finding.is_active(f))

    def holds(self) -> None:
        """What must be true after every event."""
        incidents = {i.incident_id: i for i in self.book}
        for finding in self.active():
            mine = [i for i in incidents.values() if finding.finding_id in {f.finding_id for f in i.findings}]
            assert len(mine) == 1, f"{finding.finding_id} is in {len(mine)} incidents"
            assert mine[0].is_open or mine[0].ending in BY_PEOPLE, "a breach is open, or a person ended it"
        hits = Counter(f.finding_id for f in self.newest.values() if f.alert_kind == POLICY)
        for finding_id in hits:
            assert any(finding_id in ids_of(i) for i in incidents.values())
        for incident in incidents.values():
            self.told_well(incident)

    def told_well(self, incident: Incident) -> None:
        rows = [self.stored[incident.incident_id, seq] for seq in range(1, incident.seq + 1)]
        alive, raised, reminded = False, 0, False
        for row in rows:
            assert row.receivers == (("hook",) if row.notify else ())
            if row.notify in ("opened", "reopened"):
                assert not alive, "told twice of one state"
                assert (row.notify == "opened") == (not any(r.notify for r in rows[: row.seq - 1]))
                alive, reminded = True, False
            elif row.notify == "reminder":
                assert alive
                assert not reminded, "one reminder"
                assert (row.incident.severity, row.incident.state) == ("page", FIRING)
                assert row.incident.acknowledged_by is row.incident.held_by is None
                reminded = True
            elif row.notify == "resolved":
                assert alive
                alive = False
            elif row.notify:
                assert alive
                raised += 1
            assert not (row.notify and row.incident.silence), "a silence tells nobody"
        assert raised <= 1, "severity rises once, from ticket to page"
        assert alive == (incident.heard not in ("", OVER))
        if incident.silence is None:
            assert alive == (incident.state in (FIRING, RECOVERING)), "people know what stands"
        covered = self.book.silences.covering(incident)
        if incident.state in OPEN:
            assert (covered is None) == (incident.silence is None)

    def ends_well(self) -> None:
        """When all silences are over people know of everything that is open, and of nothing else."""
        self.wall_ns += 2000 * MIN
        self.hush()
        assert not self.book.silences.in_force
        self.holds()
        assert all(i.silence is None for i in self.book)
        for again in (True, False):  # the first reading may show that a wait is over
            before = len(self.stored)
            for finding in self.log:
                self.read(finding)
            assert again or len(self.stored) == before, "a log read again tells nothing new"
            self.holds()
        assert all(i.ending is not None for i in self.book if i.state == RESOLVED)


def quieted(incident: Incident, draft: IncidentState) -> list[Change]:
    return [draft.end_quiet(incident, 500)]


def ids_of(incident: Incident) -> set[str]:
    return {f.finding_id for f in incident.findings} | set(incident.seen)


@settings(
    max_examples=examples(SEQUENCES),
    deadline=None,
    database=None,
    derandomize=SEQUENCES <= 1000,
    suppress_health_check=list(HealthCheck),
)
@given(st.binary(min_size=8, max_size=56))
def test_no_sequence_loses_a_breach_tells_twice_or_resolves_on_missing_data(data: bytes) -> None:
    lives = Lives(disturbed=True).run(data)
    plain = Lives(disturbed=False).run(data)
    assert lives.stored == plain.stored, "restarts and lost drafts change no line of history"
    lives.ends_well()
