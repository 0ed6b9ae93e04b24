"""Which calls are bet on: fair whatever conversations are like, and one user counts once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.engine.snapshot import pack, unpack
from detectors.fast.distinct import MOST_TRIALS, Call, Distinct, Known, Place

SINCE = [0]


def call(at_ms: int, conversation: int, hit: bool, user: int = 0, row: int = 0) -> Call:
    return Call(at_ms, "otlp_spans", 0, 0, row, conversation, user, 1, int(hit))


@pytest.mark.parametrize("place", [{"conversation": 5}, {"conversation": 0, "user": 9}])
def test_a_conversation_counts_until_its_first_hit(place: dict[str, int]) -> None:
    known = Distinct(1)
    outcomes = [False, False, True, True, False]
    trials = known.take([call(i, hit=h, **place) for i, h in enumerate(outcomes)], 0, SINCE)
    assert (trials.bets[0], trials.hits[0], trials.conversations[0]) == (3, 1, 1)
    again = known.take([call(60_000, hit=True, **place)] * 500, 1, SINCE)
    assert again.bets[0] == again.hits[0] == 0


def test_a_conversation_that_goes_well_is_bet_on_a_few_times() -> None:
    trials = Distinct(1).take([call(i, 5, False) for i in range(100)], 0, SINCE)
    assert trials.bets[0] == MOST_TRIALS


def test_calls_of_nobody_count_each() -> None:
    trials = Distinct(1).take([call(i, 0, i % 2 == 0) for i in range(10)], 0, SINCE)
    assert (trials.bets[0], trials.hits[0], trials.conversations[0]) == (10, 5, 10)


@pytest.mark.parametrize("spread", [0.05, 1.0, 50.0], ids=["all-or-nothing", "mixed", "alike"])
def test_bets_are_hits_no_more_often_than_calls_are_whatever_conversations_are_like(spread: float) -> None:
    draw, rate = np.random.default_rng(4), 0.1
    known, bets, hits = Distinct(1), 0.0, 0.0
    own = draw.beta(rate * spread, (1 - rate) * spread, 20_000)
    for i, p in enumerate(own):
        calls = [call(j, i + 1, bool(draw.random() < p)) for j in range(4)]
        trials = known.take(calls, 0, SINCE)
        bets, hits = bets + trials.bets[0], hits + trials.hits[0]
    assert hits / bets <= rate + 3 * np.sqrt(rate * (1 - rate) / bets)


def test_what_is_ahead_changes_nothing_below() -> None:
    known = Distinct(1)
    known.take([call(0, 5, False)], 0, SINCE)
    before = known.state()
    ahead = Distinct(1, known)
    assert ahead.take([call(60_000, 5, True)], 1, SINCE).hits[0] == 1
    assert ahead.take([call(60_001, 5, True)], 1, SINCE).bets[0] == 0
    assert known.state() == before


HASHES = st.sampled_from([0, 1, 2**32, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1]) | st.integers(0, 2**64 - 1)


@given(
    st.lists(st.tuples(HASHES, HASHES, st.integers(0, 2**20 - 1)), max_size=12),
    st.sampled_from([1, 16, 17, 20]),
)
def test_a_memory_of_anybody_goes_on_from_a_snapshot(calls: list[tuple[int, int, int]], flags: int) -> None:
    known, since, every = Distinct(flags), [0] * flags, 2**flags - 1
    for minute, (conversation, user, hits) in enumerate(calls):
        known.take([Call(minute, "t", 0, 0, 0, conversation, user, every, hits & every)], minute, since)
    data = pack({"known": known.state()}, {})
    other = Distinct(flags)
    other.restore(unpack(data)[0]["known"])
    assert other.places == known.places
    assert pack({"known": other.state()}, {}) == data


def test_a_user_is_not_the_conversation_with_the_same_hash() -> None:
    known = Distinct(1)
    known.take([call(0, 5, True), call(1, 0, False, user=5)], 0, SINCE)
    assert known.places == {Place(5, 0): Known(0, 0, 0, 15, 0), Place(0, 5): Known(0, 0, 5, 1, -1)}


def test_a_state_from_before_is_read() -> None:
    before: list[list[Any]] = [[-9, 3, 4, 9, 15, 4], [5, 1, 2, 7, 2, -1]]
    known = Distinct(1)
    known.restore(before)
    assert known.places == {Place(0, 9): Known(3, 4, 9, 15, 4), Place(5, 0): Known(1, 2, 7, 2, -1)}


def test_the_oldest_are_forgotten_first_in_an_order_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.fast.distinct.MOST_REMEMBERED", 2)
    known = Distinct(1)
    known.take([call(0, 7, False), call(1, 0, False, user=2**64 - 1), call(2, 0, False, user=3)], 0, SINCE)
    known.forget(1)
    assert list(known.places) == [Place(0, 2**64 - 1), Place(0, 3)]


def test_a_run_knows_who_is_behind_it() -> None:
    known = Distinct(1)
    known.take([call(i, i + 1, True, user=7) for i in range(8)], 3, SINCE)
    known.take([call(i, i + 20, True, user=i + 8) for i in range(2)], 4, SINCE)
    reach = known.reach(0, 3, 10)
    assert (reach.conversations, reach.users, reach.largest) == (10, 3, 0.8)
    assert known.reach(0, 4, 2).largest == 0.5


def test_one_account_for_everybody_is_nobody() -> None:
    known = Distinct(1)
    known.take([call(i, i + 1, True, user=7) for i in range(40)], 3, SINCE)
    reach = known.reach(0, 3, 40)
    assert (reach.conversations, reach.largest) == (40, 1 / 40)


def test_a_memory_goes_on_from_its_state_and_forgets_days() -> None:
    known = Distinct(1)
    known.take([call(0, 5, True)], 0, SINCE)
    other = Distinct(1)
    other.restore(known.state())
    assert other.take([call(0, 5, True)], 10, SINCE).bets[0] == 0
    other.forget(3000)
    assert other.state() == []
    assert known.take([call(0, 5, True)], 1440, SINCE).bets[0] == 1
