"""Forms of rules: what the stream states is what is found over history, whatever came, over restarts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.briefs.limits import limit_text
from detectors.finding import Finding
from detectors.grid import SignedLogGrid
from detectors.rule_faults import fault, first_fault
from detectors.rule_history import Past, PastTick, replayed
from detectors.rule_watch.rule_state import WatchedRule
from detectors.rules import Condition, Rule, TickSum, tick_sum
from detectors.scorers.protocol import ScoreSpec
from tests.detectors.traffic import KEY, SPECS, config

TICK_S = 300
WEEK = 7 * 288
FIRST = 1_777_824_000 // TICK_S  # 2026-05-03T16:00Z
SPEC = SPECS["refusal"]
TONE = ScoreSpec("tone", "Tone", "real", SignedLogGrid())
SETTINGS = config()
RATE = Rule("refusal", "rate", 900, ">", 1.5, least_n=10, compare="week")
Ticks = list[tuple[int, int, int]]
"""Tick, values, hits."""


def streamed(rule: Rule, ticks: Ticks) -> list[Finding]:
    """What the stream states, with a restart after every tick."""
    said: list[Finding] = []
    one = WatchedRule.of(rule, TICK_S)
    for tick, n, k in ticks:
        found = tick_sum(FIRST + tick, [0, 1], [n - k, k], SPEC.grid)
        said += one.close(FIRST + tick, found, SPEC, KEY, SETTINGS)
        kept = json.loads(json.dumps(one.state()))
        one = WatchedRule.of(rule, TICK_S)
        one.restore(TICK_S, *kept)
    return said


def times(rule: Rule, ticks: Ticks) -> list[tuple[int, int | None]]:
    """Ticks at whose end it fired and was over, counted from the first one."""
    said, out = streamed(rule, ticks), list[tuple[int, int | None]]()
    for f in said:
        at = int((f.made_at if f.ended_at is None else f.ended_at).timestamp()) // TICK_S - 1 - FIRST
        if f.ended_at is None:
            out.append((at, None))
        else:
            out[-1] = out[-1][0], at
    return out


def tried(rule: Rule, ticks: Ticks) -> list[tuple[int, int | None]]:
    """The same over history."""
    past = [
        PastTick(FIRST + tick, tick_sum(FIRST + tick, [0, 1], [n - k, k], SPEC.grid), 1)
        for tick, n, k in ticks
    ]
    found = replayed(rule, past, SPEC.grid, TICK_S).firings
    return [(f.tick - FIRST, None if f.ended is None else f.ended - FIRST) for f in found]


QUIET: Ticks = [(0, 20, 2), (1, 20, 2), (2, 20, 2)]


@pytest.mark.parametrize(
    ("rule", "ticks", "fired"),
    [
        (RATE, [*QUIET, (WEEK + 2, 20, 3)], []),  # 1.5 times is the limit itself
        (RATE, [*QUIET, (WEEK + 2, 20, 4)], [(WEEK + 2, None)]),
        (RATE, [*QUIET, (WEEK + 2, 20, 9), (WEEK + 3, 40, 0)], [(WEEK + 2, WEEK + 3)]),
        (RATE, [(0, 9, 0), (WEEK, 20, 20)], []),  # too few a week before
        (RATE, [(0, 20, 20)], []),  # nothing a week before
        (RATE, [(0, 20, 0), (WEEK, 20, 1)], [(WEEK, None)]),  # none then: any now is more
        (RATE, [*QUIET, (WEEK - 1, 20, 20)], []),  # the window of then begins later
        (replace(RATE, op="<", limit=0.5, measure="count"), [*QUIET, (WEEK + 2, 29, 0)], [(WEEK + 2, None)]),
        (replace(RATE, limit=2.0, measure="sum"), [*QUIET, (WEEK + 2, 20, 13)], [(WEEK + 2, None)]),
    ],
)
def test_what_is_compared_with_a_week_before(
    rule: Rule, ticks: Ticks, fired: list[tuple[int, int | None]]
) -> None:
    assert times(rule, ticks) == fired == tried(rule, ticks)


BERLIN = Rule("refusal", "sum", 1800, ">", 10, least_n=1, window="day", time_zone="Europe/Berlin")
MONTH = replace(BERLIN, window="month")
MAY, JUNE = -66 * 12, -66 * 12 + 31 * 288  # midnight of 1 May and 1 June in Berlin


@pytest.mark.parametrize(
    ("rule", "ticks", "fired"),
    [
        (BERLIN, [(0, 20, 6), (71, 20, 5), (72, 20, 0)], [(71, 72)]),  # 22:00 UTC is midnight in summer
        (BERLIN, [(0, 20, 6), (72, 20, 5)], []),
        (replace(BERLIN, time_zone="UTC"), [(0, 20, 6), (72, 20, 5), (96, 20, 0)], [(72, 96)]),
        (BERLIN, [(0, 20, 6), (71, 20, 5), (360, 0, 0), (361, 1, 1)], [(71, 361)]),
        (MONTH, [(MAY - 1, 20, 6), (MAY, 20, 6), (JUNE - 1, 20, 5), (JUNE, 20, 0)], [(JUNE - 1, JUNE)]),
        (replace(MONTH, measure="mean", limit=0.5), [(0, 20, 0), (1, 60, 60), (JUNE, 1, 1)], [(1, None)]),
        (replace(BERLIN, measure="count", limit=30), [(1, 20, 0), (2, 20, 0), (73, 9, 0)], [(2, 73)]),
        (replace(BERLIN, measure="quantile", quantile=0.5, limit=0), [(1, 9, 0), (2, 20, 20)], [(2, None)]),
    ],
)
def test_a_calendar_day_or_month_begins_anew_in_its_time_zone(
    rule: Rule, ticks: Ticks, fired: list[tuple[int, int | None]]
) -> None:
    assert times(rule, ticks) == fired == tried(rule, ticks)


def test_a_sum_of_a_month_is_kept_as_one_and_told_as_it_is() -> None:
    rule = Rule("cost_usd", "sum", 1800, ">", 10, least_n=1, window="month", time_zone="Europe/Berlin")
    one, said = WatchedRule.of(rule, TICK_S), list[Finding]()
    for tick in range(200):
        found = TickSum(FIRST + tick, 3, 0.1, ((5, 3),))
        said += one.close(FIRST + tick, found, replace(SPEC, value_unit="USD"), KEY, SETTINGS)
    assert len(list(one.window)) == 1
    (first,) = said
    assert (first.window, first.window_s, first.n) == ("month", None, 303)
    assert first.notes[0].startswith("rule cost_usd: sum over a calendar month (Europe/Berlin) > 10")
    assert limit_text(first, lambda _: "cost") == "spent $10.1 in the calendar month, limit $10"
    assert int(first.onset_low.timestamp() if first.onset_low else 0) == FIRST * TICK_S
    assert Finding.from_dict(json.loads(first.to_json())) == first
    assert Rule.of(json.loads(json.dumps(rule.to_dict()))) == rule


def test_a_finding_names_the_limit_of_then_and_history_says_where_it_cannot_decide() -> None:
    ticks = [*QUIET, (WEEK + 2, 20, 4)]
    (said,) = streamed(RATE, ticks)
    assert (said.current_value, said.compare, said.factor) == (0.2, "week", 1.5)
    assert said.baseline_value == pytest.approx(0.15)
    assert int(said.onset_low.timestamp() if said.onset_low else 0) == (FIRST + WEEK + 2) * TICK_S
    assert (
        said.notes[0] == "rule refusal: rate over 15 min > 1.5 times that of a week before (of at least 10)"
    )
    assert Finding.from_dict(json.loads(said.to_json())) == said
    text = limit_text(said, lambda _: "refusals").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert text == "refusals 20 % of answers in 15 min, limit 15 % (1.5 times a week before)"
    past = [PastTick(FIRST + t, tick_sum(FIRST + t, [0, 1], [n - k, k], SPEC.grid)) for t, n, k in ticks]
    found = replayed(RATE, past, SPEC.grid, TICK_S)
    assert (found.decided, found.no_data, found.no_past, found.values) == (1, 3, 3, (None, None, None, 2.0))
    late = replayed(RATE, past, SPEC.grid, TICK_S, FIRST + WEEK)
    assert (late.firings, late.no_data, late.fired) == (found.firings, 0, (0,))
    assert late.firings[0].limit == said.baseline_value


def test_what_was_accepted_beyond_a_moving_limit_is_quiet_until_it_is_clearly_worse() -> None:
    one = WatchedRule.of(RATE, TICK_S)
    said: list[Finding] = []
    for tick, n, k in [*QUIET, (WEEK, 20, 4), (WEEK + 1, 20, 4), (WEEK + 2, 20, 19)]:
        if said and tick == WEEK + 1:
            said += one.accept(said[0].finding_id, FIRST + tick, SPEC.grid, TICK_S)
        found = tick_sum(FIRST + tick, [0, 1], [n - k, k], SPEC.grid)
        said += one.close(FIRST + tick, found, SPEC, KEY, SETTINGS)
    assert [f.notes[1:] for f in said] == [(), ("accepted at 0.2",), ("worse than 0.2, which was accepted",)]


SPAN = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(0, 30)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(
    SPAN,
    SPAN,
    st.sampled_from(["rate", "sum", "mean", "count"]),
    st.sampled_from([0, 600]),
    st.sampled_from([RATE, BERLIN, MONTH]),
)
def test_history_finds_what_the_stream_states(
    then: Ticks, now: Ticks, measure: str, for_s: int, form: Rule
) -> None:
    ticks = {tick + shift: (n, min(k, n)) for shift, some in ((0, then), (WEEK, now)) for tick, n, k in some}
    rule = replace(form, measure=measure, for_s=for_s)
    rows = [(tick, *ticks[tick]) for tick in sorted(ticks)]
    assert times(rule, rows) == tried(rule, rows)


@pytest.mark.parametrize(
    ("rule", "score", "words"),
    [
        (RATE, "refusal", None),
        (replace(RATE, limit=-1e15), "refusal", "a factor of the measure a week before"),
        (replace(RATE, limit=0.0), "refusal", "limit = 0: with compare it is a factor"),
        (replace(RATE, by="language"), "refusal", "compare and by = 'language'"),
        (replace(RATE, measure="quantile"), "output_length", "compare is for rate, mean, sum and count"),
        (replace(RATE, measure="absent"), "refusal", "compare is for what is measured"),
        (replace(RATE, measure="mean"), "tone", "compare is for what is never negative"),
        (replace(RATE, measure="count", op="<", limit=0.2), "refusal", None),
        (BERLIN, "refusal", None),
        (replace(BERLIN, time_zone="Berlin"), "refusal", "time_zone = 'Berlin' is no time zone"),
        (replace(BERLIN, window="", time_zone="Asia/Tokyo"), "refusal", "is for window = 'day' or 'month'"),
        (replace(BERLIN, compare="week"), "refusal", "window = 'day' and compare"),
        (replace(BERLIN, measure="absent"), "refusal", "window = 'day' and measure = 'absent'"),
        (replace(BERLIN, window_s=900), "refusal", "window = 'day' and window_s = 900"),
    ],
)
def test_what_can_never_be_decided_is_refused(rule: Rule, score: str, words: str | None) -> None:
    spec: ScoreSpec = {**SPECS, TONE.name: TONE}[score]
    found = fault(replace(rule, score=score), spec, TICK_S)
    assert (found is None) if words is None else (found is not None and words in found)


BOTH = Rule(
    *("refusal", "rate", 900, ">", 0.2), least_n=10, and_=(Condition("output_length", "mean", ">", 50.0),)
)
LENGTH = SPECS["output_length"]
Pairs = list[tuple[int, int, int, int, int]]
"""Tick, values and hits of refusals, values and sum of lengths."""


def pair(one: tuple[int, int, int, int, int]) -> tuple[int, TickSum, TickSum]:
    tick, n, k, m, total = one
    held = tick_sum(FIRST + tick, [0, 1], [n - k, k], SPEC.grid)
    return FIRST + tick, held, TickSum(FIRST + tick, m, float(total))


def streamed_both(rule: Rule, ticks: Pairs) -> list[Finding]:
    said: list[Finding] = []
    one = WatchedRule.of(rule, TICK_S)
    for tick, held, length in map(pair, ticks):
        said += one.close(tick, held, SPEC, KEY, SETTINGS, [(length, LENGTH)])
        kept = json.loads(json.dumps(one.state()))
        one = WatchedRule.of(rule, TICK_S)
        one.restore(TICK_S, *kept)
    return said


def both_tried(rule: Rule, ticks: Pairs) -> Past:
    past = [PastTick(t, held, 1, (PastTick(t, length, 1),)) for t, held, length in map(pair, ticks)]
    return replayed(rule, past, SPEC.grid, TICK_S, grids=[LENGTH.grid])


@pytest.mark.parametrize(
    ("ticks", "fired"),
    [
        ([(0, 20, 9, 20, 900)], []),  # refusals alone
        ([(0, 20, 1, 20, 1100)], []),  # lengths alone
        ([(0, 20, 9, 20, 1100)], [(0, None)]),
        ([(0, 20, 9, 9, 1100)], []),  # too few lengths decide nothing
        ([(0, 20, 9, 20, 1100), (4, 20, 9, 9, 10)], [(0, None)]),  # nor do they end it
        ([(0, 20, 9, 20, 1100), (4, 20, 9, 20, 900)], [(0, 4)]),
        ([(0, 20, 9, 20, 1100), (4, 9, 9, 20, 900)], [(0, 4)]),  # one that does not hold is enough
    ],
)
def test_two_conditions_hold_at_once(ticks: Pairs, fired: list[tuple[int, int | None]]) -> None:
    found = both_tried(BOTH, ticks).firings
    assert [(f.tick - FIRST, None if f.ended is None else f.ended - FIRST) for f in found] == fired
    said = streamed_both(BOTH, ticks)
    assert [f.ended_at is None for f in said] == [True, False][: len(said)]
    assert len(said) == sum(1 + (over is not None) for _, over in fired)


def test_a_finding_names_what_held_besides() -> None:
    (said,) = streamed_both(BOTH, [(0, 20, 9, 20, 1100)])
    assert said.notes[0] == (
        "rule refusal: rate over 15 min > 0.2 (of at least 10) and output_length mean > 50"
    )
    text = limit_text(said, lambda score: score).replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert text == (
        "refusal 45 % of answers in 15 min, limit 20 %"
        " and mean output_length 55 characters in 15 min, limit 50 characters"
    )
    assert Finding.from_dict(json.loads(said.to_json())) == said
    assert Rule.of(json.loads(json.dumps(BOTH.to_dict()))) == BOTH
    assert BOTH.rule_id != replace(BOTH, and_=()).rule_id


COUNTS = st.integers(0, 30)
SPREAD = st.lists(st.tuples(st.integers(0, 60), COUNTS, COUNTS, COUNTS, st.integers(0, 2000)), max_size=40)


@settings(max_examples=40, deadline=None)
@given(SPREAD, st.sampled_from([0, 600]), st.sampled_from(["", "day"]))
def test_history_finds_what_the_stream_states_of_two_conditions(some: Pairs, for_s: int, window: str) -> None:
    rule = replace(BOTH, for_s=for_s, window=window, window_s=1800 if window else 900)
    by_tick = {t: (t, n, min(k, n), m, total if m else 0) for t, n, k, m, total in some}
    ticks = [by_tick[t] for t in sorted(by_tick)]
    begun = [(f.tick, f.value, f.n) for f in both_tried(rule, ticks).firings]
    said = [f for f in streamed_both(rule, ticks) if f.ended_at is None]
    assert begun == [(int(f.made_at.timestamp()) // TICK_S - 1, f.current_value, f.n) for f in said]


@pytest.mark.parametrize(
    ("changes", "besides", "words"),
    [
        ({}, {}, None),
        ({"together": True}, {}, "leave together out"),
        ({"measure": "absent", "limit": -1e15}, {}, "leave measure = 'absent' out"),
        ({}, {"measure": "rate"}, "and output_length: rate over 15 min"),
        ({}, {"score": "unheard-of"}, "'unheard-of' is no score"),
        ({}, {"limit": 1e9}, "never fires"),
        ({"slice": "language=es"}, {"measure": "quantile"}, "is for all traffic"),
        ({}, {"compare": "week", "limit": 1.5}, None),
        ({}, {"compare": "week", "limit": -1.0}, "a factor of the measure"),
    ],
)
def test_conditions_that_can_never_hold_are_refused(
    changes: dict[str, Any], besides: dict[str, Any], words: str | None
) -> None:
    rule = replace(BOTH, **changes, and_=(replace(BOTH.and_[0], **besides),))
    found = first_fault(rule, SPECS, TICK_S)
    assert (found is None) if words is None else (found is not None and words in found)
