"""Baselines grow older: what accepted ones still learn, and a monthly look at all of them.

Never a sliding window: it would absorb a slow ramp. Once a day, as the first tick of it closes,

- a baseline that was *accepted* and rests on less than a learning window takes in what is older than a day,
  while its evidence is less than half of what a finding needs;
- every series, on a day of the month of its own, is fitted anew on the last four weeks, and this
  *candidate* is compared with the level that was learned or accepted (not with the last refresh: small
  steps must not add up). If the 95 % interval of the difference lies inside the indifference band in every
  channel, the candidate takes over, with the longer look at season and dispersion that it brings. If a
  channel surely lies beyond the band, that is a slow drift: a ticket. Otherwise nothing can be said, and
  all stays as it is.

"Surely" spends part of the operator's ticket budget: each look at each channel may be wrong with a
probability that adds up to that part over a month. Evidence already gathered is kept: a new baseline
follows from the past, so what comes after it is still priced fairly. A month with a finding in it is passed
over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detectors.baselines.accept import Scene
from detectors.change.comparison import Difference, LevelEstimate
from detectors.counts.history import Rows
from detectors.engine.baseline import FLAG, Baseline
from detectors.engine.dispersion import fit_flags, fit_values
from detectors.engine.relevel import relevel
from detectors.engine.ticks import DAY_S
from detectors.finding import Finding
from detectors.series.baseline_origin import ACCEPTED, REFRESHED, Origin
from detectors.series.series_banks import dense, histogram
from detectors.series.watched_series import Crossing, Watched

CANDIDATE_DAYS, MONTH_DAYS = 28, 30
DETECTOR = "monthly_comparison.1"
TICKETS_SHARE = 0.1
"""Part of a service's ticket budget that monthly looks may spend."""


@dataclass(frozen=True, slots=True)
class SlowDrift:
    """A channel whose level of the last weeks surely differs from what was learned."""

    watched: Watched
    crossing: Crossing


def review(scene: Scene) -> list[SlowDrift]:
    """What a new day brings; ``scene.tick`` is the first tick of it that holds anything."""
    day = scene.tick * scene.config.tick_s // DAY_S
    found: list[SlowDrift] = []
    for number, watched in sorted(scene.watch.series.items()):
        if watched.open is not None:
            continue
        if _is_growing(watched, scene):
            _grow(watched, scene)
        elif (day + number) % MONTH_DAYS == 0 and _is_ripe(watched, scene):
            found.extend(_look(watched, scene))
    return found


def _ticks(days: int, scene: Scene) -> int:
    return days * DAY_S // scene.config.tick_s


def _is_growing(watched: Watched, scene: Scene) -> bool:
    young = watched.since - watched.start < scene.config.learn
    if watched.origin.kind != ACCEPTED or not young or scene.tick - _ticks(1, scene) <= watched.since:
        return False
    evidence, threshold = scene.watch.evidence(watched, scene.tick - 1)
    return evidence < threshold / 2


def _grow(watched: Watched, scene: Scene) -> None:
    """Take what is older than a day into an accepted baseline."""
    first, end = watched.start, scene.tick - _ticks(1, scene)
    rows = scene.trail.of(watched.number, first, end - 1)
    parts = [
        relevel(row, first, *(side[:, np.newaxis] for side in dense(channel, rows, first, end)))
        for channel, row in zip(watched.channels, _rows(watched, scene), strict=True)
    ]
    _replace_baseline(watched, parts, rows, first, end, scene)


def _is_ripe(watched: Watched, scene: Scene) -> bool:
    """Whether four weeks have passed since it was learned, all of them without a finding."""
    return max(watched.since, watched.calm_since) <= scene.tick - _ticks(CANDIDATE_DAYS, scene)


def _look(watched: Watched, scene: Scene) -> Iterator[SlowDrift]:
    """Compare the last weeks with what was learned: take them over, or say that they drifted, or neither."""
    first, end = scene.tick - _ticks(CANDIDATE_DAYS, scene), scene.tick
    rows = scene.trail.of(watched.number, first, end - 1)
    if not len(rows):
        return
    candidates = []
    for channel in watched.channels:
        n, s = (side[:, np.newaxis] for side in dense(channel, rows, first, end))
        fit = fit_flags if channel.form == FLAG else fit_values
        candidates.append(fit(n, s, first, scene.config.tick_s))
    if not all(c.fit[0] for c in candidates):
        return
    now = _rows(watched, scene)
    units = [float(np.sqrt(b.event_var[0])) for b in now]
    known = watched.anchor or tuple(LevelEstimate.of(b, u) for b, u in zip(now, units, strict=True))
    new = [LevelEstimate.of(c, u) for c, u in zip(candidates, units, strict=True)]
    apart = [Difference.between(a, b) for a, b in zip(known, new, strict=True)]
    if all(d.is_nothing() for d in apart):
        watched.anchor = known
        watched.origin = Origin(REFRESHED, first, watched.origin.by, watched.origin.reason)
        _replace_baseline(watched, candidates, rows, first, end, scene)
        return
    at = int(np.argmax([d.evidence() for d in apart]))
    evidence, threshold = apart[at].evidence(), _threshold(watched, scene)
    if evidence >= threshold:
        direction = 1 if apart[at].value > 0 else -1
        yield SlowDrift(watched, Crossing(at, evidence, threshold, direction))


def _threshold(watched: Watched, scene: Scene) -> float:
    """Evidence a look needs so that all looks of a month spend no more than their share."""
    month = _ticks(MONTH_DAYS, scene) * scene.config.tickets.per_tick(scene.config.tick_s)
    looks = len(scene.watch.series) * len(watched.channels)
    return float(np.log(looks / (TICKETS_SHARE * month)))


def _rows(watched: Watched, scene: Scene) -> list[Baseline]:
    return [scene.watch.baseline(watched, i) for i in range(len(watched.channels))]


def _replace_baseline(
    watched: Watched, parts: Sequence[Baseline], rows: Rows, first: int, end: int, scene: Scene
) -> None:
    """Give a series a new version, learned from ticks ``first`` to ``end`` (not included)."""
    for channel, row, part in zip(watched.channels, watched.rows, parts, strict=True):
        bank = scene.watch.bank(channel.form)
        gathered = bank.s[:, [row]].copy()
        bank.replace([row], part, tick=max(int(bank.last_tick[row]), end - 1))
        bank.s[:, [row]] = gathered
    watched.cells, watched.counts = histogram(rows)
    watched.start, watched.since = first, end
    watched.version = scene.watch.baseline(watched, 0).version


def as_slow(stated: Finding) -> Finding:
    """The finding of a slow drift: a ticket, whatever its score."""
    since = "" if stated.onset is None else f" since {stated.onset:%Y-%m-%d}"
    return replace(stated, severity="ticket", detector=DETECTOR, notes=(*stated.notes, f"slow drift{since}"))
