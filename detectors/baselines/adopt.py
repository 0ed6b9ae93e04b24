"""What one lineage learned, for another to watch from its first tick: an import's baselines for live series.

The whole of it is carried by the control record (`pack`), so that what a detector does still follows from
the log alone. Adopted are series that are not watched yet and whose score is counted in no newer
generation; their shares of the budget are dealt like those of series that have learned. What the baseline
was learned from stands in the adopting history as one tick before the first, for findings to be compared
with. The calls that come at each hour of the week are adopted, too, for silence (`detectors.traffic`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.baselines.accept import Scene
from detectors.baselines.learning import Learner
from detectors.counts.aggregate import Aggregate, SeriesKey
from detectors.counts.channel_plan import Channel
from detectors.engine import snapshot
from detectors.engine.baseline import FLAG, VALUE, Baseline
from detectors.engine.ticks import Ints
from detectors.scorers.protocol import ScoreSpec
from detectors.series.baseline_origin import Origin
from detectors.series.series_banks import WatchList
from detectors.traffic.week_profile import HOURS, WeekProfile, profile_of


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
    fold = Aggregate(specs, tick_s, 0)
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
            tuple(fold.category_names(w.key.score)),
        )
        for _, w in sorted(watch.series.items())
    ]


def profile_kept_in(state: Mapping[str, Any], arrays: snapshot.Arrays) -> WeekProfile | None:
    """How many calls a service's state expects at each hour of the week, if it has learned that."""
    known = state.get("traffic", {}).get("profile")
    return None if known is None else profile_of(known, arrays["traffic.per_minute"])


def pack(series: Sequence[Kept], profile: WeekProfile | None = None) -> bytes:
    """Bytes of baselines and of a traffic profile, for a control record."""
    channels = [c for one in series for c in one.channels]
    baselines = [b for one in series for b in one.baselines]
    arrays: snapshot.Arrays = {}
    for form in (FLAG, VALUE):
        mine = [b for b in baselines if b.form == form]
        if mine:
            arrays |= {f"{form}.{name}": a for name, a in Baseline.concat(mine).to_arrays().items()}
    arrays |= _joined("tables", [c.table for c in channels])
    arrays |= _joined("cells", [one.cells for one in series]) | _joined("counts", [o.counts for o in series])
    facts: dict[str, Any] = {"joined": [_fact(one) for one in series]}
    if profile is not None:
        facts["traffic"], facts["stops"] = [profile.burst, profile.shape], list(profile.stops)
        arrays["traffic"] = profile.per_minute
    return snapshot.pack(facts, arrays)


def _fact(one: Kept) -> list[Any]:
    channels = [[c.name, c.form] for c in one.channels]
    return [[one.key.unit, one.key.score, one.key.slice], one.generation, one.version, channels, [*one.names]]


def _joined(name: str, arrays: Sequence[np.ndarray[Any, Any]]) -> snapshot.Arrays:
    if not arrays:
        return {}
    sizes = np.array([len(a) for a in arrays], dtype=np.int64)
    return {name: np.concatenate(arrays), f"{name}.sizes": sizes}


class Packed:
    """Baselines as they were packed, to be read a few at a time.

    Raises
    ------
    detectors.engine.snapshot.WrongSnapshot
        If the bytes are not baselines; so do the methods.
    """

    def __init__(self, data: bytes) -> None:
        facts, self._arrays = snapshot.unpack(data)
        try:
            self._facts = list(facts["joined"] if "joined" in facts else facts["series"])
            self._one_by_one = "joined" not in facts
            self.keys = [(SeriesKey(*key), int(generation)) for key, generation, *_ in self._facts]
            self._channels = [[(str(n), str(f)) for n, f in channels] for _, _, _, channels, _ in self._facts]
            if self._one_by_one:
                self._of = _by_number(self._arrays)
            else:
                self._parts = {n: _split(self._arrays, n) for n in ("tables", "cells", "counts")}
                self._baselines = {
                    form: Baseline.from_arrays(snapshot.part(self._arrays, f"{form}."))
                    for form in (FLAG, VALUE)
                    if f"{form}.schema" in self._arrays
                }
                self._rows = _rows_of(self._channels)
        except (KeyError, TypeError, ValueError) as error:
            raise snapshot.WrongSnapshot(f"no baselines: {error!r}") from error

    def __len__(self) -> int:
        return len(self._facts)

    def series(self, first: int, last: int) -> list[Kept]:
        """Those from ``first`` to ``last`` (not included)."""
        try:
            return [self._kept(i) for i in range(first, min(last, len(self)))]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise snapshot.WrongSnapshot(f"no baselines: {error!r}") from error

    def _kept(self, i: int) -> Kept:
        _, _, version, _, names = self._facts[i]
        (key, generation), channels = self.keys[i], self._channels[i]
        if self._one_by_one:
            mine = self._of[str(i)]
            tables = [mine[f"{c}.table"] for c in range(len(channels))]
            baselines = [
                Baseline.from_arrays(snapshot.part(mine, f"{c}.baseline.")) for c in range(len(channels))
            ]
            cells, counts = mine["cells"], mine["counts"]
        else:
            places = self._rows[i]
            tables = [self._parts["tables"][place] for place, _ in places]
            baselines = [
                self._baselines[form].take([row])
                for (_, form), (_, row) in zip(channels, places, strict=True)
            ]
            cells, counts = self._parts["cells"][i], self._parts["counts"][i]
        made = tuple(Channel(name, form, t) for (name, form), t in zip(channels, tables, strict=True))
        return Kept(key, generation, version, made, tuple(baselines), cells, counts, tuple(names))


def _by_number(arrays: snapshot.Arrays) -> dict[str, snapshot.Arrays]:
    """Arrays by what stands before the first dot of their names."""
    of: dict[str, snapshot.Arrays] = {}
    for name, array in arrays.items():
        number, _, rest = name.partition(".")
        of.setdefault(number, {})[rest] = array
    return of


def _split(arrays: snapshot.Arrays, name: str) -> list[np.ndarray[Any, Any]]:
    if name not in arrays:
        return []
    return np.split(arrays[name], np.cumsum(arrays[f"{name}.sizes"])[:-1])


def _rows_of(channels: Sequence[Sequence[tuple[str, str]]]) -> list[list[tuple[int, int]]]:
    """Per series and channel: its place among all channels, and its row among those of its form."""
    seen = {FLAG: 0, VALUE: 0}
    place, out = 0, []
    for mine in channels:
        here = []
        for _, form in mine:
            here.append((place, seen[form]))
            place, seen[form] = place + 1, seen[form] + 1
        out.append(here)
    return out


def unpack(data: bytes) -> list[Kept]:
    """Inverse of `pack`.

    Raises
    ------
    detectors.engine.snapshot.WrongSnapshot
        If the bytes are not baselines.
    """
    packed = Packed(data)
    return packed.series(0, len(packed))


def profile_in(data: object) -> WeekProfile | None:
    """The traffic profile among such bytes; ``None`` if there is none, or none that can be used."""
    try:
        facts, arrays = snapshot.unpack(data if isinstance(data, bytes) else b"")
        burst, shape = map(float, facts["traffic"])
        per_minute = np.asarray(arrays["traffic"], dtype=float)
        stops = tuple(map(int, facts.get("stops", ())))
    except (snapshot.WrongSnapshot, KeyError, TypeError, ValueError):
        return None
    whole = per_minute.shape == (HOURS,) and bool((np.isfinite(per_minute) & (per_minute >= 0)).all())
    return WeekProfile(per_minute, burst, shape, stops) if whole and burst >= 1 and shape > 0 else None


def admitted(
    keys: Sequence[tuple[SeriesKey, int]], scene: Scene, fold: Aggregate, renew: Callable[[], None]
) -> dict[int, SeriesKey]:
    """Series that are to be watched by what was learned elsewhere, by their number here.

    A baseline of a newer generation than is counted brings that generation in: ``renew`` then lets its series
    start anew.
    """
    chosen: dict[int, SeriesKey] = {}
    for key, generation in keys:
        if key.score not in scene.config.specs or not fold.renew(key.score, generation):
            continue
        renew()
        number = fold.admit(key)
        if number is not None and number not in scene.watch.series:
            chosen[number] = key
    return chosen


def adopt_series(
    series: Sequence[Kept],
    origin: Origin,
    scene: Scene,
    fold: Aggregate,
    learner: Learner,
    renew: Callable[[], None],
) -> None:
    """Watch by these from ``scene.tick`` on; what cannot be used as it is is left out."""
    chosen: dict[int, Kept] = {}
    for one in series:
        if {b.tick_s for b in one.baselines} != {scene.config.tick_s}:
            continue
        for number in admitted([(one.key, one.generation)], scene, fold, renew):
            grid = scene.config.specs[one.key.score].grid
            chosen[number] = one if grid is not None else _renumbered(one, fold)
    scene.watch.adopt(chosen, origin, scene.tick, scene.config)
    learner.settle(0, chosen, ())
    learned = sorted(
        (n, int(c), int(k)) for n, one in chosen.items() for c, k in zip(one.cells, one.counts, strict=True)
    )
    if learned:
        scene.trail.append(
            scene.tick - 1, *(np.array(column, dtype=np.int64) for column in zip(*learned, strict=True))
        )


def _renumbered(one: Kept, fold: Aggregate) -> Kept:
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
