"""Services that go dark before their week is known, and everything that looks like it and is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from detectors.budgets.budget import Budget, service_budget
from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.traffic.silence import STILL
from detectors.traffic.steady_hour import steady_hour
from detectors.traffic.traffic import Traffic
from detectors.traffic.week_profile import WeekProfile, learn_profile
from tests.at_length import at_length
from tests.detectors.test_traffic import flat, message, minutes_after, nightly, numbers
from tests.detectors.traffic import DAY, KEY, START, config

LIVE = replace(KEY, lineage="live")
Steps = Sequence[int]


def services(count: int) -> list[Traffic]:
    return [Traffic(replace(LIVE, service=f"desk-{i}"), config()) for i in range(count)]


def run(
    traffics: Sequence[Traffic], counts: Sequence[np.ndarray], stops: Steps | None = None
) -> list[Finding]:
    """Feed minutes to services of one lineage; the clock moves at ``stops``, every minute without them."""
    found: list[Finding] = []
    stops = range(1, len(counts[0]) + 1) if stops is None else stops
    before = 0
    for until in stops:
        for minute in range(before, until):
            for traffic, n in zip(traffics, counts, strict=True):
                if n[minute]:
                    traffic.observe(message(START + minute, int(n[minute]), key=traffic._key))
        for traffic in traffics:
            others = [o for o in traffics if o is not traffic]
            found += traffic.advance(START + until, until, others)
        before = until
    return found


@pytest.mark.parametrize("per_minute", [8, 15, 120])
def test_an_hour_of_steady_traffic_that_stops_is_told_within_minutes_on_the_first_day(
    per_minute: int,
) -> None:
    n = np.random.default_rng(per_minute).poisson(per_minute, 150)
    n[70:100] = 0
    said, ended = run(services(1), [n])
    assert (said.alert_kind, said.severity, said.effect_unit) == ("silence", "page", "calls per hour")
    assert 2 <= minutes_after(said, 70) <= 7
    assert said.baseline_value == pytest.approx(60 * per_minute, rel=0.3)
    assert ended.finding_id == said.finding_id
    assert ended.ended_at is not None


@pytest.mark.parametrize("per_minute", [0.2, 1, 2.5, 4, 8, 40])
@pytest.mark.parametrize("seed", at_length(range(3)))
def test_poisson_traffic_of_any_rate_says_nothing_before_its_week_is_known(
    per_minute: float, seed: int
) -> None:
    n = np.random.default_rng([seed, 2]).poisson(per_minute, 4 * DAY)
    assert run(services(1), [n]) == []


@pytest.mark.parametrize("calls", [3, 10])
def test_conversations_that_come_in_bursts_say_nothing(calls: int) -> None:
    """Calls of a conversation come together; the gaps are those of conversations."""
    n = np.random.default_rng(calls).poisson(30 / calls, 2 * DAY) * calls
    assert run(services(1), [n]) == []


def test_traffic_that_fades_into_the_night_and_a_short_batch_say_nothing() -> None:
    minute = np.arange(3 * DAY)
    day = 6 * (1 + np.cos(2 * np.pi * (minute - 840) / DAY)) / 2
    assert run(services(1), [np.random.default_rng(3).poisson(day**2 / 6)]) == []
    assert run(services(1), [np.where(minute % 180 < 50, 20, 0)]) == []
    assert run(services(1), [np.random.default_rng(4).poisson(nightly(minute) / 3)]) == []


def test_what_ends_by_the_clock_every_day_is_told_once_at_most() -> None:
    minute = np.arange(6 * DAY)
    batch = np.where((minute % DAY >= 120) & (minute % DAY < 300), 20, 0)
    said = [f for f in run(services(1), [batch]) if f.ended_at is None]
    assert len(said) == 1
    batch[3 * DAY + 200 : 3 * DAY + 230] = 0  # and yet it is known for that hour alone
    noon = np.where((minute >= 3 * DAY + 600) & (minute < 3 * DAY + 700), 20, batch)
    assert len([f for f in run(services(1), [noon]) if f.ended_at is None]) == 2


@pytest.mark.parametrize("known", [False, True])
def test_a_pause_of_lightship_is_no_silence_and_one_after_it_is(known: bool) -> None:
    begin = (14 if known else 0) * DAY + 120
    n = np.random.default_rng(5).poisson(10, begin + 600)
    n[begin : begin + 45] = 0  # nobody took the calls, and the clock then goes on at once
    n[begin + 130 :] = 0
    stops = [m for m in range(1, len(n) + 1) if not begin < m < begin + 45]
    (said,) = run(services(1), [n], stops)
    assert 2 <= minutes_after(said, begin + 130) <= 8


def test_a_fall_is_no_matter_of_the_pause_either() -> None:
    n = numbers(flat, 16, 6)
    begin = 14 * DAY + 300
    n[begin : begin + 300] = 0
    stops = [m for m in range(1, len(n) + 1) if not begin < m < begin + 300]
    assert run(services(1), [n], stops) == []


def test_where_nobody_is_heard_it_is_the_pipeline_and_it_is_told_once() -> None:
    n = [np.random.default_rng([9, i]).poisson(15, 300) for i in range(8)]
    for one in n:
        one[100:140] = 0
    n[0][140:] = 0  # stays dark when the others are heard again
    said = run(services(8), n)
    stood, over, dark = said
    assert (stood.alert_kind, stood.score, stood.severity) == ("pipeline", STILL, "page")
    assert stood.onset is not None
    assert abs(stood.onset.timestamp() / 60 - START - 100) <= 1
    assert (over.finding_id, over.ended_at is None) == (stood.finding_id, False)
    assert (dark.alert_kind, dark.service) == ("silence", "desk-0")
    assert minutes_after(dark, 140) <= 8


def test_one_of_several_that_falls_silent_is_told_by_itself() -> None:
    n = [np.random.default_rng([8, i]).poisson(15 if i else 8, 200) for i in range(3)]
    n[1][100:] = 0
    (said,) = run(services(3), n)
    assert (said.alert_kind, said.service) == ("silence", "desk-1")


def adopted(n: np.ndarray, live: np.ndarray) -> list[Finding]:
    """Findings of a live service that knows the week of an import whose calls a minute were ``n``."""
    ticks = n.reshape(-1, 5).sum(1).astype(float)
    (traffic,) = services(1)
    traffic.adopt(learn_profile(ticks, START // 5, 300)[0])
    return run([traffic], [live])


def test_an_adopted_week_tells_silence_at_once_and_knows_its_nights() -> None:
    week = numbers(nightly, 14, 1)
    live = numbers(nightly, 3, 2)
    assert adopted(week, live) == []
    live[2 * DAY + 720 :] = 0
    (said,) = adopted(week, live)
    assert minutes_after(said, 2 * DAY + 720) <= 15


def test_an_adopted_week_of_ten_times_the_traffic_pages_nobody_for_the_difference() -> None:
    week = numbers(lambda m: 10 * flat(m), 14, 1)
    live = numbers(lambda m: flat(m) / 2, 2, 3)
    assert adopted(week, live) == []
    live[DAY + 700 :] = 0
    (said,) = adopted(week, live)
    assert said.alert_kind == "silence"


@pytest.mark.parametrize("scale", [1, 65])
def test_traffic_that_stops_on_an_adopted_week_is_told_within_five_minutes_of_its_clock(scale: int) -> None:
    """Days of the import that differ much, or an import that is a sample, say little of what comes now."""
    days = np.repeat(np.exp(np.random.default_rng(6).normal(0, 0.6, 14)), DAY)
    week = np.random.default_rng(1).poisson(days * 120 / scale)
    live = np.random.default_rng(2).poisson(120, 200)
    assert adopted(week, live) == []
    live[150:] = 0
    (said,) = adopted(week, live)
    assert minutes_after(said, 150) <= 3  # and lateness_s
    assert said.baseline_value == pytest.approx(7200, rel=0.3)
    assert said.evidence is not None
    assert said.threshold is not None
    assert said.evidence >= said.threshold


@pytest.mark.parametrize("closes", [18 * 60, 17 * 60 + 30])
def test_an_office_that_closes_is_known_by_an_adopted_week_to_the_hour_or_as_a_stop(closes: int) -> None:
    minute = np.arange(14 * DAY)
    open_at = (minute % DAY >= 480) & (minute % DAY < closes) & (minute // DAY % 7 != 2)
    week = np.random.default_rng(1).poisson(np.where(open_at, 60, 0))
    live = np.random.default_rng(2).poisson(np.where(open_at, 60, 0)[: 3 * DAY])
    assert adopted(week, live) == []


def test_a_week_of_jobs_that_anybody_starts_leaves_silence_to_the_week() -> None:
    draw = np.random.default_rng(11)
    week = np.zeros(17 * DAY, dtype=np.int64)
    at = 0
    while at < len(week):
        lasts = int(draw.uniform(70, 180))
        week[at : at + lasts] = draw.poisson(60, len(week[at : at + lasts]))
        at += lasts + int(draw.exponential(150)) + 1
    assert adopted(week[: 14 * DAY], week[14 * DAY :]) == []
    known, _ = learn_profile(week[: 14 * DAY].reshape(-1, 5).sum(1).astype(float), START // 5, 300)
    assert len(known.stops) == 3


def test_a_state_from_any_minute_goes_on_alike_and_old_states_are_read() -> None:
    n = np.random.default_rng(7).poisson(12, 400)
    n[90:110] = 0
    n[300:] = 0
    whole = services(1)
    expected = run(whole, [n])
    assert len(expected) == 3
    for cut in (60, 92, 95, 100, 200, 304):
        (first,) = services(1)
        found = run([first], [n[:cut]])
        (second,) = services(1)
        second.restore(*unpack(pack(*first.state())))
        for minute in range(cut, len(n)):
            if n[minute]:
                second.observe(message(START + minute, int(n[minute]), key=second._key))
            found += second.advance(START + minute + 1, minute + 1)
        assert [f.to_json() for f in found] == [f.to_json() for f in expected]
    facts, arrays = whole[0].state()
    del facts["gap"], facts["unheard"]
    (old,) = services(1)
    old.restore(facts, arrays)
    assert old.advance(START + len(n) + 1, 0) == []


def test_an_hour_is_steady_only_when_it_is_whole_and_nothing_of_it_is_missing() -> None:
    assert steady_hour([5] * 59) is None
    assert steady_hour([20] * 45 + [5] * 15) is None
    assert steady_hour([0] * 60) is None
    hour = steady_hour([5] * 60)
    assert hour is not None
    assert (hour.calls, hour.burst) == (300, 1.0)
    clustered = steady_hour(([25] + [0] * 4) * 12)
    assert clustered is not None
    assert clustered.surprise(7) < hour.surprise(7)


def test_a_budget_ten_times_as_large_is_told_sooner() -> None:
    n = np.random.default_rng(2).poisson(5, 120)
    n[70:] = 0
    due = []
    for pages in (0.01, 1000.0):
        settings = config(pages=service_budget(Budget(pages, 2_592_000)))
        (said,) = run([Traffic(LIVE, settings)], [n])
        due.append(minutes_after(said, 70))
    assert due[0] > due[1]
    assert WeekProfile(np.ones(168), 1.0, 1e6).surprise(20) == pytest.approx(20, rel=0.01)
