"""What one lineage learned, watched by another from its first tick."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.baselines import adopt, adoption
from detectors.counts.aggregate import Aggregate, SeriesKey
from detectors.engine import snapshot
from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.observation import Control, Mark, Observation, ServiceKey, slice_pairs, slice_text
from detectors.series.baseline_origin import ADOPTED
from detectors.traffic.week_profile import WeekProfile
from detectors.watch.watcher import ServiceWatcher
from ingest.agents.detect.shard import Shard
from tests.detectors.test_accept import states
from tests.detectors.traffic import DAY, KEY, SPECS, START, Row, World, config, observation, watch

LIVE = replace(KEY, lineage="live")
LATER = 100 * DAY
FIRST = (START + LATER) // 5
VALUES = 15
DIMENSIONS = ("language", "provider", "release")


@pytest.fixture(scope="module")
def imported() -> list[adopt.Kept]:
    watcher, _ = watch(World(seed=1, per_day=400, days=14.2, refusal=0.03))
    return adopt.kept_in(*unpack(pack(*watcher.state())), SPECS)


def record(series: list[adopt.Kept], key: ServiceKey = LIVE) -> Control:
    body = {"baselines": adopt.pack(series), "actor": "Ada", "reason": "last month's export"}
    return Control(key, "adopt", 0, body)


def taken(watcher: ServiceWatcher, until: int) -> None:
    """Close the ticks before ``until`` and take in all that is adopted then."""
    watcher.advance(until, 0)
    while len(watcher.adoptions):
        watcher.adopt_next()


def live(
    series: list[adopt.Kept], refusal: float, days: float = 0.6, seed: int = 7, per_day: float = 1500
) -> tuple[ServiceWatcher, list[Finding]]:
    """A live service that adopts before anything came, long after what was imported."""
    watcher = ServiceWatcher(LIVE, config(), (START + LATER) // 5)
    watcher.control(record(series))
    taken(watcher, (START + LATER) // 5 + 1)
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
    week = WeekProfile(np.arange(168.0), 1.5, 20.0, (29_635_200,))
    for profile, taken in ((week, True), (replace(week, burst=0.0), False), (None, False)):
        watcher = ServiceWatcher(LIVE, config(), (START + LATER) // 5)
        watcher.control(Control(LIVE, "adopt", 0, {"baselines": adopt.pack(imported, profile)}))
        watcher.advance((START + LATER) // 5 + 1, 0)
        kept = adopt.profile_kept_in(*unpack(pack(*watcher.state())))
        assert (kept is not None) == taken
        if kept is not None:
            assert kept.stops == week.stops
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
    taken(watcher, watcher.next_tick + 1)
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
    taken(watcher, (START + LATER) // 5 + 2)
    (found,) = adopt.kept_in(*unpack(pack(*watcher.state())), SPECS)
    names = {name: cell for cell, name in enumerate(found.names)}
    assert names["tool_call"] == 0
    (source,) = [one for one in imported if one.key.score == "finish_reason"]
    here = {found.names[int(c)]: int(n) for c, n in zip(found.cells, found.counts, strict=True)}
    there = {source.names[int(c)]: int(n) for c, n in zip(source.cells, source.counts, strict=True)}
    assert here == there
    for channel in found.channels:
        level = channel.name.removeprefix("level:")
        if level != channel.name:
            assert np.flatnonzero(channel.table).tolist() == [int(level)]
        else:
            assert channel.table[0] == 1.0  # tool calls were never seen there: they are others
    watched = {found.names[int(c.name.removeprefix("level:"))] for c in found.channels if ":" in c.name}
    assert watched == set(there)


def test_bytes_that_hold_no_baselines_change_nothing(imported: list[adopt.Kept]) -> None:
    watcher = ServiceWatcher(LIVE, config(), 100)
    twin = ServiceWatcher(LIVE, config(), 100)
    for body in ({}, {"baselines": b"\x02no"}, {"baselines": "text"}, {"baselines": snapshot.pack({}, {})}):
        watcher.control(Control(LIVE, "adopt", 0, body))
    taken(watcher, 101)
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
    fold = Aggregate(SPECS, 300, 3)
    numbers = {v: fold.admit(SeriesKey("interaction", "refusal", slice_text(language=v))) for v in values}
    assert len([n for n in numbers.values() if n is not None]) == min(len(set(values)), 3)
    assert fold.admit(SeriesKey("interaction", "unheard_of", "all")) is None
    for value, number in numbers.items():
        if number is not None:
            assert fold.names()[number].slice == slice_text(language=value)


@pytest.fixture(scope="module")
def many(imported: list[adopt.Kept]) -> list[adopt.Kept]:
    """Every score of a service over all traffic and by the most values there are, 400 and more."""
    whole = [one for one in imported if one.key.slice == "all"]
    slices = [f"{name}=v{i}" for name in DIMENSIONS for i in range(VALUES)]
    return [
        replace(one, key=SeriesKey(one.key.unit, one.key.score, slice_))
        for one in whole
        for slice_ in ("all", *slices)
    ]


def as_before(series: list[adopt.Kept]) -> bytes:
    """Bytes as they were packed by the first release: arrays of their own for every channel."""
    facts: list[object] = []
    arrays: snapshot.Arrays = {}
    for i, one in enumerate(series):
        key, channels = one.key, [[c.name, c.form] for c in one.channels]
        facts.append(
            [[key.unit, key.score, key.slice], one.generation, one.version, channels, list(one.names)]
        )
        arrays |= {f"{i}.cells": one.cells, f"{i}.counts": one.counts}
        for c, (channel, baseline) in enumerate(zip(one.channels, one.baselines, strict=True)):
            arrays[f"{i}.{c}.table"] = channel.table
            arrays |= {f"{i}.{c}.baseline.{name}": array for name, array in baseline.to_arrays().items()}
    return snapshot.pack({"series": facts}, arrays)


def finished(watcher: ServiceWatcher, *, restarts: bool = False) -> ServiceWatcher:
    """Let it take in all that waits."""
    steps = 0
    while len(watcher.adoptions):
        watcher.adopt_next()
        steps += 1
        if restarts:
            facts, arrays = unpack(pack(*watcher.state()))
            watcher = ServiceWatcher.restore(LIVE, config(), facts, arrays)
    assert steps < 60
    return watcher


def test_the_same_is_watched_in_few_at_a_time_as_at_once_and_after_restarts(
    many: list[adopt.Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = []
    for part, restarts in ((10_000, False), (32, False), (50, True)):
        monkeypatch.setattr(adoption, "PART", part)
        watcher = ServiceWatcher(LIVE, config(), FIRST)
        watcher.control(record(many))
        watcher.advance(FIRST + 1, 0)
        states.append(pack(*finished(watcher, restarts=restarts).state()))
    assert states[0] == states[1] == states[2]
    series = finished(watcher).series_states()
    assert len([s for s in series if s.origin == "adopted"]) == len(many)


def test_bytes_of_the_first_release_are_read_as_those_of_now(imported: list[adopt.Kept]) -> None:
    old, new = adopt.unpack(as_before(imported)), adopt.unpack(adopt.pack(imported))
    assert adopt.pack(old) == adopt.pack(new) == adopt.pack(imported)
    for damaged in ({"joined": [[["interaction"]]]}, {"joined": [["x"]]}, {"series": 3}, {}):
        with pytest.raises(snapshot.WrongSnapshot):
            adopt.unpack(snapshot.pack(damaged, {}))


def paused(shard: Shard, services: list[ServiceKey], at: int, offset: int) -> tuple[float, int]:
    """Most work of one message, s: half an hour of calls of every service, and a mark a minute."""
    longest = 0.0
    for minute in range(at, at + 30):
        row = Row(minute, {"language": "v1", "release": "v2"}, {"refusal": 0.0, "output_length": 400.0})
        calls = [replace(observation([row], offset + i), key=key) for i, key in enumerate(services)]
        mark = Mark("default", "live", "otlp_spans", 0, offset + len(calls), minute * 60_000_000_000)
        messages: list[Observation | Mark] = [*calls, mark]
        for message in messages:
            began = time.thread_time()
            shard.apply(offset, message)
            longest = max(longest, time.thread_time() - began)
            offset += 1
    return longest, offset


def test_seven_services_that_adopt_at_once_hold_no_message_up(many: list[adopt.Kept]) -> None:
    services = [replace(LIVE, service=f"desk-{i}") for i in range(7)]
    shard = Shard(config(), 1, 120_000_000_000)
    _, offset = paused(shard, services, START, 0)
    for key in services:
        shard.apply(offset, record(many, key))
        offset += 1
    longest, offset = paused(shard, services, START + 30, offset)
    idle, offset = paused(shard, services, START + 60, offset)
    for watcher in shard.watchers.values():
        assert not len(watcher.adoptions)
        adopted = [s for s in watcher.series_states() if s.origin == "adopted"]
        assert len(adopted) >= 0.95 * len(many)
    assert longest <= 20 * idle  # all at once it is more than a thousand times as long
