"""A change is taken for the new level: a new version of the baseline starts at its onset.

A person accepts a finding. The series goes on at the level of the ticks since the onset, season and
dispersion kept (`relevel`); where those ticks are few the null price starts from little and keeps learning.
Who accepts a change of the whole accepts it for its slices, which moved with it; a slice that has a finding
of its own is accepted by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from detectors.counts.aggregate import SeriesKey
from detectors.counts.history import CellHistory
from detectors.counts.pending_controls import text_of
from detectors.engine.relevel import relevel
from detectors.engine.ticks import time_of
from detectors.finding import ALL, Finding
from detectors.observation import Control
from detectors.series.baseline_origin import ACCEPTED, Origin
from detectors.series.series_banks import WatchList, dense, histogram
from detectors.series.watched_series import Watched
from detectors.watch_config import WatchConfig


@dataclass(frozen=True, slots=True)
class Scene:
    """What a control record acts on: a service's watched series and history, before ``tick`` closes."""

    watch: WatchList
    trail: CellHistory
    config: WatchConfig
    tick: int


def accept(record: Control, scene: Scene, risen: Finding | None = None) -> list[Finding]:
    """Obey an ``accept`` record; the finding it ends, or nothing where that is not open (any more).

    ``risen`` is the finding where the fast path has said it.
    """
    body = record.body
    key = SeriesKey(*(text_of(body, name) for name in ("unit", "score", "slice")))
    watched = scene.watch.find(key)
    told = watched.open.finding if watched is not None and watched.open is not None else None
    said = risen or told
    if said is None or said.finding_id != text_of(body, "finding_id"):
        return []
    origin = Origin(ACCEPTED, onset_tick(said, scene.config), text_of(body, "actor"), text_of(body, "reason"))
    for one in [] if watched is None else [watched, *_moved_with(watched, scene.watch)]:
        start_anew(one, origin, scene)
    ended = time_of(scene.tick, scene.config.tick_s)
    return [replace(said, ended_at=ended, notes=(*said.notes, "accepted as the new level"))]


def _moved_with(watched: Watched, watch: WatchList) -> list[Watched]:
    """Slices of a whole that have not been said to have changed by themselves."""
    if watched.key.slice != ALL:
        return []
    return [
        w
        for _, w in sorted(watch.series.items())
        if (w.key.unit, w.key.score) == (watched.key.unit, watched.key.score)
        and w is not watched
        and (w.open is None or w.open.finding is None)
    ]


def onset_tick(finding: Finding, config: WatchConfig) -> int:
    """Tick in which the change was counted first: what is counted late began earlier."""
    assert finding.onset is not None  # noqa: S101 - a finding of the engine has one
    counted_s = finding.onset.timestamp() + config.counted_after_s(finding.unit)
    return round(counted_s / config.tick_s)


def start_anew(watched: Watched, origin: Origin, scene: Scene) -> None:
    """Go on at the level of the ticks since ``origin.tick``; without rows there the baseline stays."""
    first, last = origin.tick, scene.tick - 1
    rows = scene.trail.of(watched.number, first, last)
    watched.open = None
    if not len(rows):
        return
    for channel, row in zip(watched.channels, watched.rows, strict=True):
        bank = scene.watch.bank(channel.form)
        assert bank.baseline is not None  # noqa: S101 - it holds this row
        n, s = dense(channel, rows, first, last + 1)
        new = relevel(bank.baseline.take([row]), first, n[:, np.newaxis], s[:, np.newaxis])
        bank.replace([row], new, tick=last)
    watched.cells, watched.counts = histogram(rows)
    watched.start, watched.since = first, scene.tick
    watched.version = scene.watch.baseline(watched, 0).version
    watched.origin, watched.anchor = origin, ()
