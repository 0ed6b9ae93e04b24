"""Numbers on the fast path, through the watcher: told within minutes, once, and never of one user alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest

from detectors.baselines import adopt
from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.grid import LogGrid
from detectors.observation import Column, Control, Observation, SourcePosition
from detectors.scorers.protocol import ScoreSpec
from detectors.watch.watcher import ServiceWatcher
from tests.detectors.traffic import DAY, KEY, START, config

SPECS = {
    s.name: s
    for s in (
        ScoreSpec("latency_s", "Latency", "positive", LogGrid(0.01, 1e4), value_unit="s"),
        ScoreSpec("prompt_length", "Prompt length", "positive", LogGrid(1, 1e6), value_unit="characters"),
    )
}
LEARN = 2 * DAY
STEP_S = 10
LATE_TICKS = 1
SETTINGS = config(specs=SPECS, learn=LEARN // 5)


@dataclass
class Line:
    """A watcher and its log; ``cut`` is the offset after which it goes on from its snapshot."""

    watcher: ServiceWatcher
    offset: int = 0
    cut: int = -1

    def put(
        self, minute: int, at_ms: list[int], latency: list[float], who: list[int], user: int = 0
    ) -> list[Finding]:
        """One message of calls of one minute, and what is stated of it."""
        n = len(latency)
        cells = {name: tuple(spec.grid.cell(v) for v in latency) for name, spec in SPECS.items() if spec.grid}
        o = Observation(
            KEY,
            SourcePosition("otlp_spans", 0, self.offset),
            "interaction",
            (minute,) * n,
            {},
            {name: Column((), column) for name, column in cells.items()},
            dict.fromkeys(cells, 1),
            tuple(user or w % 1009 + 1 for w in who),
            tuple(0 if user else w for w in who),
            at_ms=tuple(at_ms),
        )
        self.offset += 1
        self.watcher.observe(o, self.offset)
        found = self.watcher.peek(self.offset)
        found += self.watcher.advance(minute // 5 - LATE_TICKS, self.offset).findings
        if self.offset == self.cut:
            facts, arrays = unpack(pack(*self.watcher.state()))
            self.watcher = ServiceWatcher.restore(KEY, SETTINGS, facts, arrays)
        return found

    def traffic(
        self, first: int, minutes: int, seed: int, *, per_s: float = 2.0, slower: float = 1.0, user: int = 0
    ) -> Iterator[Finding]:
        """Calls of conversations of their own (of one ``user``), told every ten seconds."""
        draw = np.random.default_rng([seed, first])
        for minute in range(first, first + minutes):
            for step in range(60 // STEP_S):
                n = int(draw.poisson(per_s * STEP_S))
                latency = slower * np.exp(draw.normal(0.2, 0.5, n))
                who = [int(w) for w in draw.integers(1, 2**62, n)]
                at = np.sort(draw.integers(step * STEP_S * 1000, (step + 1) * STEP_S * 1000, n))
                if n:
                    yield from self.put(minute, at.tolist(), latency.tolist(), who, user)


@pytest.fixture(scope="module")
def learned() -> bytes:
    """A service that has learned two days of a call every four seconds."""
    line = Line(ServiceWatcher(KEY, SETTINGS, START // 5))
    draw = np.random.default_rng(7)
    for minute in range(START, START + LEARN + 15, 5):
        n = int(draw.poisson(75))
        at, who = sorted(draw.integers(0, 60_000, n).tolist()), draw.integers(1, 2**62, n).tolist()
        assert line.put(minute, at, np.exp(draw.normal(0.2, 0.5, n)).tolist(), who) == []
    return pack(*line.watcher.state())


BEGIN = START + LEARN + 20


def _line(learned: bytes, cut: int = -1) -> Line:
    return Line(ServiceWatcher.restore(KEY, SETTINGS, *unpack(learned)), cut=cut)


CHANGE = BEGIN + 13
SLOW_MIN, AFTER_MIN = 40, 30


def _risen(learned: bytes, cut: int = -1) -> tuple[list[Finding], bytes]:
    """As usual, five times the latency from a minute within a tick on, as usual; the state after it."""
    line = _line(learned, cut)
    found = list(line.traffic(BEGIN, CHANGE - BEGIN, 1))
    found += line.traffic(CHANGE, SLOW_MIN, 1, slower=5.0)
    found += line.traffic(CHANGE + SLOW_MIN, AFTER_MIN, 1)
    return found, pack(*line.watcher.state())


@pytest.fixture(scope="module")
def risen(learned: bytes) -> tuple[list[Finding], bytes]:
    """Without a restart."""
    return _risen(learned)


def test_latency_five_times_as_long_is_told_within_five_minutes_once_and_ends(
    risen: tuple[list[Finding], bytes],
) -> None:
    mine = [f for f in risen[0] if f.score == "latency_s"]
    first, change = mine[0], datetime.fromtimestamp(CHANGE * 60, UTC)
    assert (first.status, first.alert_kind, first.severity) == ("provisional", "fast", "ticket")
    assert (first.made_at - change).total_seconds() <= 300
    assert first.onset is not None
    assert abs((first.onset - change).total_seconds()) <= 60
    assert first.effect_unit == "s"
    assert first.current_value / first.baseline_value == pytest.approx(5.0, rel=0.15)  # type: ignore[operator]
    assert first.effect_low > 0  # type: ignore[operator]
    assert first.n_users is not None
    assert first.n_users >= 10
    assert {f.finding_id for f in mine} == {first.finding_id}, "the engine tells the same change again"
    assert [f.status for f in mine[:2]] == ["provisional", "confirmed"]
    assert all(f.effect_unit == "s" for f in mine), "a share says less than a size"
    assert mine[-1].ended_at is not None
    over = mine[-1].ended_at - datetime.fromtimestamp((CHANGE + SLOW_MIN) * 60, UTC)
    assert 5 <= over.total_seconds() / 60 <= 7


def test_what_users_send_is_no_matter_of_minutes(risen: tuple[list[Finding], bytes]) -> None:
    assert {f.alert_kind for f in risen[0] if f.score == "prompt_length"} <= {"drift"}


@pytest.mark.parametrize("cut", [3, 13 * 6 + 15, 13 * 6 + 31, 13 * 6 + 80])
def test_a_snapshot_goes_on_with_equal_bits(
    learned: bytes, risen: tuple[list[Finding], bytes], cut: int
) -> None:
    """Before it, with the rise under way, with a provisional finding, with one that is open."""
    found, state = _risen(learned, cut)
    assert [f.to_json() for f in found] == [f.to_json() for f in risen[0]]
    assert state == risen[1]


def test_nothing_is_told_of_usual_traffic_or_of_one_user_whose_calls_are_slow(learned: bytes) -> None:
    line = _line(learned)
    assert list(line.traffic(BEGIN, 60, 3)) == []
    for minute in range(BEGIN + 60, BEGIN + 75):
        assert [f for f in line.traffic(minute, 1, 4) if f.alert_kind == "fast"] == []
        assert [
            f for f in line.traffic(minute, 1, 5, per_s=3, slower=9, user=77) if f.alert_kind == "fast"
        ] == []


def test_a_state_of_before_numbers_were_on_the_fast_path_is_read(learned: bytes) -> None:
    facts, arrays = unpack(learned)
    del facts["fast"]["values"]
    old = {name: array for name, array in arrays.items() if not name.startswith("fast.values.")}
    line = Line(ServiceWatcher.restore(KEY, SETTINGS, facts, old))
    found = list(line.traffic(BEGIN, 15, 1)) + list(line.traffic(BEGIN + 15, 7, 1, slower=5.0))
    assert [f.alert_kind for f in found][:1] == ["fast"]


def test_adopted_baselines_serve_from_the_first_minutes(learned: bytes) -> None:
    """At eight times the traffic that was learned elsewhere."""
    watcher = ServiceWatcher(KEY, SETTINGS, BEGIN // 5)
    kept = adopt.kept_in(*unpack(learned), SPECS)
    watcher.control(Control(KEY, "adopt", 0, {"baselines": adopt.pack(kept), "actor": "a", "reason": "b"}))
    watcher.advance(BEGIN // 5 + 1, 0)
    while len(watcher.adoptions):
        watcher.adopt_next()
    line = Line(watcher)
    assert list(line.traffic(BEGIN + 5, 13, 1)) == []
    first = next(line.traffic(BEGIN + 18, 6, 1, slower=5.0))
    assert (first.alert_kind, first.score) == ("fast", "latency_s")
    assert first.made_at <= datetime.fromtimestamp((BEGIN + 18 + 5) * 60, UTC)
    assert first.current_value / first.baseline_value == pytest.approx(5.0, rel=0.2)  # type: ignore[operator]


def test_scores_of_a_severity_divide_its_share(learned: bytes) -> None:
    specs = {**SPECS, "latency_s": replace(SPECS["latency_s"], severity="page")}
    watcher = ServiceWatcher.restore(KEY, config(specs=specs, learn=LEARN // 5), *unpack(learned))
    pages = SETTINGS.pages.per_tick(60) * 0.1
    assert watcher._fast.values["interaction"].bank.w.tolist() == pytest.approx([pages])
