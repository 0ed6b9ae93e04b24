"""Other detectors, each at its loosest setting that keeps false alarms within the budget on the same series.

Two kinds: a *statistic* is computed once and compared with any threshold; a detector with *settings* has to
be run again for each. Both see raw tick means, as their users would feed them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.detection.engine import first_over
from bench.detection.figure import Alarms, Delay, Entry, Ints
from bench.detection.plan import BUDGET
from bench.detection.streams import Floats, Sample

STEPS = 8
"""Halvings of the range of settings."""


class Rival(Protocol):
    """A detector that can be calibrated."""

    @property
    def name(self) -> str:
        """As printed."""

    def takes(self, kind: str) -> bool:
        """Whether it is made for a kind of sample."""

    def enter(self, quiet: Sample, changed: Sequence[tuple[Sample, int]], per_tick: float) -> Entry:
        """Calibrate on ``quiet``, then wait for the changes of the others at the ticks given."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """A detector whose ``compute`` gives a number per watched tick and series, -inf where it says nothing.

    ``usual`` is what its users are told, in words and as a threshold.
    """

    name: str
    compute: Callable[[Sample], Floats]
    usual: tuple[str, float] | None = None
    kinds: tuple[str, ...] = ("flag", "value", "category")

    def takes(self, kind: str) -> bool:
        """Whether it is made for a kind of sample."""
        return kind in self.kinds

    def enter(self, quiet: Sample, changed: Sequence[tuple[Sample, int]], per_tick: float) -> Entry:
        """Calibrate on ``quiet``, then wait for the changes of the others."""
        statistic = self.compute(quiet)
        tops = np.sort(statistic.max(0))[::-1]
        threshold = float(np.nextafter(tops[allowed(len(tops))], np.inf))
        delays = [
            Delay.of(first_over(self.compute(s), threshold), at, s.watched, per_tick) for s, at in changed
        ]
        alarms = Alarms.of(first_over(statistic, threshold), quiet.watched, quiet.events)
        said = ""
        if self.usual is not None:
            words, usual = self.usual
            said = f"as usually set ({words}) {np.mean(tops >= usual):.0%} false"
        return Entry(self.name, alarms, tuple(delays), said)


@dataclass(frozen=True, slots=True)
class Tuned:
    """A detector that is run once per setting: ``run(values, setting, learn)`` gives the first alarm or -1.

    Settings are logarithms to base 10, from ``loosest`` to ``strictest``; ``usual`` is the library's own.
    """

    name: str
    run: Callable[[Sequence[float], float, int], int]
    loosest: float
    strictest: float
    usual: float
    kinds: tuple[str, ...] = ("flag", "value")

    def takes(self, kind: str) -> bool:
        """Whether it is made for a kind of sample."""
        return kind in self.kinds

    def enter(self, quiet: Sample, changed: Sequence[tuple[Sample, int]], per_tick: float) -> Entry:
        """Calibrate on ``quiet`` by halving the range, then wait for the changes of the others."""
        series = _lists(quiet)
        usual = np.mean([self.run(x, self.usual, quiet.learn) >= 0 for x in series])
        remark = f"as usually set ({10**self.usual:.3g}) {usual:.0%} false"
        setting = self._calibrated(series, quiet.learn)
        if setting is None:
            nothing = Delay(float("nan"), float("nan"), 1.0)
            first = np.array([self.run(x, self.strictest, quiet.learn) for x in series])
            alarms = Alarms.of(first, quiet.watched, quiet.events)
            return Entry(
                self.name, alarms, tuple(nothing for _ in changed), f"no setting in budget; {remark}"
            )
        alarms = Alarms.of(self._first(quiet, setting), quiet.watched, quiet.events)
        delays = tuple(Delay.of(self._first(s, setting), at, s.watched, per_tick) for s, at in changed)
        return Entry(self.name, alarms, delays, f"{10**setting:.2g}; {remark}")

    def _first(self, sample: Sample, setting: float) -> Ints:
        return np.array([self.run(x, setting, sample.learn) for x in _lists(sample)], dtype=np.int64)

    def _calibrated(self, series: Sequence[Sequence[float]], learn: int) -> float | None:
        if self._too_many(series, self.strictest, learn):
            return None
        bad, good = self.loosest, self.strictest
        if not self._too_many(series, bad, learn):
            return bad
        for _ in range(STEPS):
            middle = (bad + good) / 2
            if self._too_many(series, middle, learn):
                bad = middle
            else:
                good = middle
        return good

    def _too_many(self, series: Sequence[Sequence[float]], setting: float, learn: int) -> bool:
        left = allowed(len(series))
        for x in series:
            left -= self.run(x, setting, learn) >= 0
            if left < 0:
                return True
        return False


def allowed(series: int) -> int:
    """How many of so many series may alarm."""
    return int(np.floor(BUDGET * series))


def _lists(sample: Sample) -> list[list[float]]:
    out: list[list[float]] = sample.means.T.tolist()
    return out
