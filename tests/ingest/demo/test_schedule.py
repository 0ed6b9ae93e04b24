"""Arrivals and planted incidents: seeded, ending now, apart from each other."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clock import NS_PER_S, to_datetime
from ingest.demo.conditions import Conditions
from ingest.demo.schedule import (
    CALLS_PER_CONVERSATION,
    COPILOT,
    DAY_NS,
    HOUR_NS,
    NAMELESS_SHARES,
    QUIET_PROMPT,
    RELEASED_PROMPT,
    SUPPORT,
    Schedule,
    build,
)
from tests.at_length import examples

ANCHOR = 1_795_514_821_123_456_789  # a Tuesday


@pytest.fixture(scope="module")
def whole() -> Schedule:
    """Built for the tests that look at it, and not by everybody who collects them."""
    return build(ANCHOR)


def test_the_schedule_is_fifteen_days_that_end_now(whole: Schedule) -> None:
    assert whole.end_ns <= ANCHOR < whole.end_ns + whole.tick_ns
    assert whole.end_ns % whole.tick_ns == whole.start_ns % whole.tick_ns == 0
    assert whole.end_ns - whole.start_ns == 15 * DAY_NS
    assert whole.event_day_ns == whole.end_ns - DAY_NS


def test_arrivals_are_ordered_and_inside(whole: Schedule) -> None:
    times = [a.at_ns for a in whole.arrivals]
    assert times == sorted(times)
    assert whole.start_ns <= times[0] < times[-1] < whole.end_ns
    assert len({a.label for a in whole.arrivals}) == len(whole.arrivals)


def test_about_thirty_thousand_interactions_before_the_event_day(whole: Schedule) -> None:
    quiet = [a for a in whole.arrivals if a.at_ns < whole.event_day_ns]
    per_service = Counter(a.service for a in quiet)
    interactions = per_service[SUPPORT] * CALLS_PER_CONVERSATION + per_service[COPILOT]
    assert interactions == pytest.approx(30_000, rel=0.03)
    assert per_service[SUPPORT] * CALLS_PER_CONVERSATION / interactions == pytest.approx(0.55, abs=0.02)
    spanish = sum(a.language == "es" for a in quiet if a.service == SUPPORT)
    assert spanish / per_service[SUPPORT] == pytest.approx(0.25, abs=0.02)


def test_every_app_has_callers_of_every_identity_and_most_have_both(whole: Schedule) -> None:
    named = Counter((a.service, a.names_user, a.names_conversation) for a in whole.arrivals)
    of = Counter(a.service for a in whole.arrivals)
    assert set(of) == set(NAMELESS_SHARES)
    for service, share in NAMELESS_SHARES.items():
        for who in ((True, False), (False, True), (False, False)):
            assert named[service, *who] / of[service] == pytest.approx(share, rel=0.3)


def test_days_have_a_cycle_and_weekends_a_dip(whole: Schedule) -> None:
    quiet = [a.at_ns for a in whole.arrivals if a.at_ns < whole.event_day_ns]
    hours = Counter((at - whole.start_ns) % DAY_NS // HOUR_NS for at in quiet)
    assert max(hours.values()) > 2 * min(hours.values())
    days = Counter(to_datetime(at).weekday() for at in quiet)
    weekend, week = (days[5] + days[6]) / 2, sum(days[d] for d in range(5)) / 5
    assert 0.65 < weekend / week < 0.85


def test_causes_in_one_service_are_hours_apart_and_last_eight_hours(whole: Schedule) -> None:
    for service in (SUPPORT, COPILOT):
        onsets = sorted(p.onset_ns for p in whole.planted if p.service == service)
        assert len(onsets) == 2
        assert onsets[1] - onsets[0] >= 7 * HOUR_NS
    assert all(p.onset_ns - whole.event_day_ns >= 3 * HOUR_NS for p in whole.planted)
    assert all(whole.end_ns - p.onset_ns >= 8 * HOUR_NS for p in whole.planted)


def test_the_leak_begins_with_a_request(whole: Schedule) -> None:
    leak = next(p for p in whole.planted if p.name == "secret-leak")
    assert any(a.service == COPILOT and a.at_ns == leak.onset_ns for a in whole.arrivals)
    assert 0 <= leak.onset_ns - leak.switched_ns < HOUR_NS


def test_the_prompt_release_coincides_with_the_refusals(whole: Schedule) -> None:
    refusals = next(p for p in whole.planted if p.name == "refusals-es")
    for arrival in whole.arrivals:
        if arrival.service == SUPPORT:
            released = arrival.at_ns >= refusals.onset_ns
            assert arrival.prompt_version == (RELEASED_PROMPT if released else QUIET_PROMPT)


def test_conditions_follow_the_plan(whole: Schedule) -> None:
    assert whole.conditions_at(whole.event_day_ns) == Conditions()
    last = whole.conditions_at(whole.end_ns - 1)
    assert dict(last.refusal_share) == {"es": 0.60}
    assert (last.loop_share, last.secret_share) == (0.35, 0.08)
    assert last.wordiness > 2


def test_a_quiet_event_day_has_nothing_planted() -> None:
    quiet = build(ANCHOR, interactions=2000, incidents=False)
    assert quiet.planted == ()
    assert all(a.prompt_version != RELEASED_PROMPT for a in quiet.arrivals)
    assert quiet.conditions_at(quiet.end_ns - 1) == Conditions()


def test_the_same_time_and_seed_give_the_same_schedule() -> None:
    assert build(ANCHOR, interactions=1000) == build(ANCHOR + 1, interactions=1000)
    assert build(ANCHOR, interactions=1000).arrivals != build(ANCHOR, interactions=1000, seed=21).arrivals


@settings(max_examples=examples(25), deadline=None)
@given(
    anchor_s=st.integers(1_600_000_000, 2_000_000_000),
    tick_s=st.sampled_from([60, 300, 900, 3600]),
    quiet_s=st.integers(300, 7200),
    days=st.integers(0, 3),
)
def test_slices_cover_the_schedule_and_never_hide_a_change(
    anchor_s: int, tick_s: int, quiet_s: int, days: int
) -> None:
    schedule = build(anchor_s * NS_PER_S, interactions=300, quiet_days=max(days, 1), tick_s=tick_s)
    slices = list(schedule.slices(quiet_s))
    assert slices[0][0] == schedule.start_ns
    assert slices[-1][1] == schedule.end_ns
    assert all(a[1] == b[0] for a, b in pairwise(slices))
    assert [a for _, _, inside in slices for a in inside] == list(schedule.arrivals)
    for low_ns, high_ns, inside in slices:
        assert schedule.conditions_at(low_ns) == schedule.conditions_at(high_ns - 1)
        assert all(low_ns <= a.at_ns < high_ns for a in inside)
