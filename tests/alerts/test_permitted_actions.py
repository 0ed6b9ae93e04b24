"""What people do to incidents: ends by their word, what comes after one, undoing it, opening again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.errors import NotPossible
from alerts.incidents.events import Acknowledge, End, Event, Hold, Release, Reopen, Undo
from alerts.incidents.grouping import MAX_SEEN
from alerts.incidents.incident import BY_PEOPLE, FIRING, RECOVERING, RESOLVED, Incident
from detectors.internal_finding import SERVICE
from infra.clock import to_ns
from tests.alerts.invented import at, refusals, secret
from tests.alerts.lifecycles import World
from tests.alerts.lifecycles import ended as well
from tests.alerts.test_incident_state import Desk, ended


def act(desk: Desk, event: Event, clock: str) -> Incident:
    """A person acts on the newest incident."""
    change = desk.book.draft().act(desk.book.all()[0].incident_id, event, to_ns(at(clock)))
    assert change is not None
    desk.book.merge([change])
    desk.told += [(change.incident.incident_id, r.notify) for r in change.rows if r.notify]
    return change.incident


@pytest.mark.parametrize("ending", BY_PEOPLE)
def test_a_leak_after_a_person_ended_one_is_an_incident_of_its_own(ending: str) -> None:
    desk = Desk().take(secret(), secret("h2", made_at=at("04:09")))
    act(desk, End(ending, "ana", "example keys"), "04:10")
    late, new = secret("h3", made_at=at("04:08")), secret("h4", made_at=at("04:12"), n=3)
    desk.take(secret(), late, new, secret("h2", made_at=at("04:09")), new)
    second, first = desk.book.all()
    assert (first.ending, first.hits.count) == (ending, 2)
    assert (second.state, second.hits.count) == (FIRING, 4)
    assert desk.words == ["opened", "resolved", "opened"]


def test_hits_read_again_after_more_than_are_remembered_are_not_taken_for_new_ones() -> None:
    hits = [secret(f"h{k}", made_at=at("04:07") + timedelta(seconds=k)) for k in range(MAX_SEEN + 40)]
    desk = Desk().take(*hits)
    act(desk, End("false_alarm", "ana", "example keys"), "05:00")
    desk.take(*hits)
    assert desk.words == ["opened", "resolved"]
    assert desk.only.hits.count == len(hits)
    assert len(desk.take(secret("new", made_at=at("05:01"))).incidents) == 2


def test_the_same_change_that_had_ended_and_comes_back_after_a_false_alarm_is_told() -> None:
    desk = Desk().take(refusals())
    act(desk, End("false_alarm", "ana", "load test"), "04:30")
    again = refusals(
        "f9", made_at=at("05:00"), onset=at("04:55"), onset_low=at("04:50"), onset_high=at("05:00")
    )
    desk.take(ended(refusals(), "04:40"), again)
    assert desk.words == ["opened", "resolved", "opened"]


def test_what_is_still_measured_an_hour_after_it_was_fixed_opens_again_and_what_is_not_stays_over() -> None:
    for over, words in ((False, ["opened", "resolved", "reopened"]), (True, ["opened", "resolved"])):
        desk = Desk().take(refusals())
        act(desk, End("fixed", "ana", "rolled back"), "04:30")
        desk.take(*([ended(refusals(), "04:45")] if over else []))
        for clock in ("05:29", "05:30", "06:30"):
            desk.time(clock)
        assert desk.words == words
        assert (desk.only.is_open, desk.only.acknowledged_by) == (not over, None)


def test_an_end_by_mistake_is_undone_and_goes_on_from_what_is_measured_now() -> None:
    desk = Desk().take(refusals())
    act(desk, Acknowledge("ana"), "04:25")
    act(desk, End("accepted", "bo", "the wrong one"), "04:30")
    desk.take(ended(refusals(), "04:32"))
    after = act(desk, Undo("bo"), "04:34")
    assert (after.state, after.ending, after.acknowledged_by) == (RECOVERING, None, "ana")
    assert desk.words == ["opened", "resolved", "reopened"]
    with pytest.raises(NotPossible, match="no act that can be undone"):
        act(desk, Undo("bo"), "04:35")


def test_undoing_is_told_with_the_act_it_took_back_and_a_hold_is_left_to_its_release() -> None:
    desk = Desk().take(refusals())
    act(desk, Acknowledge("ana"), "04:25")
    act(desk, Hold("bo", "evidence"), "04:26")
    with pytest.raises(NotPossible, match=r"held last, by bo at .*04:26:00Z: `lightship incidents release`"):
        act(desk, Undo("bo"), "04:27")
    act(desk, Release("bo", ""), "04:27")
    act(desk, End("false_alarm", "cy", "the wrong one"), "04:28")
    change = desk.book.draft().act(desk.only.incident_id, Undo("cy", "typed 2 for 3"), to_ns(at("04:29")))
    assert change is not None
    assert change.rows[0].reason == "resolved as false alarm by cy was taken back: typed 2 for 3"


def test_a_person_who_opens_an_incident_again_has_it_and_it_ends_like_any_other() -> None:
    desk = Desk().take(refusals(), ended(refusals(), "04:40"))
    desk.time("05:00")
    again = act(desk, Reopen("ana", "users still complain"), "05:10")
    assert (again.state, again.acknowledged_by, again.reopened) == (RECOVERING, "ana", 1)
    desk.time("12:00")
    assert (desk.only.state, desk.only.ending) == (RESOLVED, "recovered")


def test_a_second_acknowledge_is_told_who_has_it_and_since_when_and_does_not_overwrite() -> None:
    desk = Desk().take(refusals())
    act(desk, Acknowledge("ana"), "04:25")
    with pytest.raises(NotPossible, match="acknowledged by ana since 2026-03-17T04:25:00Z"):
        act(desk, Acknowledge("bo"), "04:25:02")
    assert desk.only.acknowledged_by == "ana"
    assert act(desk, Acknowledge("bo", over=True), "04:26").acknowledged_by == "bo"
    assert act(desk, Undo("ana"), "04:27").acknowledged_by == "ana"


def test_what_is_older_than_minutes_is_not_undone() -> None:
    desk = Desk().take(refusals())
    act(desk, Acknowledge("ana"), "04:25")
    with pytest.raises(NotPossible, match="older than 5 min"):
        act(desk, Undo("ana"), "04:31")


def test_an_incident_of_lightship_itself_ends_on_the_wall_clock_as_no_ticks_are_closed_for_it() -> None:
    down = refusals(
        alert_kind="pipeline", service=SERVICE, environment=None, score="receiver_down", slice="all"
    )
    world = World(down, well(down, "04:30"))
    process = world.run()
    assert world.store.hours_of_traffic == 0.0, "nothing was ever measured of it"
    ends = []
    for clock in ("04:31", "04:39", "04:40:01", "04:41"):
        world.clock.ns = to_ns(at(clock))
        process.desk.elapse()
        ends.append(process.desk.all()[0].ending)
    assert ends == [None, None, None, "recovered"]
