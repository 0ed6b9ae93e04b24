"""What one lineage learned, for another to watch from its first tick: an import's baselines for live series.

The whole of it is carried by the control record (`pack`), so that what a detector does still follows from
the log alone. Adopted are series that are not watched yet and whose score is counted in no newer
generation; their shares of the budget are dealt like those of series that have learned. What the baseline
was learned from stands in the adopting history as one tick before the first, for findings to be compared
with. The calls that come at each hour of the week are adopted, too, for silence (`detectors.drift.traffic`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.drift.baselines.accept import Scene
from detectors.drift.baselines.learning import Learner
from detectors.drift.baselines.origin import ADOPTED, Origin
from detectors.drift.engine import snapshot
from detectors.drift.engine.baseline import Baseline
from detectors.drift.engine.ticks import Ints
from detectors.drift.service.controls import text_of
from detectors.drift.service.fold import Fold, SeriesKey
from detectors.drift.service.plan import Channel
from detectors.drift.service.watching import WatchList
from detectors.drift.traffic.week_profile import HOURS, WeekProfile
from detectors.observation import Control
from detectors.scorers.protocol import ScoreSpec


@dataclass(frozen=True, slots=True)
class Kept:
    """A series' baseline by itself: its channels with a row each, and what was learned from by cell.

    ``names`` are those of a category's cells.
    """

    key: SeriesKey
    generation: int
    version: str
    channels: tuple[Channel, ...]
    baselines: tuple[Baseline, ...]
    cells: Ints
    counts: Ints
    names: tuple[str, ...]


def kept_in(state: Mapping[str, Any], arrays: snapshot.Arrays, specs: Mapping[str, ScoreSpec]) -> list[Kept]:
    """Baselines of the watched series in a service's state, as a snapshot holds it."""
    tick_s = int(arrays["flags.tick_s"])
    fold = Fold(specs, tick_s, 0)
    fold.restore(state["fold"])
    watch = WatchList.restore(tick_s, state["watch"], arrays, fold.names())
    return [
        Kept(
            w.key,
            fold.generation(w.key.score),
            w.version,
            w.channels,
            tuple(watch.baseline(w, i) for i in range(len(w.channels))),
            *w.histogram(),
            tuple(fold.levels(w.key.score)),
        )
        for _, w in sorted(watch.series.items())
    ]


def profile_kept_in(state: Mapping[str, Any], arrays: snapshot.Arrays) -> WeekProfile | None:
    """How many calls a service's state expects at each hour of the week, if it has learned that."""
    known = state.get("traffic", {}).get("profile")
    return None if known is None else WeekProfile(arrays["traffic.per_minute"], *known)


def pack(series: Sequence[Kept], profile: WeekProfile | None = None) -> bytes:
    """Bytes of baselines and of a traffic profile, for a control record."""
    facts: list[Any] = []
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
    told: dict[str, Any] = {"series": facts}
    if profile is not None:
        told["traffic"] = [profile.burst, profile.shape]
        arrays["traffic"] = profile.per_minute
    return snapshot.pack(told, arrays)


def unpack(data: bytes) -> list[Kept]:
    """Inverse of `pack`.

    Raises
    ------
    detectors.drift.engine.snapshot.WrongSnapshot
        If the bytes are not baselines.
    """
    facts, arrays = snapshot.unpack(data)
    try:
        return [_kept(i, fact, arrays) for i, fact in enumerate(facts["series"])]
    except (KeyError, TypeError, ValueError) as error:
        raise snapshot.WrongSnapshot(f"no baselines: {error!r}") from error


def profile_in(data: object) -> WeekProfile | None:
    """The traffic profile among such bytes; ``None`` if there is none, or none that can be used."""
    try:
        facts, arrays = snapshot.unpack(data if isinstance(data, bytes) else b"")
        burst, shape = map(float, facts["traffic"])
        per_minute = np.asarray(arrays["traffic"], dtype=float)
    except (snapshot.WrongSnapshot, KeyError, TypeError, ValueError):
        return None
    whole = per_minute.shape == (HOURS,) and bool((np.isfinite(per_minute) & (per_minute >= 0)).all())
    return WeekProfile(per_minute, burst, shape) if whole and burst >= 1 and shape > 0 else None


def _kept(i: int, fact: Sequence[Any], arrays: snapshot.Arrays) -> Kept:
    key, generation, version, channels, names = fact
    return Kept(
        SeriesKey(*key),
        generation,
        version,
        tuple(Channel(name, form, arrays[f"{i}.{c}.table"]) for c, (name, form) in enumerate(channels)),
        tuple(
            Baseline.from_arrays(snapshot.part(arrays, f"{i}.{c}.baseline.")) for c in range(len(channels))
        ),
        arrays[f"{i}.cells"],
        arrays[f"{i}.counts"],
        tuple(names),
    )


def adopt(record: Control, scene: Scene, fold: Fold, learner: Learner, renew: Callable[[], None]) -> None:
    """Obey an ``adopt`` record; what cannot be read or used as it is is left out.

    A baseline of a newer generation than is counted brings that generation in: ``renew`` then lets its series
    start anew.
    """
    data = record.body.get("baselines")
    try:
        series = unpack(data) if isinstance(data, bytes) else []
    except snapshot.WrongSnapshot:
        return
    chosen: dict[int, Kept] = {}
    for one in series:
        spec = scene.config.specs.get(one.key.score)
        if spec is None or {b.tick_s for b in one.baselines} != {scene.config.tick_s}:
            continue
        if not fold.renew(one.key.score, one.generation):
            continue
        renew()
        number = fold.admit(one.key)
        if number is not None and number not in scene.watch.series:
            chosen[number] = one if spec.grid is not None else _renumbered(one, fold)
    origin = Origin(ADOPTED, scene.tick, text_of(record.body, "actor"), text_of(record.body, "reason"))
    scene.watch.take_in(chosen, origin, scene.tick, scene.config)
    learner.settle(0, chosen, ())
    learned = sorted(
        (n, int(c), int(k)) for n, one in chosen.items() for c, k in zip(one.cells, one.counts, strict=True)
    )
    if learned:
        scene.trail.append(
            scene.tick - 1, *(np.array(column, dtype=np.int64) for column in zip(*learned, strict=True))
        )


def _renumbered(one: Kept, fold: Fold) -> Kept:
    """A category's baseline with the cell numbers that its names have here."""
    here = np.array([fold.level_number(one.key.score, name) for name in one.names], dtype=np.int64)
    size = int(here.max(initial=-1)) + 2  # the last cell stands for names that come later
    channels = []
    for channel in one.channels:
        table = np.full(size, channel.table[-1])
        theirs = channel.table[np.minimum(np.arange(len(here)), len(channel.table) - 1)]
        table[here] = 0.0
        np.maximum.at(table, here, theirs)  # names there is no room for share a cell
        level = channel.name.removeprefix("level:")
        name = f"level:{here[int(level)]}" if level != channel.name else channel.name
        channels.append(Channel(name, channel.form, table))
    cells, places = np.unique(here[one.cells], return_inverse=True)
    counts = np.zeros(len(cells), dtype=one.counts.dtype)
    np.add.at(counts, places, one.counts)
    return Kept(
        one.key,
        one.generation,
        one.version,
        tuple(channels),
        one.baselines,
        cells,
        counts,
        one.names,
    )
