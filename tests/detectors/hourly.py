"""Weeks of one flag in ticks of an hour, fast: for what baselines do as they grow older."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detectors.engine.snapshot import pack, unpack
from detectors.finding import Finding
from detectors.observation import Column, Control, Observation, SourcePosition
from detectors.watch.watcher import ServiceWatcher
from detectors.watch_config import WatchConfig
from tests.detectors.traffic import KEY, SPECS, START, config

DAY = 24
FIRST = START // 60
Answer = Callable[[Finding], Control | None]


def hourly_config(**changes: object) -> WatchConfig:
    return config(specs={"refusal": SPECS["refusal"]}, tick_s=3600, learn=14 * DAY, **changes)


def weeks(
    rate: Callable[[int], float],
    days: int,
    *,
    per_hour: float = 60,
    seed: int = 0,
    answer: Answer = lambda _: None,
    controls: tuple[Control, ...] = (),
    restart_every: int = 10**9,
) -> tuple[ServiceWatcher, list[Finding]]:
    """Watch ``days`` of traffic in which hour ``h`` (0 first) has the rate ``rate(h)``; all findings."""
    rng, watcher = np.random.default_rng(seed), ServiceWatcher(KEY, hourly_config(), FIRST)
    for record in controls:
        watcher.control(record)
    findings: list[Finding] = []
    for hour in range(days * DAY):
        n = int(rng.poisson(per_hour))
        cells = (rng.random(n) < rate(hour)).astype(int).tolist()
        if n:
            minutes = ((FIRST + hour) * 60,) * n
            column = Column((), tuple(cells))
            watcher.observe(
                Observation(
                    KEY, SourcePosition("s", 0, hour), "interaction", minutes, {}, {"refusal": column}, {}
                ),
                hour,
            )
        found = watcher.advance(FIRST + hour + 1, hour).findings
        findings += found
        for said in map(answer, found):
            if said is not None:
                watcher.control(said)
        if hour % restart_every == restart_every - 1:
            watcher = ServiceWatcher.restore(KEY, hourly_config(), *unpack(pack(*watcher.state())))
    return watcher, findings
