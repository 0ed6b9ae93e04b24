"""Who is called next: levels, hours of the week, deliveries that are late, refused or lost, and restarts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.incidents.codec import incident_from_json, incident_to_json
from alerts.incidents.escalation import Arrival, Level, Policy
from alerts.incidents.events import Acknowledge, End
from alerts.incidents.incident import Transition
from alerts.incidents.time_interval import DAY_MIN, TimeInterval
from alerts.notify.policies import interval_of, policies_of
from alerts.notify.route import router
from alerts.state.incident_state import Change, IncidentState
from detectors.finding import Finding
from infra.clock import NS_PER_S, to_ns
from infra.settings import (
    EscalationSettings,
    IntervalSettings,
    LevelSettings,
    ReceiverSettings,
    RouteSettings,
    Settings,
)
from tests.alerts.invented import TIMING, at, lengths, refusals
from tests.at_length import examples

MIN = 60 * NS_PER_S
BEGAN = to_ns(at("05:00"))
"""When the page is seen first, on the wall clock: a Tuesday, UTC."""
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")


@dataclass
class OnCall:
    """Incidents and the messages about them, through restarts; deliveries are what a test says."""

    levels: tuple[LevelSettings, ...]
    intervals: dict[str, IntervalSettings] = field(default_factory=dict)
    arrivals: dict[int, Arrival] = field(default_factory=dict)
    now_ns: int = BEGAN
    rows: list[Transition] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = {"pager", *(name for level in self.levels for name in level.receivers)}
        self.settings = Settings(
            receiver=tuple(ReceiverSettings(name) for name in sorted(names)),
            route=(
                RouteSettings("pager", severities=("page",), escalation="on-call"),
                RouteSettings("pager"),
            ),
            escalation=(EscalationSettings("on-call", self.levels),),
            time_interval=self.intervals,
        )
        self.book = self.fresh()

    def fresh(self) -> IncidentState:
        return IncidentState(replace(TIMING, remind_s=0.0), route=router(self.settings))

    def keep(self, changes: list[Change]) -> None:
        self.book.merge(changes)
        self.rows += [row for change in changes for row in change.rows if row.notify]

    def say(self, *findings: Finding) -> None:
        for finding in findings:
            self.keep(self.book.draft().apply(finding))

    def restart(self) -> None:
        stored = [incident_to_json(i) for i in self.book.all()]
        self.book = self.fresh()
        self.book.merge([Change(incident_from_json(text), ()) for text in stored])

    def arrival(self, _: str, seq: int) -> Arrival:
        found = self.arrivals.get(seq, Arrival())
        return found if (found.first_ns or 0) <= self.now_ns else Arrival()

    def pass_minutes(self, minutes: float, *, restarts: bool = False) -> None:
        end = self.now_ns + int(minutes * MIN)
        while self.now_ns < end:
            self.now_ns = min(end, self.now_ns + MIN)
            if restarts:
                self.restart()
                lost = self.book.draft()  # killed before it was stored
                lost.escalate(policies_of(self.settings), self.arrival, self.now_ns)
            self.keep(self.book.draft().escalate(policies_of(self.settings), self.arrival, self.now_ns))

    def act(self, event: Acknowledge | End) -> None:
        (incident,) = self.book.all()
        change = self.book.draft().act(incident.incident_id, event, self.now_ns)
        assert change is not None
        self.keep([change])

    def calls(self) -> list[tuple[float, str]]:
        """Minutes after the beginning, and who was called."""
        return [
            ((row.at_ns - BEGAN) / MIN, ",".join(row.receivers))
            for row in self.rows
            if row.notify == "escalated"
        ]


def level(minutes: float, *receivers: str, hours: tuple[str, ...] = ()) -> LevelSettings:
    return LevelSettings(receivers, minutes, hours)


TWO = (level(10, "second"), level(20, "lead", "boss"))


@pytest.mark.parametrize("restarts", [False, True])
def test_levels_are_told_once_each_from_the_delivery_of_the_one_before(restarts: bool) -> None:
    world = OnCall(TWO)
    world.say(refusals())
    (opened,) = world.rows
    world.arrivals = {opened.seq: Arrival(BEGAN + 4 * MIN)}  # the pager was slow
    world.pass_minutes(16, restarts=restarts)
    assert world.calls() == [(14, "second")]
    world.arrivals[world.rows[-1].seq] = Arrival(BEGAN + 17 * MIN)
    world.pass_minutes(300, restarts=restarts)
    assert world.calls() == [(14, "second"), (37, "lead,boss")]
    assert world.rows[1].reason == "level 1 of on-call: nobody has acknowledged it"
    (incident,) = world.book.all()
    assert incident.told == ("pager", "second", "lead", "boss")


def test_a_rule_that_names_receivers_keeps_the_escalation_of_its_route() -> None:
    world = OnCall(TWO)
    world.say(refusals(alert_kind="rule", receivers=("boss",)))
    assert world.rows[0].receivers == ("boss",)
    world.pass_minutes(32, restarts=True)
    assert world.calls() == [(11, "second"), (31, "lead,boss")]


def test_who_takes_it_ends_it_and_a_ticket_that_takes_another_route_calls_nobody() -> None:
    world = OnCall(TWO)
    world.say(refusals())
    world.pass_minutes(12)
    world.act(Acknowledge("ana"))
    world.pass_minutes(300)
    assert world.calls() == [(11, "second")]  # a minute after it was first looked at
    ticket = OnCall(TWO)
    ticket.say(lengths())
    ticket.pass_minutes(300)
    assert ticket.calls() == []


def test_what_everybody_refused_is_escalated_at_once_and_what_nobody_took_when_its_time_is_over() -> None:
    world = OnCall(TWO)
    world.say(refusals())
    world.arrivals = {world.rows[0].seq: Arrival(is_refused=True)}
    world.pass_minutes(60)
    assert world.calls() == [(1, "second"), (21, "lead,boss")]
    assert world.rows[1].reason == "level 1 of on-call: no receiver before took the message"


def test_what_comes_back_is_escalated_anew_and_what_gets_worse_waits_anew_without_repeats() -> None:
    world = OnCall(TWO)
    world.say(lengths())
    world.pass_minutes(50)
    world.say(refusals())  # the ticket becomes a page
    world.pass_minutes(15)
    assert world.calls() == [(61, "second")]
    over = replace(refusals(), ended_at=at("06:10"), made_at=at("06:10"), status="confirmed")
    shorter = replace(lengths(), ended_at=at("06:10"), made_at=at("06:10"), status="confirmed")
    world.say(over, shorter)
    world.keep(world.book.draft().elapse(lambda _: to_ns(at("06:30"))))
    world.pass_minutes(100)
    assert world.calls() == [(61, "second")]
    world.say(refusals("f9", made_at=at("07:00"), onset=at("06:55"), onset_low=at("06:50")))
    assert world.rows[-1].notify == "reopened"
    world.pass_minutes(12)
    assert [who for _, who in world.calls()] == ["second", "second"]


BUSINESS = IntervalSettings(("monday:friday",), "09:00", "17:00", "Europe/Berlin")


def test_a_level_outside_its_hours_is_passed_over_and_told_when_they_begin() -> None:
    world = OnCall(
        (level(10, "desk", hours=("business",)), level(20, "night")), {"business": BUSINESS}
    )  # 05:00 UTC is 06:00 in Berlin
    world.say(refusals())
    world.pass_minutes(29)
    assert world.calls() == []
    world.pass_minutes(10 * 60, restarts=True)
    assert world.calls() == [(31, "night"), (180, "desk")]


def test_hours_that_begin_find_an_acknowledged_incident_and_call_nobody() -> None:
    world = OnCall((level(10, "desk", hours=("business",)),), {"business": BUSINESS})
    world.say(refusals())
    world.pass_minutes(60)
    world.act(Acknowledge("ana"))
    world.pass_minutes(300)
    assert world.calls() == []


WEEK = st.tuples(
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, DAY_MIN - 1),
    st.integers(1, DAY_MIN),
).filter(lambda t: t[1] != t[2])


@settings(max_examples=examples(150), deadline=None)
@given(
    week=WEEK,
    zone=st.sampled_from(ZONES),
    minute=st.integers(0, 3 * 366 * DAY_MIN),
)
def test_hours_are_those_of_the_clock_on_the_wall(
    week: tuple[frozenset[int], int, int], zone: str, minute: int
) -> None:
    """Against the local times themselves: each interval of the days around, as naive local datetimes."""
    days, starts, ends = week
    when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    local = when.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
    expected = False
    for back in (0, 1):
        midnight = datetime.combine(local.date() - timedelta(days=back), datetime.min.time())
        end = ends + (DAY_MIN if ends < starts else 0)
        begins, stops = midnight + timedelta(minutes=starts), midnight + timedelta(minutes=end)
        expected |= midnight.weekday() in days and begins <= local < stops
    assert TimeInterval(days, starts, ends, zone).holds(to_ns(when)) == expected


@pytest.mark.parametrize(
    ("when", "holds"),
    [  # Berlin: summer time begins 2026-03-29 01:00 UTC and ends 2026-10-25 01:00 UTC
        ("2026-03-27T08:00", True),  # Friday, 09:00 in winter
        ("2026-03-27T07:59", False),
        ("2026-03-30T07:00", True),  # Monday, 09:00 in summer
        ("2026-03-30T15:00", False),
        ("2026-10-26T07:59", False),
        ("2026-10-26T08:00", True),
        ("2026-10-26T15:59", True),
        ("2026-10-25T10:00", False),  # Sunday
    ],
)
def test_business_hours_move_with_summer_time(when: str, holds: bool) -> None:
    moment = datetime.fromisoformat(when).replace(tzinfo=UTC)
    assert interval_of(BUSINESS).holds(to_ns(moment)) is holds


@settings(max_examples=examples(40), deadline=None)
@given(
    levels=st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=4),
    delays=st.lists(st.one_of(st.none(), st.just(-1), st.integers(0, 60)), min_size=5, max_size=5),
    zone=st.sampled_from(ZONES),
    acknowledged=st.integers(1, 200),
)
def test_laws_of_levels(
    levels: list[tuple[int, bool]], delays: list[int | None], zone: str, acknowledged: int
) -> None:
    """Each once, none after an acknowledgement, none before its time, and a restart changes nothing."""
    hours = {"h": IntervalSettings(("monday:friday",), "06:00", "18:30", zone)}
    chosen = tuple(level(m, f"r{k}", hours=("h",) if h else ()) for k, (m, h) in enumerate(levels))
    seen = []
    for restarts in (False, True):
        world = OnCall(chosen, hours)
        world.say(refusals())
        for passed in range(200):
            if passed == acknowledged:
                world.act(Acknowledge("ana"))
            for number, row in enumerate(world.rows):
                delay = delays[min(number, len(delays) - 1)]
                at_ns = row.at_ns if number else BEGAN + MIN
                if delay is not None:
                    world.arrivals[row.seq] = (
                        Arrival(is_refused=True) if delay < 0 else Arrival(at_ns + delay * MIN)
                    )
            world.pass_minutes(1, restarts=restarts)
        seen.append(world.calls())
    assert seen[0] == seen[1]
    told = [who for _, who in seen[0]]
    assert len(told) == len(set(told))
    assert all(minute <= acknowledged for minute, _ in seen[0])
    interval = interval_of(hours["h"])
    for minute, who in seen[0]:
        wait, limited = levels[int(who.removeprefix("r"))]
        assert not limited or interval.holds(BEGAN + int(minute * MIN))
        first = delays[0]
        if who == "r0" and first != -1 and (first is None or first <= wait):
            assert minute >= 1 + (first or 0) + wait


def test_a_level_that_is_called_by_two_policies_is_told_by_each() -> None:
    two = tuple(Policy(name, (Level(("lead",), 60.0),)) for name in ("a", "b"))
    world = OnCall(())
    world.say(refusals())
    for passed in range(3):
        world.keep(world.book.draft().escalate(lambda _: two, world.arrival, BEGAN + passed * MIN))
    assert [row.reason.split(":")[0] for row in world.rows[1:]] == ["level 1 of a", "level 1 of b"]
