"""What one lineage learned, watched by another from its first tick."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.drift.baselines import adopt
from detectors.drift.baselines.origin import ADOPTED
from detectors.drift.engine import snapshot
from detectors.drift.engine.snapshot import pack, unpack
from detectors.drift.service.fold import Fold, SeriesKey
from detectors.drift.service.watcher import ServiceWatcher
from detectors.drift.traffic.week_profile import WeekProfile
from detectors.finding import Finding
from detectors.observation import Control, slice_pairs, slice_text
from tests.detectors.drift.test_accept import states
from tests.detectors.drift.traffic import DAY, KEY, SPECS, START, Row, World, config, observation, watch

LIVE = replace(KEY, lineage="live")
LATER = 100 * DAY


@pytest.fixture(scope="module")
def imported() -> list[adopt.Kept]:
    watcher, _ = watch(World(seed=1, per_day=400, days=14.2, refusal=0.03))
    return adopt.kept_in(*unpack(pack(*watcher.state())), SPECS)


def record(series: list[adopt.Kept]) -> Control:
    body = {"baselines": adopt.pack(series), "actor": "Ada", "reason": "last month's export"}
    return Control(LIVE, "adopt", 0, body)


def live(
    series: list[adopt.Kept], refusal: float, days: float = 0.6, seed: int = 7, per_day: float = 1500
) -> tuple[ServiceWatcher, list[Finding]]:
    """A live service that adopts before anything came, long after what was imported."""
    watcher = ServiceWatcher(LIVE, config(), (START + LATER) // 5)
    watcher.control(record(series))
    watcher.advance((START + LATER) // 5 + 1, 0)
    world = World(seed=seed, per_day=per_day, days=days, refusal=refusal)
    findings, batch, offset = list[Finding](), list[Row](), 1
    for row in world.rows():
        batch.append(replace(row, minute=row.minute + LATER + 5))
        if len(batch) == 16:
            watcher.observe(observation(batch, offset), offset)
            findings += watcher.advance((batch[-1].minute - 2) // 5, offset).findings
            batch, offset = [], offset + 1
    return watcher, findings


def test_the_first_hours_are_watched_and_an_unchanged_day_says_nothing(imported: list[adopt.Kept]) -> None:
    watcher, findings = live(imported, 0.03)
    assert findings == []
    assert {s.state for s in watcher.series_states() if s.slice == "all"} == {"accepted"}
    state = states(watcher, "refusal")["all"]
    assert (state.origin, state.accepted_by, state.accepted_reason) == (ADOPTED, "Ada", "last month's export")
    assert state.baseline_value == pytest.approx(0.03, abs=0.01)
    assert state.current_value == pytest.approx(0.03, abs=0.02)
    assert state.n_current < 1500  # what was learned elsewhere is not counted as traffic


def test_the_week_of_traffic_comes_with_them_and_damaged_ones_do_not(imported: list[adopt.Kept]) -> None:
    week = WeekProfile(np.arange(168.0), 1.5, 20.0)
    for profile, taken in ((week, True), (replace(week, burst=0.0), False), (None, False)):
        watcher = ServiceWatcher(LIVE, config(), (START + LATER) // 5)
        watcher.control(Control(LIVE, "adopt", 0, {"baselines": adopt.pack(imported, profile)}))
        watcher.advance((START + LATER) // 5 + 1, 0)
        kept = adopt.profile_kept_in(*unpack(pack(*watcher.state())))
        assert (kept is not None) == taken
        if kept is not None:
            assert (kept.per_minute.tolist(), kept.burst, kept.shape) == (list(range(168)), 1.5, 20.0)
    for bad in (np.ones(7), np.full(168, np.nan), -np.ones(168)):
        assert adopt.profile_in(adopt.pack([], WeekProfile(bad, 1.0, 1.0))) is None
    assert adopt.unpack(adopt.pack(imported[:1], week))[0].key == imported[0].key


def test_what_differs_from_the_import_on_the_first_day_is_found_with_its_size(
    imported: list[adopt.Kept],
) -> None:
    _, findings = live(imported, 0.3)
    found = next(f for f in findings if (f.score, f.slice) == ("refusal", "all"))
    assert found.baseline_value == pytest.approx(0.03, abs=0.01)
    assert found.current_value == pytest.approx(0.3, abs=0.1)
    assert found.effect_low is not None
    assert found.effect_low > 0.1
    assert found.lineage == "live"


def test_series_that_are_watched_or_of_an_older_generation_are_left_alone(imported: list[adopt.Kept]) -> None:
    other = [replace(one, generation=0) if one.key.score == "refusal" else one for one in imported]
    watcher, _ = live(other, 0.03, days=0.05)
    assert states(watcher, "refusal")["all"].state == "learning"
    lengths = states(watcher, "output_length")["all"]
    assert lengths.state == "accepted"
    before = pack(*watcher.state())
    watcher.control(record(other))
    watcher.advance(watcher.next_tick + 1, 99)
    again = states(watcher, "output_length")["all"]
    assert (again.baseline_version, again.watching_since) == (
        lengths.baseline_version,
        lengths.watching_since,
    )
    assert len(pack(*watcher.state())) == pytest.approx(len(before), rel=0.01)


def test_a_category_keeps_the_meaning_of_its_names(imported: list[adopt.Kept]) -> None:
    watcher = ServiceWatcher(LIVE, config(), (START + LATER) // 5)
    first = Row(START + LATER, {}, {"finish_reason": "tool_call"})
    second = replace(first, scores={"finish_reason": "length"})
    watcher.observe(observation([first, second], 0), 0)  # other names, in another order
    watcher.advance((START + LATER) // 5 + 1, 0)
    watcher.control(record([one for one in imported if one.key.score == "finish_reason"]))
    watcher.advance((START + LATER) // 5 + 2, 1)
    (taken,) = adopt.kept_in(*unpack(pack(*watcher.state())), SPECS)
    names = {name: cell for cell, name in enumerate(taken.names)}
    assert names["tool_call"] == 0
    (source,) = [one for one in imported if one.key.score == "finish_reason"]
    here = {taken.names[int(c)]: int(n) for c, n in zip(taken.cells, taken.counts, strict=True)}
    there = {source.names[int(c)]: int(n) for c, n in zip(source.cells, source.counts, strict=True)}
    assert here == there
    for channel in taken.channels:
        level = channel.name.removeprefix("level:")
        if level != channel.name:
            assert np.flatnonzero(channel.table).tolist() == [int(level)]
        else:
            assert channel.table[0] == 1.0  # tool calls were never seen there: they are others
    watched = {taken.names[int(c.name.removeprefix("level:"))] for c in taken.channels if ":" in c.name}
    assert watched == set(there)


def test_bytes_that_hold_no_baselines_change_nothing(imported: list[adopt.Kept]) -> None:
    watcher = ServiceWatcher(LIVE, config(), 100)
    twin = ServiceWatcher(LIVE, config(), 100)
    for body in ({}, {"baselines": b"\x02no"}, {"baselines": "text"}, {"baselines": snapshot.pack({}, {})}):
        watcher.control(Control(LIVE, "adopt", 0, body))
    watcher.advance(101, 0)
    twin.advance(101, 0)
    assert pack(*watcher.state()) == pack(*twin.state())
    assert adopt.pack(adopt.unpack(adopt.pack(imported))) == adopt.pack(imported)


@given(st.text(max_size=12), st.text(min_size=1, max_size=40))
def test_slices_are_read_as_they_are_written(dimension: str, value: str) -> None:
    name = "".join(c for c in dimension if c.isalnum()) or "d"
    assert slice_pairs(slice_text(**{name: value})) == {name: value}
    assert slice_pairs("all") == {}


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=6))
def test_a_series_admitted_before_its_rows_has_the_number_they_count_under(values: list[str]) -> None:
    fold = Fold(SPECS, 300, 3)
    numbers = {v: fold.admit(SeriesKey("interaction", "refusal", slice_text(language=v))) for v in values}
    assert len([n for n in numbers.values() if n is not None]) == min(len(set(values)), 3)
    assert fold.admit(SeriesKey("interaction", "unheard_of", "all")) is None
    for value, number in numbers.items():
        if number is not None:
            assert fold.names()[number].slice == slice_text(language=value)
