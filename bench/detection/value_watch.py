"""Row 24: latency three and five times as long, through a service's watcher, and what usual traffic raises.

Four numbers of every call, each with its own noise, of users with levels of their own. Two weeks are learned
at a call every four seconds; watched is what live traffic brings, told every ten seconds, at the budgets as
they come with 50 services. Counted is whatever the fast path states, also what it takes back when the tick
closes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.detection.figure import Figure, Report
from bench.detection.plan import Plan
from detectors.budgets.budget import PERIODS_S, Budget, service_budget
from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.grid import LogGrid
from detectors.observation import Column, Observation, ServiceKey, SourcePosition
from detectors.scorers.protocol import ScoreSpec
from detectors.watch.watcher import ServiceWatcher
from detectors.watch_config import WatchConfig

KEY = ServiceKey("default", "live", "bench", "desk")
NAMES = ("latency_s", "time_to_first_chunk_s", "output_tokens", "cost_usd")
SPECS = {n: ScoreSpec(n, n, "positive", LogGrid(1e-3, 1e5), value_unit="x") for n in NAMES}
DAY, TICK = 1440, 5
MONDAY = 29_640_960
"""Minutes since 1970 of a Monday midnight."""
LEARN_DAYS, LEARN_PER_S = 14, 0.25
SETTINGS = WatchConfig(
    specs=SPECS,
    tick_s=60 * TICK,
    learn=LEARN_DAYS * DAY // TICK,
    max_values=20,
    pages=service_budget(Budget(1.0, PERIODS_S["month"])),
    tickets=service_budget(Budget(2.0, PERIODS_S["week"])),
    config_hash="bench",
)
LATE_TICKS = 1
STEP_S = 10
USERS = 2_000
PER_CONVERSATION_MIN = 30
"""Calls of a user so near each other are of one of two conversations."""
GOAL_MIN = 5.0
WAIT_MIN = 30
PLACES = ((0.25, 20), (2.0, 20), (20.0, 4))
"""Calls a second, and how many changes are watched at each."""
QUIET = ((0.25, 14), (2.0, 3))
"""Calls a second, and how many days of unchanged traffic are watched at each."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Natural logarithms: ``daily`` a wave over the day, ``day_sd`` how days differ, ``minute_sd`` minutes.

    ``heavy`` is a share of calls of a spread of 2, ``cached`` one that takes an eighth; in ``slow`` of the
    minutes all calls take five times as long.
    """

    name: str
    daily: float = 0.0
    day_sd: float = 0.0
    minute_sd: float = 0.0
    heavy: float = 0.0
    cached: float = 0.0
    slow: float = 0.0


KINDS = (
    Kind("independent"),
    Kind("daily cycle, days that differ", daily=0.3, day_sd=0.1),
    Kind("a heavy tail", heavy=0.05),
    Kind("a mixture: 60 % cached", cached=0.6),
    Kind("all of it, slow minutes", 0.3, 0.1, 0.1, 0.05, 0.6, 1 / 720),
)


class _Service:
    """A watcher and the calls it gets."""

    def __init__(self, kind: Kind, rng: np.random.Generator, watcher: ServiceWatcher) -> None:
        self._kind, self._rng, self.watcher = kind, rng, watcher
        self._users = rng.normal(0, 0.2, USERS)
        self._days: dict[int, float] = {}
        self._wander = 0.0
        self._offset = 0

    def traffic(
        self, first: int, minutes: int, per_s: float, *, slower: float = 1.0, step_s: int = STEP_S
    ) -> Iterator[Finding]:
        """Findings of so many minutes; ``slower`` is of the latency alone."""
        for minute in range(first, first + minutes, max(step_s // 60, 1)):
            level = self._level(minute)
            for step in range(0, 60, min(step_s, 60)):
                n = int(self._rng.poisson(per_s * step_s))
                if n:
                    yield from self._calls(minute, step, n, level, slower)

    def _level(self, minute: int) -> float:
        kind, rng = self._kind, self._rng
        day = minute // DAY
        if day not in self._days:
            self._days[day] = rng.normal(0, kind.day_sd) if kind.day_sd else 0.0
        self._wander = 0.9 * self._wander + np.sqrt(1 - 0.81) * rng.normal(0, kind.minute_sd)
        slow = np.log(5.0) if kind.slow and rng.random() < kind.slow else 0.0
        wave = kind.daily * np.sin(2 * np.pi * minute / DAY)
        return float(wave + self._days[day] + self._wander + slow)

    def _calls(self, minute: int, step: int, n: int, level: float, slower: float) -> Iterator[Finding]:
        kind, rng = self._kind, self._rng
        users = rng.integers(0, USERS, n)
        scores = {}
        for name, spec in SPECS.items():
            sd = np.where(rng.random(n) < kind.heavy, 2.0, 0.5)
            log = level + self._users[users] + rng.normal(0, 1, n) * sd
            log -= np.log(8.0) * (rng.random(n) < kind.cached)
            if name == NAMES[0]:
                log += np.log(slower)
            assert spec.grid is not None  # noqa: S101 - they are numbers
            scores[name] = Column((), tuple(spec.grid.cell(float(v)) for v in np.exp(log)))
        now = minute // PER_CONVERSATION_MIN
        o = Observation(
            KEY,
            SourcePosition("bench", 0, self._offset),
            "interaction",
            (minute,) * n,
            {},
            scores,
            dict.fromkeys(scores, 1),
            tuple(int(u) + 1 for u in users),
            tuple(
                int(u) * 10**6 + now * 10 + 1 + int(c)
                for u, c in zip(users, rng.integers(0, 2, n), strict=True)
            ),
            at_ms=tuple(int(a) for a in np.sort(rng.integers(1000 * step, 1000 * min(step + STEP_S, 60), n))),
        )
        self._offset += 1
        self.watcher.observe(o, self._offset)
        yield from self.watcher.peek(self._offset)
        yield from self.watcher.advance(minute // TICK - LATE_TICKS, self._offset).findings


def value_watch(plan: Plan) -> Report:
    """Minutes from a change to its first message at three rates, and what unchanged traffic raises."""
    report = Report()
    for at, kind in enumerate(KINDS):
        learned, start = _learned(kind, plan.rng(24, at))
        for per_s, changes in PLACES if kind in (KINDS[0], KINDS[-1]) else PLACES[1:2]:
            for factor in (3.0, 5.0):
                waited = np.array(
                    [
                        _waited(kind, learned, start, per_s, factor, plan.rng(24, at, i))
                        for i in range(changes)
                    ]
                )
                target = GOAL_MIN if factor == 5.0 and per_s >= 2 else None
                what = f"x{factor:g} at {per_s:g} calls/s, {kind.name}, minutes"
                p90, missed = np.quantile(waited, 0.9, method="higher"), np.mean(np.isinf(waited))
                detail = f"p90 {p90:.0f}, missed {missed:.0%}"
                report.figures.append(Figure("24", what, float(np.median(waited)), target, detail))
        for per_s, days in QUIET:
            raised = _raised(kind, learned, start, per_s, days, plan.rng(24, at, 99))
            what = f"false in {days * len(NAMES)} days of a number at {per_s:g} calls/s, {kind.name}"
            report.figures.append(Figure("24", what, len(raised), 0.0, ", ".join(sorted(raised.values()))))
    return report


def _learned(kind: Kind, rng: np.random.Generator) -> tuple[bytes, int]:
    """The state of a watcher that has learned, and the minute it has come to."""
    service, minutes = (
        _Service(kind, rng, ServiceWatcher(KEY, SETTINGS, MONDAY // TICK)),
        LEARN_DAYS * DAY + 15,
    )
    for _ in service.traffic(MONDAY, minutes, LEARN_PER_S, step_s=60 * TICK):
        pass
    return pack(*service.watcher.state()), MONDAY + minutes


def _again(kind: Kind, learned: bytes, rng: np.random.Generator) -> _Service:
    return _Service(kind, rng, ServiceWatcher.restore(KEY, SETTINGS, *unpack(learned)))


def _waited(
    kind: Kind, learned: bytes, start: int, per_s: float, factor: float, rng: np.random.Generator
) -> float:
    """Minutes until the first message about latency, from a change in any minute of a tick."""
    service, warm = _again(kind, learned, rng), 15 + int(rng.integers(TICK))
    for _ in service.traffic(start, warm, per_s):
        pass
    change = start + warm
    for found in service.traffic(change, WAIT_MIN, per_s, slower=factor):
        if found.score == NAMES[0]:
            return found.made_at.timestamp() / 60 - change
    return np.inf


def _raised(
    kind: Kind, learned: bytes, start: int, per_s: float, days: int, rng: np.random.Generator
) -> dict[str, str]:
    """What the fast path states of unchanged traffic, by id."""
    found = _again(kind, learned, rng).traffic(start, days * DAY, per_s, step_s=60)
    return {f.finding_id: f"{f.score} {f.status}" for f in found if f.alert_kind == "fast"}
