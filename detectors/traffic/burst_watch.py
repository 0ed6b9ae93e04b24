"""Bursts of one service: who is looked at, and what is filed when one is over.

What a service does can burst: answers, errors, time, cost. What people ask cannot: the calls of one
conversation bring its prompt again and again, so a tick full of unusual prompts is one person's, and no
incident, whatever score such a prompt moves by itself. More of them over time is for the engine and for the
fast path, which counts conversations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from detectors.budgets.budget import CLASS_SHARES
from detectors.change.effect import wilson
from detectors.counts.history import CellHistory
from detectors.engine.baseline import FLAG, VALUE
from detectors.engine.shiryaev_roberts import CAP_SHARE
from detectors.engine.ticks import Floats, Ints
from detectors.finding import ALL, Finding, finding_id
from detectors.observation import ServiceKey, series_id
from detectors.scorers import taxonomy
from detectors.series.series_banks import WatchList, dense
from detectors.series.watched_series import Watched
from detectors.traffic.bursts import Burst, Bursts, Place, z_scores
from detectors.watch_config import WatchConfig

DETECTOR = "bursts.1"
LEAST_N = 10
"""A burst of fewer is filed as information: so few outputs are nobody's ticket."""
CHANNELS = 100
"""The tickets' reserve is divided by so many channels, whatever their number."""


@dataclass(slots=True)
class BurstWatch:
    """State of one service; ``said`` was filed with the last tick and ends with this one."""

    service: ServiceKey
    config: WatchConfig
    bursts: Bursts = field(init=False)
    said: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bursts = Bursts(_share(self.config))

    def set_budget(self, config: WatchConfig) -> None:
        """Let the bound follow the budget in ``config``."""
        self.config, self.bursts.w = config, _share(config)

    def learn(self, watch: WatchList, trail: CellHistory) -> None:
        """Look at the learning period of what began to be watched over all traffic."""
        for number, watched in sorted(watch.series.items()):
            if watched.key.slice != ALL or (number, 0) in self.bursts.farthest:
                continue
            if _is_asked(watched.key.score):
                continue
            rows = trail.of(number, watched.start, watched.since - 1)
            for i, channel in enumerate(watched.channels):
                n, s = dense(channel, rows, watched.start, watched.since)
                self.bursts.learn((number, i), watch.baseline(watched, i), watched.start, n, s)

    def forget(self, numbers: Collection[int]) -> None:
        """These series begin anew."""
        self.bursts.forget(numbers)

    def close(
        self,
        tick: int,
        fed: tuple[Ints, Ints, Ints],
        watch: WatchList,
        told: Collection[tuple[str, str]],
        time: Callable[[int], datetime],
    ) -> list[Finding]:
        """Close one tick: bursts that are over, but for scores of which something else is ``told``.

        Left out are also ticks of a change that the engine is about to name.
        """
        findings = [replace(f, ended_at=time(tick + 1)) for f in self.said]
        over: dict[int, tuple[Place, Burst]] = {}
        for place, burst in self.bursts.close(tick, *_distances(watch, tick, *fed)):
            have = over.get(place[0])
            if have is None or abs(burst.z) > abs(have[1].z):
                over[place[0]] = place, burst
        self.said = [
            self._filed(watch.series[number], place[1], burst, time)
            for number, (place, burst) in sorted(over.items())
            if (w := watch.series[number]).open is None
            and (w.key.unit, w.key.score) not in told
            and not _of_a_change(watch, w, burst, tick)
        ]
        return findings + self.said

    def _filed(self, watched: Watched, place: int, burst: Burst, time: Callable[[int], datetime]) -> Finding:
        unit, score = watched.key.unit, watched.key.score
        spec, channel = self.config.specs[score], watched.channels[place]
        own = series_id(self.service, unit, score, spec.generation, ALL)
        rate: dict[str, Any] = {}
        if channel.form == FLAG:
            before, now = burst.expected / burst.n, burst.s / burst.n
            (low,), (high,) = wilson(np.array([burst.n]), np.array([burst.s]))
            rate = {"effect": now - before, "effect_low": low - before, "effect_high": high - before}
            rate |= {"effect_unit": "rate", "baseline_value": before, "current_value": now}
        ticks = burst.last - burst.first + 1
        lasted = f"{ticks} tick{'s' if ticks > 1 else ''}"
        return Finding(
            finding_id=finding_id(own, DETECTOR, channel.name, burst.first),
            alert_kind="anomaly",
            status="confirmed",
            tenant=self.service.tenant,
            lineage=self.service.lineage,
            environment=self.service.environment or None,
            service=self.service.service,
            unit=unit,
            score=score,
            slice=ALL,
            series=own,
            made_at=time(burst.last + 2),
            severity="ticket" if burst.n >= LEAST_N else "info",
            onset=time(burst.first),
            onset_low=time(burst.first),
            onset_high=time(burst.first + 1),
            direction="rise" if (burst.z > 0) == (channel.name != "below") else "fall",
            n=round(burst.n),
            evidence=round(burst.z**2 / 2, 9),
            threshold=round(burst.bound**2 / 2, 9),
            detector=DETECTOR,
            config_hash=self.config.config_hash,
            baseline_version=watched.version,
            notes=(f"a burst of {lasted}, over by itself ({channel.name}, z {burst.z:.1f})",),
            **rate,
        )

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        return [self.bursts.state(), [f.to_json() for f in self.said]]

    def restore(self, state: Iterable[Any]) -> None:
        """Inverse of `state`."""
        bursts, said = state
        self.bursts.restore(bursts)
        self.said = [Finding.from_dict(json.loads(text)) for text in said]


def _is_asked(score: str) -> bool:
    """Whether what a service is asked or given to read moves a score by itself.

    The score reads nothing else, or is the higher of what was asked and what was answered, and answers have a
    score of their own.
    """
    at = taxonomy.place(score)
    if at is None:
        return False
    return (
        set(at.reads) <= {"prompt", "context", "tool_result"} or taxonomy.place(f"{score}_output") is not None
    )


def _of_a_change(watch: WatchList, watched: Watched, burst: Burst, tick: int) -> bool:
    """Whether the engine has seen more of a series than the burst's own ticks, and one of chance, can show.

    A tick adds at most `CAP_SHARE` of its threshold to the evidence.
    """
    evidence, threshold = watch.evidence(watched, tick)
    return evidence > (burst.last - burst.first + 2) * CAP_SHARE * threshold


def _distances(
    watch: WatchList, tick: int, series: Ints, cells: Ints, counts: Ints
) -> tuple[list[Place], Floats, tuple[Floats, Floats, Floats]]:
    """Channels with events in a tick, how far out each is, and their events, sums and expected sums."""
    places: list[Place] = []
    sides: list[list[Floats]] = [[np.zeros(0)] for _ in range(4)]
    if watch.series:
        flat = watch.side_by_side()
        n, s = flat.sums(series, cells, counts)
        for form, bank in ((FLAG, watch.flags), (VALUE, watch.values)):
            mine = np.flatnonzero((flat.forms == form) & (n > 0))
            if len(mine) and bank.baseline is not None:
                rows = flat.rows[mine]
                level = bank.baseline.expected(tick)[rows]
                far, usual = z_scores(bank.baseline, rows, level, n[mine], s[mine])
                places += zip(flat.series[mine].tolist(), flat.places[mine].tolist(), strict=True)
                for side, values in zip(sides, (far, n[mine], s[mine], usual), strict=True):
                    side.append(values)
    z, events, total, expected = (np.concatenate(side) for side in sides)
    return places, z, (events, total, expected)


def _share(config: WatchConfig) -> float:
    """Expected false bursts per tick of one channel."""
    return config.tickets.per_tick(config.tick_s) * CLASS_SHARES["reserve"] / CHANNELS
