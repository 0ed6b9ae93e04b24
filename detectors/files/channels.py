"""Channels of raw values: what a value adds to the rates and means a file of values is watched through.

Quantile groups come from the learning window, so a channel does not depend on the scale or tail of a score:

- flag: the rate of hits.
- bounded, positive, real: *location* (mean normal score of the quantile group), *spread* (that of
  its distance from the middle), *tail* (rate above the 95th percentile), and the rates of exact *zero* and
  *one* where they are common; those values are then left out of the other three.
- category: the rate of each of the seven commonest levels, of the *other* levels seen, and of *new* ones.
- volume: the count of a tick (see `volume`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from detectors.engine.baseline import FLAG, VALUE
from detectors.engine.ticks import Floats, Ints

KINDS = ("flag", "bounded", "positive", "real", "category", "volume")
QUANTILES: Floats = np.concatenate(
    [[0.0025, 0.005, 0.01, 0.02], np.arange(1, 32) / 32, [0.98, 0.99, 0.995, 0.9975]]
)
QUANTILES.sort()
TAIL = 0.95
COMMON = 0.01
"""Share of exact zeros or ones from which on they are watched by themselves."""
TOP_LEVELS = 7
LEAST_DISTANCE = 1 / 64
"""Closer to the middle than this share of all values is as close as can be."""

Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class ValueChannel:
    """A step function of the value: ``table[i]`` between ``edges[i - 1]`` (included) and ``edges[i]``.

    NaN in the table: the value is not counted. ``levels`` are the names of a category, whose number then
    takes the place of the step; names that are not listed have the last entry. A channel without a table
    counts the value itself.
    """

    name: str
    form: str
    edges: Floats
    table: Floats
    levels: tuple[str, ...] = ()

    def of(self, values: Floats | Names) -> Floats:
        """What each value adds to s; NaN where it is not counted."""
        if not len(self.table):
            return np.asarray(values, dtype=float)
        return np.asarray(self.table[self._step(values)], dtype=float)

    def _step(self, values: Floats | Names) -> Ints:
        if not self.levels:
            return np.searchsorted(self.edges, np.asarray(values, dtype=float), side="right")
        number = {name: i for i, name in enumerate(self.levels)}
        return np.array([number.get(str(v), len(self.levels)) for v in values], dtype=np.int64)


def learn_channels(kind: str, values: Floats | Names) -> tuple[ValueChannel, ...]:
    """Channels of a series of ``kind`` from the values of its learning window.

    Raises
    ------
    ValueError
        If the kind is not known or there are no values.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is not one of {', '.join(KINDS)}")
    if not len(values):
        raise ValueError("a learning window needs values")
    nothing = np.zeros(0)
    if kind == "flag":
        return (ValueChannel("rate", FLAG, nothing, nothing),)
    if kind == "volume":
        return (ValueChannel("volume", FLAG, nothing, nothing),)
    if kind == "category":
        return _levels([str(v) for v in values])
    numbers = np.asarray(values, dtype=float)
    ends = {"bounded": (("zero", 0.0), ("one", 1.0)), "positive": (("zero", 0.0),)}.get(kind, ())
    exact = [(name, at) for name, at in ends if np.mean(numbers == at) > COMMON]
    channels = [
        ValueChannel(name, FLAG, np.array([at, np.nextafter(at, np.inf)]), np.array([0.0, 1.0, 0.0]))
        for name, at in exact
    ]
    rest = numbers[~np.isin(numbers, [at for _, at in exact])]
    return (*channels, *_groups(rest, [at for _, at in exact]))


def _groups(values: Floats, left_out: Sequence[float]) -> tuple[ValueChannel, ...]:
    """Location, spread and tail from quantile groups; nothing from a window that is empty or constant."""
    if not len(values):
        return ()
    inner = np.quantile(values, QUANTILES, method="weibull")
    edges = np.unique(np.concatenate([[values.min()], inner, [np.nextafter(values.max(), np.inf)]]))
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    middle = (np.cumsum(counts) - counts / 2) / len(values)
    # values beyond all that were seen have a group of their own, without a count
    rim = 0.5 / (len(values) + 1)
    scores: Floats = ndtri(np.clip(middle, rim, 1 - rim))
    tail = (middle > TAIL).astype(float)
    for at in left_out:
        edges, (scores, tail) = _without(edges, (scores, tail), at)
    return (
        ValueChannel("location", VALUE, edges, scores),
        ValueChannel("spread", VALUE, edges, _distance(scores)),
        ValueChannel("tail", FLAG, edges, tail),
    )


def _distance(scores: Floats) -> Floats:
    """Normal score of the distance from the middle; its square is too skewed for a few events a tick."""
    shares = 2 * ndtr(np.abs(scores)) - 1
    out: Floats = ndtri(np.clip(shares, LEAST_DISTANCE, 1 - 1e-6))
    return out


def _without(edges: Floats, tables: tuple[Floats, Floats], at: float) -> tuple[Floats, tuple[Floats, Floats]]:
    """The same step functions with the one value ``at`` not counted."""
    above = np.nextafter(at, np.inf)
    new = np.unique(np.concatenate([edges, [at, above]]))
    place = np.searchsorted(edges, np.concatenate([[-np.inf], new]), side="right")
    first, second = tables[0][place], tables[1][place]
    hole = int(np.searchsorted(new, at, side="right"))
    first[hole] = second[hole] = np.nan
    return new, (first, second)


def _levels(values: Sequence[str]) -> tuple[ValueChannel, ...]:
    names, counts = np.unique(np.array(values), return_counts=True)
    order = np.lexsort((names, -counts))
    levels = tuple(str(names[i]) for i in order)
    size, nothing = len(levels) + 1, np.zeros(0)
    unit = np.eye(size)
    channels = [
        ValueChannel(f"level:{name}", FLAG, nothing, unit[i], levels)
        for i, name in enumerate(levels[:TOP_LEVELS])
    ]
    if len(levels) > TOP_LEVELS:
        other = np.zeros(size)
        other[TOP_LEVELS : len(levels)] = 1.0
        channels.append(ValueChannel("other", FLAG, nothing, other, levels))
    return (*channels, ValueChannel("new", FLAG, nothing, unit[-1], levels))
