"""Snapshot and restore of a shard with 5,000 watched series.

Fifty services are fed through the observation log until their series are watched. The history that onsets are
looked for in is part of a snapshot; its size follows from traffic. It is measured as it comes from sparse
traffic, and with one observation in every tick of every series for as long as history is kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from bench.detection.figure import Figure, Report
from bench.detection.plan import Plan
from bench.detection.streams import TICK_S
from detectors.budgets.budget import Budget, service_budget
from detectors.grid import FlagGrid
from detectors.observation import Column, Mark, Observation, ServiceKey, SourcePosition, column_of
from detectors.scorers.protocol import ScoreSpec
from detectors.watch.watcher import ServiceWatcher
from detectors.watch_config import WatchConfig
from infra.clock import NS_PER_S
from ingest.agents.detect.shard import Shard
from ingest.agents.garbage_collection import spare_the_state

SCORES, VALUES, SERVICES = 5, 20, 48
LEARN_DAYS = 14
START_MIN = 29_635_200
EVERY_MIN = 360
ROWS = 60
"""Rows of a service at each of its moments, every six hours."""
LATENESS_NS = 120 * NS_PER_S


def snapshots(plan: Plan) -> Report:
    """Seconds to pack and to unpack."""
    del plan
    specs = {
        f"score-{i}": ScoreSpec(f"score-{i}", f"Score {i}", "flag", FlagGrid(), harmful=1)
        for i in range(SCORES)
    }
    config = WatchConfig(
        specs, TICK_S, LEARN_DAYS * 86_400 // TICK_S, VALUES,
        service_budget(Budget(1.0, 2_592_000)), service_budget(Budget(2.0, 604_800)), "bench",
    )  # fmt: skip
    shard = Shard(config, 1, LATENESS_NS)
    _feed(shard, specs)
    spare_the_state()  # as a worker does
    watched = sum(s.state == "watching" for w in shard.watchers.values() for s in w.series_states())
    report = _timed(shard, config, f"{watched:,} series")
    report.add(_timed(_dense(shard, config), config, "as many, history of 14 busy days"))
    return report


def _timed(shard: Shard, config: WatchConfig, name: str) -> Report:
    """Best of three, as other processes run beside."""
    best = (np.inf, np.inf)
    for _ in range(3):
        started = time.perf_counter()
        packed = shard.pack()
        half = time.perf_counter()
        again = Shard.unpack(packed, config, 1, LATENESS_NS)
        best = min(best, (half - started, time.perf_counter() - half), key=sum)
    detail = f"snapshot {best[0]:.2f}, restore {best[1]:.2f}; {len(packed) / 2**20:.0f} MiB"
    return Report(
        [
            Figure("s", f"snapshot and restore of {name}, seconds", sum(best), 1.0, detail),
            Figure("s", "snapshots that differ after a restore", float(again.pack() != packed), 0),
        ]
    )


def _dense(shard: Shard, config: WatchConfig) -> Shard:
    """The same shard with the history of busy traffic."""
    again = Shard.unpack(shard.pack(), config, 1, LATENESS_NS)
    rng = np.random.default_rng(8)
    for key, watcher in shard.watchers.items():
        facts, arrays = watcher.state()
        series = len(np.unique(arrays["trail"][:, 1]))
        last = int(facts["last_tick"])
        ticks = np.repeat(np.arange(last - config.learn, last), series)
        trail = np.zeros((len(ticks), 4), dtype=np.int32)
        trail[:, 0], trail[:, 1] = ticks, np.tile(np.arange(series), config.learn)
        trail[:, 2], trail[:, 3] = rng.random(len(ticks)) < 0.05, 1
        again.watchers[key] = ServiceWatcher.restore(key, config, facts, arrays | {"trail": trail})
    return again


def _feed(shard: Shard, specs: Mapping[str, ScoreSpec]) -> None:
    """Moments of traffic until a day after learning, through the log."""
    rng = np.random.default_rng(7)
    offset = 0
    moments = (LEARN_DAYS + 1) * 1440 // EVERY_MIN
    for moment in range(moments):
        minute = START_MIN + moment * EVERY_MIN
        for service in range(SERVICES):
            key = ServiceKey("default", "live", "production", f"service-{service}")
            values: list[str | None] = [f"value-{v}" for v in rng.integers(0, VALUES, ROWS)]
            scores = {name: Column((), tuple(int(h) for h in rng.random(ROWS) < 0.05)) for name in specs}
            shard.apply(
                offset,
                Observation(
                    key, SourcePosition("otlp_spans", 0, offset), "interaction", (minute,) * ROWS,
                    {"request_model": column_of(values)}, scores, dict.fromkeys(scores, 1),
                ),
            )  # fmt: skip
            offset += 1
        at_ns = (minute + 30) * 60 * NS_PER_S
        shard.apply(offset, Mark("default", "live", "otlp_spans", 0, offset, at_ns, ended=False))
        offset += 1
        shard.cells.clear()
