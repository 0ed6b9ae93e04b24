"""The state machine: every edge of the diagram, and what no sequence of events may break."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alerts.errors import NotPossible
from alerts.incidents.events import (
    Acknowledge,
    Elapsed,
    End,
    Event,
    Evidence,
    Hold,
    Raise,
    Release,
    Remind,
    Silenced,
    Unsilenced,
    Write,
)
from alerts.incidents.incident import (
    FIRING,
    OK,
    OPEN,
    PENDING,
    RECOVERING,
    REOPENABLE,
    RESOLVED,
    Incident,
    Transition,
)
from alerts.incidents.lifecycle import fresh, step
from alerts.incidents.timing import Timing
from infra.clock import NS_PER_S, to_ns
from tests.alerts.invented import refusals

START = to_ns(refusals().made_at)
MIN = 60 * NS_PER_S
QUICK = Timing(keep_firing_s=0)
SLOW = Timing(hold_s=300, keep_firing_s=600, reopen_s=3600)


def run(timing: Timing, *events: tuple[Event, float]) -> tuple[Incident, list[Transition]]:
    """Apply events at minutes after the start."""
    incident: Incident | None = None
    rows: list[Transition] = []
    for event, minute in events:
        incident, more = step(incident, event, START + int(minute * MIN), timing)
        rows += more
    assert incident is not None
    return incident, rows


def breach() -> Evidence:
    return Evidence("breach", refusals())


def test_a_breach_fires_at_once_without_a_hold() -> None:
    incident, rows = run(QUICK, (breach(), 0))
    assert incident.state == FIRING
    assert [(r.what, r.notify) for r in rows] == [("opened", ""), ("fired", "opened")]
    assert incident.fired_ns == START


def test_with_a_hold_it_fires_at_the_deadline_however_late_that_is_noticed() -> None:
    incident, rows = run(SLOW, (breach(), 0), (Elapsed(), 4), (Elapsed(), 47))
    assert incident.state == FIRING
    assert rows[-1].at_ns == incident.fired_ns == START + 5 * MIN


def test_what_clears_within_the_hold_tells_nobody() -> None:
    incident, rows = run(SLOW, (breach(), 0), (Evidence("ok"), 4), (Elapsed(), 60))
    assert incident.state == OK
    assert not any(r.notify for r in rows)


@pytest.mark.parametrize("status", ["no_data", "error"])
def test_missing_data_and_errors_are_held_like_a_breach(status: str) -> None:
    begun = Evidence(status, refusals())
    held, _ = run(SLOW, (begun, 0), (Elapsed(), 4))
    assert held.state == PENDING
    fired, _ = run(SLOW, (begun, 0), (Elapsed(), 5))
    assert fired.state == FIRING


def test_recovery_takes_the_keep_firing_time() -> None:
    incident, rows = run(SLOW, (breach(), 0), (Elapsed(), 5), (Evidence("ok"), 20), (Elapsed(), 29))
    assert incident.state == RECOVERING
    after, more = step(incident, Elapsed(), START + 90 * MIN, SLOW)
    assert after is not None
    assert (after.state, after.ending, after.resolved_ns) == (RESOLVED, "recovered", START + 30 * MIN)
    assert [r.notify for r in (*rows, *more) if r.notify] == ["opened", "resolved"]


def test_a_relapse_is_not_told_again() -> None:
    incident, rows = run(SLOW, (breach(), 0), (Elapsed(), 5), (Evidence("ok"), 20), (Evidence("breach"), 25))
    assert incident.state == FIRING
    assert [r.notify for r in rows if r.notify] == ["opened"]


def test_missing_data_stops_the_recovery_and_data_starts_the_wait_anew() -> None:
    begun = [(breach(), 0), (Evidence("ok"), 20), (Evidence("no_data"), 25)]
    dark, _ = run(SLOW, *begun, (Elapsed(), 600))
    assert (dark.state, dark.evidence) == (RECOVERING, "no_data")
    waiting, _ = run(SLOW, *begun, (Evidence("ok"), 600), (Elapsed(), 609))
    assert waiting.state == RECOVERING
    over, _ = run(SLOW, *begun, (Evidence("ok"), 600), (Elapsed(), 610))
    assert over.state == RESOLVED


def test_a_breach_in_the_reopen_window_is_the_same_incident_and_needs_a_new_look() -> None:
    incident, rows = run(
        QUICK,
        (breach(), 0),
        (Acknowledge("ana"), 5),
        (Evidence("ok"), 20),
        (Evidence("breach"), 80),
    )
    assert (incident.state, incident.reopened, incident.ending, incident.acknowledged_by) == (
        FIRING,
        1,
        None,
        None,
    )
    assert [r.notify for r in rows if r.notify] == ["opened", "resolved", "reopened"]


def test_after_the_reopen_window_a_breach_does_nothing_to_it() -> None:
    incident, _ = run(QUICK, (breach(), 0), (Evidence("ok"), 20), (Evidence("breach"), 80.1))
    assert incident.state == RESOLVED


@pytest.mark.parametrize("ending", ["accepted", "superseded", "false_alarm"])
def test_what_a_person_ended_stays_ended(ending: str) -> None:
    incident, rows = run(QUICK, (breach(), 0), (End(ending, "ana", "why"), 5), (Evidence("breach"), 6))
    assert (incident.state, incident.ending) == (RESOLVED, ending)
    assert (rows[-1].actor, rows[-1].reason) == ("ana", "why")


def test_a_recovered_incident_can_still_be_called_a_false_alarm_but_not_accepted() -> None:
    over = [(breach(), 0), (Evidence("ok"), 20)]
    incident, rows = run(QUICK, *over, (End("false_alarm", "ana", "holiday"), 30))
    assert (incident.ending, incident.resolved_ns) == ("false_alarm", START + 20 * MIN)
    assert rows[-1].notify == ""
    with pytest.raises(NotPossible, match="recovered"):
        run(QUICK, *over, (End("accepted", "ana", ""), 30))


def test_acknowledging_twice_is_once() -> None:
    incident, rows = run(QUICK, (breach(), 0), (Acknowledge("ana"), 1), (Acknowledge("ana"), 2))
    assert incident.acknowledged_ns == START + MIN
    assert [r.what for r in rows].count("acknowledged") == 1


def test_severity_rises_in_place_and_is_told_once() -> None:
    ticket = Evidence("breach", refusals(severity="ticket"))
    incident, rows = run(QUICK, (ticket, 0), (Raise("page"), 5), (Raise("page"), 6), (Raise("ticket"), 7))
    assert incident.severity == "page"
    assert [r.notify for r in rows if r.notify] == ["opened", "raised"]


def test_a_rise_within_the_hold_is_told_with_the_opening() -> None:
    ticket = Evidence("breach", refusals(severity="ticket"))
    incident, rows = run(SLOW, (ticket, 0), (Raise("page"), 2), (Elapsed(), 5))
    assert [r.notify for r in rows if r.notify] == ["opened"]
    assert rows[-1].incident.severity == incident.severity == "page"


def test_a_person_who_acts_lets_no_time_pass_for_what_is_measured() -> None:
    """Traffic stopped while it recovered: hours later nobody knows whether it is over."""
    begun: list[tuple[Event, float]] = [(breach(), 0), (Elapsed(), 5), (Evidence("ok"), 20)]
    people: tuple[Event, ...] = (Acknowledge("ana"), Write("ana", "still looking"), Hold("ana"))
    for event in people:
        incident, rows = run(SLOW, *begun, (event, 600), (Evidence("ok"), 21))
        assert (incident.state, incident.clock_ns) == (RECOVERING, START + 21 * MIN)
        assert rows[-1].at_ns == START + 600 * MIN


def test_what_is_held_ends_by_a_persons_word_alone() -> None:
    begun: list[tuple[Event, float]] = [
        (breach(), 0),
        (Elapsed(), 5),
        (Hold("ana", "the postmortem"), 6),
    ]
    waiting, rows = run(SLOW, *begun, (Evidence("ok"), 20), (Elapsed(), 600), (Hold("ana"), 601))
    assert (waiting.state, waiting.held_by) == (RECOVERING, "ana")
    assert [r.what for r in rows].count("held") == 1
    taken_back, rows = run(SLOW, *begun, (End("withdrawn"), 20), (Elapsed(), 600))
    assert (taken_back.state, rows[-1].what) == (RECOVERING, "recovering")
    ended, rows = run(SLOW, *begun, (End("accepted", "bo", "as planned"), 20))
    assert (ended.state, ended.held_by) == (RESOLVED, "ana")  # what it rests on is kept until it is let go
    let_go, _ = run(SLOW, *begun, (End("accepted", "bo", "as planned"), 20), (Release("ana"), 30))
    assert (let_go.state, let_go.ending, let_go.held_by) == (RESOLVED, "accepted", None)
    assert [r.notify for r in rows if r.notify] == ["opened", "resolved"]


def test_what_is_let_go_waits_anew_to_recover() -> None:
    begun: list[tuple[Event, float]] = [
        (breach(), 0),
        (Elapsed(), 5),
        (Hold("ana"), 6),
        (Evidence("ok"), 20),
        (Elapsed(), 60),
    ]
    waiting, _ = run(SLOW, *begun, (Release("ana"), 61), (Elapsed(), 69))
    assert (waiting.state, waiting.held_by) == (RECOVERING, None)
    over, _ = run(SLOW, *begun, (Release("ana"), 61), (Elapsed(), 71))
    assert (over.state, over.ending) == (RESOLVED, "recovered")


def test_what_is_not_held_cannot_be_let_go_and_what_is_over_can_still_be_kept() -> None:
    with pytest.raises(NotPossible, match="is not held"):
        run(SLOW, (breach(), 0), (Elapsed(), 5), (Release("ana"), 6))
    kept, rows = run(QUICK, (breach(), 0), (Evidence("ok"), 5), (Hold("ana"), 6))
    assert (kept.state, kept.held_by, rows[-1].notify) == (RESOLVED, "ana", "")
    with pytest.raises(NotPossible, match="only one that people hear of"):
        run(SLOW, (breach(), 0), (Hold("ana"), 1))


TICKET = Evidence("breach", refusals(severity="ticket"))


@pytest.mark.parametrize(
    ("events", "told"),
    [
        # nobody heard of it: it opens when the silence ends
        ([Silenced("s"), TICKET, Unsilenced()], ["opened"]),
        ([Silenced("s"), TICKET, Evidence("ok"), Unsilenced()], []),  # over before anyone could hear
        ([Silenced("s"), TICKET, Raise("page"), Unsilenced(), Raise("page")], ["opened"]),
        # heard of: what has become of it since
        ([TICKET, Silenced("s"), Unsilenced()], ["opened"]),
        ([TICKET, Silenced("s"), Raise("page"), Unsilenced()], ["opened", "raised"]),
        ([TICKET, Silenced("s"), Evidence("ok"), Unsilenced()], ["opened", "resolved"]),
        ([TICKET, Silenced("s"), Evidence("ok"), Evidence("breach"), Unsilenced()], ["opened"]),
        # heard of its end
        ([TICKET, Evidence("ok"), Silenced("s"), Evidence("breach"), Unsilenced()],
         ["opened", "resolved", "reopened"]),
        ([TICKET, Evidence("ok"), Silenced("s"), Evidence("breach"), Evidence("ok"), Unsilenced()],
         ["opened", "resolved"]),
        # opened and ended in silence, and back after it: the first that people hear
        ([Silenced("s"), TICKET, Evidence("ok"), Unsilenced(), Evidence("breach")], ["opened"]),
        ([Silenced("s"), TICKET, Silenced("t"), Silenced("t"), Unsilenced(), Unsilenced()], ["opened"]),
    ],
)  # fmt: skip
def test_after_a_silence_people_hear_once_what_has_come_of_it(events: list[Event], told: list[str]) -> None:
    incident = fresh(refusals(severity="ticket"), QUICK)
    rows: list[Transition] = []
    for k, event in enumerate(events):
        after, more = step(incident, event, START + k * MIN, QUICK)
        assert after is not None
        incident, rows = after, [*rows, *more]
    assert [r.notify for r in rows if r.notify] == told


def test_what_came_back_must_be_calm_for_longer() -> None:
    timing = Timing(keep_firing_s=600, reopen_s=4 * 3600)
    once: list[tuple[Event, float]] = [
        (breach(), 0.0),
        (Evidence("ok"), 20.0),
        (Elapsed(), 30.0),
        (breach(), 100.0),
        (Evidence("ok"), 120.0),
    ]
    assert [run(timing, *once, (Elapsed(), m))[0].state for m in (130.0, 359.0, 360.0)] == [
        RECOVERING,
        RECOVERING,
        RESOLVED,
    ]
    again: list[tuple[Event, float]] = [*once, (Elapsed(), 360.0), (breach(), 400.0), (Evidence("ok"), 420.0)]
    assert run(timing, *again, (Elapsed(), 420.0 + 24 * 60 - 1))[0].state == RECOVERING
    assert run(timing, *again, (Elapsed(), 420.0 + 24 * 60))[0].state == RESOLVED


def told(timing: Timing, *events: tuple[Event, float]) -> list[tuple[str, float]]:
    """What people heard, and how many minutes after the start."""
    return [(r.notify, (r.at_ns - START) / MIN) for r in run(timing, *events)[1] if r.notify]


def test_a_page_that_nobody_takes_is_told_once_more() -> None:
    at = [(Remind(), float(minute)) for minute in (10, 29, 31, 90, 900)]
    assert told(SLOW, (Evidence("breach", refusals()), 0), (Elapsed(), 5), *at) == [
        ("opened", 5.0),
        ("reminder", 90.0),
    ]
    taken = (Acknowledge("ana"), 20.0)
    assert told(QUICK, (breach(), 0), taken, *at) == [("opened", 0.0)]
    assert told(replace(QUICK, remind_s=0), (breach(), 0), *at) == [("opened", 0.0)]
    assert told(QUICK, (Evidence("breach", refusals(severity="ticket")), 0), *at) == [("opened", 0.0)]
    assert told(QUICK, (Evidence("breach", refusals(lineage="demo-1")), 0), *at) == [("opened", 0.0)]


def test_what_comes_back_may_be_reminded_of_again_and_what_recovers_is_not() -> None:
    events: list[tuple[Event, float]] = [
        (breach(), 0.0),
        (Remind(), 0.0),
        (Remind(), 30.0),
        (Evidence("ok"), 40.0),
        (Remind(), 45.0),
        (Elapsed(), 60.0),
        (breach(), 70.0),
        (Remind(), 70.0),
        (Remind(), 99.0),
        (Remind(), 100.0),
    ]
    assert told(replace(SLOW, hold_s=0), *events) == [
        ("opened", 0.0),
        ("reminder", 30.0),
        ("resolved", 50.0),
        ("reopened", 70.0),
        ("reminder", 100.0),
    ]


def test_nothing_but_a_breach_starts_an_incident() -> None:
    for event in (
        Evidence("ok", refusals()),
        Elapsed(),
        Acknowledge("ana"),
        End("withdrawn"),
        Write("a", "b"),
    ):
        assert step(None, event, START, QUICK) == (None, ())


class Life(RuleBasedStateMachine):
    """Any order of events, with time that sometimes jumps back."""

    def __init__(self) -> None:
        super().__init__()
        self.timing = Timing(hold_s=120, keep_firing_s=300, reopen_s=900)
        incident, rows = step(None, breach(), START, self.timing)
        assert incident is not None
        self.incident: Incident = incident
        self.rows = list(rows)
        self.now = START

    def apply(self, event: Event) -> tuple[Incident, tuple[Transition, ...]]:
        before = self.incident
        try:
            after, rows = step(before, event, self.now, self.timing)
        except NotPossible:
            assert isinstance(event, End | Acknowledge | Hold | Release)
            return before, ()
        assert after is not None
        self.incident = after
        self.rows += rows
        return before, rows

    @rule(seconds=st.integers(-600, 1200))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * NS_PER_S
        self.apply(Elapsed())

    @rule(status=st.sampled_from(["ok", "breach", "no_data", "error"]))
    def evidence(self, status: str) -> None:
        before, rows = self.apply(Evidence(status))
        assert self.incident.state != RESOLVED or before.held_by is None or before.state == RESOLVED
        if status in ("no_data", "error"):
            own = [r for r in rows if r.incident.evidence == status]
            assert not any(r.incident.state == RESOLVED for r in own)
        if before.state == RESOLVED and before.ending not in REOPENABLE:
            assert self.incident.state == RESOLVED

    @rule(ending=st.sampled_from(["withdrawn", "accepted", "superseded", "false_alarm"]))
    def ends(self, ending: str) -> None:
        self.apply(End(ending, "ana", "because"))

    @rule(actor=st.sampled_from(["ana", "bo"]))
    def acknowledged(self, actor: str) -> None:
        self.apply(Acknowledge(actor))

    @rule(event=st.sampled_from([Hold("ana"), Release("bo"), Write("bo", "hm")]))
    def people(self, event: Event) -> None:
        before, _ = self.apply(event)
        assert (self.incident.state, self.incident.clock_ns) == (before.state, before.clock_ns)

    @rule(silence=st.sampled_from(["s", "t", ""]))
    def silence(self, silence: str) -> None:
        before, rows = self.apply(Silenced(silence) if silence else Unsilenced())
        assert self.incident.state == before.state
        assert not (silence and any(r.notify for r in rows))

    @rule(severity=st.sampled_from(["page", "ticket"]))
    def raised(self, severity: str) -> None:
        before, _ = self.apply(Raise(severity))
        assert not (before.severity == "page" and self.incident.severity == "ticket")

    @rule()
    def the_same_again(self) -> None:
        """Time that stands still changes nothing twice."""
        self.apply(Elapsed())
        _, rows = self.apply(Elapsed())
        assert rows == ()

    @invariant()
    def history_is_gapless_and_says_what_is(self) -> None:
        assert [r.seq for r in self.rows] == list(range(1, self.incident.seq + 1))
        assert replace(self.rows[-1].incident, clock_ns=0) == replace(self.incident, clock_ns=0)

    @invariant()
    def an_ending_and_only_an_ending_resolves(self) -> None:
        assert (self.incident.ending is not None) == (self.incident.state == RESOLVED)
        assert (self.incident.resolved_ns is not None) == (self.incident.state == RESOLVED)

    @invariant()
    def people_hear_of_an_opening_before_anything_else_and_of_its_end_once(self) -> None:
        told = [r.notify for r in self.rows if r.notify]
        if told:
            assert told[0] == "opened"
        assert told.count("opened") <= 1
        alive = False
        for word in told:
            if word in ("opened", "reopened"):
                assert not alive
                alive = True
            elif word == "resolved":
                assert alive
                alive = False
            else:
                assert alive
        if self.incident.silence is None:
            assert alive == (self.incident.state in (FIRING, RECOVERING))

    @invariant()
    def only_open_ones_wait(self) -> None:
        assert self.incident.is_open == (self.incident.state in OPEN)


TestLife = Life.TestCase
