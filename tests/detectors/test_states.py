"""What a series says of itself: its state, its level as a proposal, and the changes it would notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.baselines.proposal import BEYOND, BY_PERSON, FINE, PROPOSED, WITHIN, verdict
from detectors.baselines.states import STALE_S, STATES
from detectors.change.level import Level
from detectors.counts.history import CellHistory
from detectors.counts.series_rows import SeriesState
from detectors.observation import Control
from detectors.series.baseline_origin import ACCEPTED, LEARNED, Origin
from detectors.watch.watcher import ServiceWatcher
from tests.detectors.test_accept import states
from tests.detectors.traffic import DAY, KEY, START, World, config, observation, watch


@pytest.fixture(scope="module")
def watched() -> ServiceWatcher:
    return watch(World(seed=3, per_day=300, days=14.2, refusal=0.05))[0]


def of(watcher: ServiceWatcher, score: str = "refusal") -> SeriesState:
    return states(watcher, score)["all"]


def accepting(state: SeriesState, **changes: object) -> Control:
    body = {"unit": state.unit, "score": state.score, "slice": state.slice, "version": state.baseline_version}
    return Control(
        KEY, "accept_level", 0, {**body, "actor": "Ada", "reason": "a strict assistant", **changes}
    )


def test_a_level_is_proposed_until_a_person_accepts_the_version_they_saw() -> None:
    watcher, _ = watch(World(seed=4, per_day=100, days=14.2, refusal=0.05))
    before = of(watcher)
    assert (before.state, before.level_verdict, before.accepted_by) == ("watching", PROPOSED, "")
    assert before.examples == round((before.baseline_value or 0) * before.n_baseline)
    watcher.control(accepting(before, version="0" * 16))
    watcher.advance(watcher.next_tick + 1, 0)
    assert of(watcher).level_verdict == PROPOSED
    watcher.control(accepting(before))
    watcher.advance(watcher.next_tick + 1, 0)
    after = of(watcher)
    assert (after.state, after.level_verdict, after.accepted_by) == ("accepted", BY_PERSON, "Ada")
    assert (after.accepted_reason, after.baseline_version) == ("a strict assistant", before.baseline_version)
    assert states(watcher, "output_length")["all"].state == "watching"


def test_nothing_for_long_is_stale_and_rows_wake_it(watched: ServiceWatcher) -> None:
    watcher = ServiceWatcher.restore(KEY, config(), *watched.state())
    last = of(watcher).last_seen
    watcher.advance(watcher.next_tick + STALE_S // 300 - 1, 1)
    assert (of(watcher).state, of(watcher).last_seen) == ("watching", last)
    watcher.advance(watcher.next_tick + 2, 2)
    assert of(watcher).state == "stale"
    version = of(watcher).baseline_version
    rows = list(World(seed=5, per_day=300, days=0.2).rows())
    later = [replace(r, minute=r.minute + 40 * DAY) for r in rows]
    watcher.observe(observation(later, 3), 3)
    watcher.advance(None, 4)
    assert (of(watcher).state, of(watcher).baseline_version) == ("watching", version)
    assert of(watcher).last_seen > last + timedelta(seconds=STALE_S)


def test_one_series_is_silent_while_others_go_on() -> None:
    def without_secrets(row, _):  # type: ignore[no-untyped-def]
        quiet = row.minute >= START + 2 * DAY
        return replace(row, scores={k: v for k, v in row.scores.items() if k != "secrets" or not quiet})

    watcher, _ = watch(World(seed=6, per_day=40, days=11, change=without_secrets))
    assert (of(watcher, "secrets").state, of(watcher).state) == ("stale", "learning")
    assert of(watcher, "secrets").last_seen < of(watcher).last_seen - timedelta(days=8)


def test_the_outlook_is_told_in_the_unit_of_the_score_and_in_the_harmful_direction(
    watched: ServiceWatcher,
) -> None:
    refusal, length = of(watched), of(watched, "output_length")
    assert (refusal.detectable_unit, length.detectable_unit) == ("rate", "characters")
    # lengths are log-normal around 400 characters: shifts of the normal score are tens to hundreds
    assert 5 < (length.detectable_7d or 0) < 400
    for state in (refusal, length):  # the more time, the smaller; and quiet series say that they see nothing
        seen = [v for v in (state.detectable_1h, state.detectable_1d, state.detectable_7d) if v is not None]
        assert seen == sorted(seen, reverse=True)
        assert refusal.detectable_7d is None or refusal.detectable_7d > 0.01  # a rise: it is what harms


ticks = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=30)


@given(ticks)
def test_the_last_tick_of_every_series_is_known(rows: list[tuple[int, int]]) -> None:
    trail = CellHistory()
    for tick, series in sorted(rows):
        trail.append(tick, np.array([series]), np.array([0]), np.array([1]))
    assert trail.last_ticks() == {s: max(t for t, x in rows if x == s) for _, s in rows}


origins = st.builds(
    Origin, st.sampled_from([LEARNED, ACCEPTED]), st.integers(0, 9), st.sampled_from(["", "Ada"])
)
rates = st.floats(0, 1)


@given(st.tuples(rates, rates, rates), st.none() | rates, origins)
def test_a_level_is_fine_only_within_a_limit_or_by_a_person(
    values: tuple[float, float, float], limit: float | None, origin: Origin
) -> None:
    low, value, high = sorted(values)
    said = verdict(Level(value, low, high, 50), limit, origin)
    assert (said in FINE) == (bool(origin.by) or (limit is not None and high <= limit))
    assert (said == BEYOND) == (not origin.by and limit is not None and low > limit)
    assert (said == WITHIN) <= (not origin.by)
    assert verdict(Level(None, None, None, 0), limit, Origin()) == PROPOSED


def test_the_states_are_the_four_that_are_documented(watched: ServiceWatcher) -> None:
    assert set(STATES) == {"learning", "watching", "stale", "accepted"}
    assert {s.state for s in watched.series_states()} <= set(STATES)
