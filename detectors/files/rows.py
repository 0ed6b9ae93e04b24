"""Rows of one series in order of time, and how long of them is learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.engine.ticks import DAY_S, Bools, Floats, Ints
from detectors.files.channels import KINDS, ValueChannel

MAX_TICKS = 20_000_000
_SPANS_S = {"s": 1, "m": 60, "h": 3_600, "d": DAY_S, "w": 7 * DAY_S}


def parse_span_s(text: str) -> float | None:
    """Seconds of ``90s``, ``5m``, ``36h``, ``14d``, ``2w``; None for anything else or not above zero."""
    try:
        span = float(text[:-1]) * _SPANS_S.get(text[-1:], 0)
    except ValueError:
        return None
    return span if 0 < span < float("inf") else None


@dataclass(frozen=True, slots=True)
class Rows:
    """Values in order of time: ``weights`` events behind each, and the tick each falls in."""

    times_s: Floats
    values: NDArray[np.generic]
    weights: Floats
    ticks: Ints
    tick_s: int
    kind: str

    @classmethod
    def of(
        cls,
        times_s: Sequence[float] | NDArray[np.generic],
        values: Sequence[float] | Sequence[str] | NDArray[np.generic],
        n: Sequence[float] | NDArray[np.generic] | None,
        kind: str,
        tick_s: int,
    ) -> Rows:
        """Check and order what `watch.watch` was given; raises what it says."""
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r} is not one of {', '.join(KINDS)}")
        if tick_s <= 0:
            raise ValueError(f"tick_s must be positive, got {tick_s}")
        if n is not None and kind != "flag":
            raise ValueError(f"n is for shares of kind flag, not for kind {kind!r}")
        times = np.asarray(times_s, dtype=float)
        array: NDArray[np.generic] = np.asarray(values, dtype=np.str_ if kind == "category" else float)
        weights = np.ones(len(times)) if n is None else np.asarray(n, dtype=float)
        if not (times.ndim == 1 and times.shape == array.shape == weights.shape):
            raise ValueError(
                f"times, values and n differ in length: {times.shape} {array.shape} {weights.shape}"
            )
        _reject("time", times, np.isfinite(times))
        _reject("n", weights, np.isfinite(weights) & (weights >= 0))
        if kind != "category":
            _reject("value", array, _in_range(np.asarray(array, dtype=float), kind))
        order = np.argsort(times, kind="stable")
        ticks = np.floor(times[order] / tick_s).astype(np.int64)
        if len(ticks) and ticks[-1] - ticks[0] > MAX_TICKS:
            raise ValueError(f"{ticks[-1] - ticks[0]} ticks of {tick_s} s are too many: use a longer tick")
        return cls(times[order], array[order], weights[order], ticks, tick_s, kind)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.ticks)

    def means(self, rows: slice) -> tuple[Ints, Floats]:
        """Ticks that have values, in order, and the mean of each."""
        ticks, at = np.unique(self.ticks[rows], return_inverse=True)
        total = np.bincount(at, weights=self.numbers(rows))
        return ticks, np.asarray(total / np.bincount(at), dtype=float)

    def volume(self, first: int, rows: slice) -> Floats:
        """Sum of the values per tick, zeros where nothing came, from ``first`` to the end of ``rows``."""
        at = self.ticks[rows] - first
        size = int(at[-1]) + 1 if len(at) else 0
        total = np.bincount(at, weights=self.numbers(rows), minlength=size)
        return np.asarray(total, dtype=float)

    def numbers(self, rows: slice) -> Floats:
        """Values of ``rows`` as numbers."""
        return np.asarray(self.values[rows], dtype=float)

    def aggregate(
        self, channel: ValueChannel, first: int, rows: slice, values: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """(n, s) per tick from tick ``first`` to the last of ``rows``; ``values`` stand in for their own."""
        at = self.ticks[rows] - first
        size = int(at[-1]) + 1 if len(at) else 0
        x = channel.of(self.values[rows] if values is None else values)  # type: ignore[arg-type]
        weight = np.where(np.isnan(x), 0.0, self.weights[rows])
        x = np.where(np.isnan(x), 0.0, x)
        n: Floats = np.bincount(at, weights=weight, minlength=size).astype(float)
        s: Floats = np.bincount(at, weights=weight * x, minlength=size).astype(float)
        return n, s


def _in_range(x: Floats, kind: str) -> Bools:
    if kind in ("flag", "bounded"):
        return np.isfinite(x) & (x >= 0) & (x <= 1)
    if kind in ("positive", "volume"):
        return np.isfinite(x) & (x >= 0)
    return np.isfinite(x)


def _reject(what: str, array: NDArray[np.generic], good: Bools) -> None:
    bad = np.flatnonzero(~good)
    if len(bad):
        raise ValueError(
            f"{what} {array[bad[0]]!s} in row {bad[0]} ({len(bad)} such rows): drop or repair it"
        )


@dataclass(frozen=True, slots=True)
class LearnPeriod:
    """Learning period: ``span_s`` seconds, or ``count`` values."""

    span_s: float | None
    count: int | None

    @classmethod
    def parse(cls, learn: str | int) -> LearnPeriod:
        """Read ``14d``, ``36h``, ``90m``, or a number of values; anything else raises ``ValueError``."""
        if isinstance(learn, str) and not learn.isdigit():
            span = parse_span_s(learn)
            if span is None:
                raise ValueError(f"learn {learn!r}: expected a number of values or a span such as 14d, 36h")
            return cls(span, None)
        count = int(learn)
        if count < 2:
            raise ValueError(f"learn {learn!r}: at least two values are needed")
        return cls(None, count)

    def end(self, data: Rows, start: int) -> int | None:
        """First row after the learning period that begins at row ``start``: ticks are not divided."""
        if self.count is not None:
            last = start + self.count - 1
            if last >= data.rows:
                return None
            return int(np.searchsorted(data.ticks, data.ticks[last], side="right"))
        assert self.span_s is not None  # noqa: S101
        until = data.ticks[start] + max(1, round(self.span_s / data.tick_s))
        return int(np.searchsorted(data.ticks, until))

    def over(self, data: Rows, since: int, row: int) -> bool:
        """Whether rows ``since`` to ``row`` (not included) make a learning period."""
        if self.count is not None:
            return row - since >= self.count
        assert self.span_s is not None  # noqa: S101
        return bool((data.ticks[row - 1] - data.ticks[since] + 1) * data.tick_s >= self.span_s)
