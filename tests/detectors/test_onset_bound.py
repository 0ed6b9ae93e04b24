"""An onset never lies after what it explains: neither the finding nor what first noticed the change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.change.effect import explain
from detectors.change.onset import scan_flag, scan_value
from detectors.change.recovery import Recovery
from detectors.counts.aggregate import SeriesKey
from detectors.engine.dispersion import fit_flags
from detectors.fast.fast_watch import FastWatch
from detectors.finding import Finding
from detectors.series.watched_series import OpenFinding
from detectors.watch.watcher import ServiceWatcher
from tests.detectors.streams import DAY as TICKS_A_DAY
from tests.detectors.streams import MONDAY, TICK_S
from tests.detectors.test_provisional_findings import stated
from tests.detectors.traffic import KEY, SPECS, START, Row, World, config, observation, watch

counts = st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1)), min_size=3, max_size=40)


@given(counts, st.integers(0, 45), st.sampled_from(["flag", "value"]))
def test_no_candidate_lies_after_the_last_tick_allowed(
    ticks: list[tuple[int, float]], end: int, form: str
) -> None:
    n = np.array([float(count) for count, _ in ticks])
    s = np.array([float(round(count * share)) for count, share in ticks])
    if np.count_nonzero(n) < 2:
        return
    none = np.zeros(len(n))
    if form == "flag":
        scan = scan_flag(n, s, none, end=end)
    else:
        scan = scan_value(n, s, none, event_var=1.0, end=end)
    assert scan.low <= scan.high <= max(end, 1)
    assert scan.best <= max(end, int(np.flatnonzero(n)[0]))


def test_what_was_noticed_in_a_tick_began_by_then() -> None:
    """The likeliest onset of all, of a rate that rose twice, is the second rise."""
    learned = np.full((14 * TICKS_A_DAY, 1), 20.0)
    baseline = fit_flags(learned, 0.01 * learned, MONDAY, TICK_S)
    n = np.full(14 * TICKS_A_DAY + 40, 20.0)
    s = 0.01 * n
    s[-40:-20], s[-20:] = 3.0, 19.0
    began, noticed = MONDAY + len(n) - 40, MONDAY + len(n) - 35
    assert explain(baseline, MONDAY, n, s).onset > noticed
    told = explain(baseline, MONDAY, n, s, latest=noticed)
    assert began <= told.onset <= told.onset_high <= noticed


def test_a_gross_rise_is_dated_before_it_was_noticed_within_its_tick() -> None:
    """And what a service began with is no suspect: nothing was replaced."""

    def refuses(row: Row, draw: np.random.Generator) -> Row:
        refused = row.minute >= START + 300 and draw.random() < 0.95
        return replace(row, scores={**row.scores, "refusal": float(refused)})

    specs = {**SPECS, "refusal": replace(SPECS["refusal"], usual=0.1)}
    _, found = watch(World(seed=4, per_day=30_000, days=0.22, change=refuses), config(specs=specs))
    first = next(f for f in found if f.alert_kind == "fast")
    assert first.made_at < datetime.fromtimestamp((START + 305) * 60, UTC)
    assert first.onset_low is not None
    assert first.onset is not None
    assert first.onset_high is not None
    assert first.onset_low <= first.onset <= first.onset_high <= first.made_at
    assert first.suspects == ()
    assert first.compared == ("prompt_version", "request_model")


def test_a_gross_rise_within_a_tick_is_told_with_its_own_size_and_onset() -> None:
    """Not with that of its tick, three fifths of which went well: at once, and when the tick has closed."""
    began = START + 303

    def refuses(row: Row, draw: np.random.Generator) -> Row:
        refused = row.minute >= began and draw.random() < 0.6
        return replace(row, scores={**row.scores, "refusal": float(refused)})

    specs = {**SPECS, "refusal": replace(SPECS["refusal"], usual=0.05)}
    world = World(seed=5, per_day=60_000, days=0.22, change=refuses)
    watcher, rows = ServiceWatcher(KEY, config(specs=specs), START // 5), list(world.rows())
    early = list[Finding]()
    for offset, first in enumerate(range(0, len(rows), 16)):
        batch = rows[first : first + 16]
        watcher.observe(observation(batch, offset, specs=specs), offset)
        early += [] if early else watcher.peek(offset)
        watcher.advance((batch[-1].minute - 2) // 5, offset)
    _, late = watch(world, config(specs=specs))
    for found in (early[0], next(f for f in late if f.alert_kind == "fast")):
        assert found.onset == datetime.fromtimestamp(began * 60, UTC)
        assert found.onset_low is not None
        assert found.onset_low <= found.onset
        assert found.current_value is not None
        assert 0.4 < found.current_value < 0.8
        assert found.effect_low is not None
        assert found.effect_high is not None
        assert 0.2 < found.effect_low < 0.6 < found.effect_high
        assert found.n is not None
        assert found.n < 120


def test_a_rise_told_again_by_a_slower_detector_began_before_it_was_first_told() -> None:
    """At 01:55 it was noticed; the engine would date it 03:40, in the middle of what people had read."""
    noticed, said = datetime(2026, 5, 1, 1, 55, tzinfo=UTC), datetime(2026, 5, 1, 3, 40, tzinfo=UTC)
    fast = FastWatch("desk", config())
    mine = finding("fast", noticed, noticed - timedelta(minutes=5))
    fast.say(("interaction", "refusal"), OpenFinding(mine, 0, Recovery("flag", 0.05, 0.3, 1.0, 1.0, 1e-6)))
    assert fast.noticed(SeriesKey("interaction", "refusal", "all")) == int(noticed.timestamp() - 1) // 300
    assert fast.noticed(SeriesKey("interaction", "refusal", "language=es")) is None
    again = fast.retell(("interaction", "refusal"), finding("drift", said + timedelta(minutes=30), said))
    assert again.onset is not None
    assert again.onset_high is not None
    assert again.onset <= again.onset_high <= noticed


def finding(kind: str, made_at: datetime, onset: datetime) -> Finding:
    found = replace(stated(kind), alert_kind=kind, made_at=made_at)
    return replace(found, onset=onset, onset_low=onset, onset_high=onset + timedelta(minutes=5))
