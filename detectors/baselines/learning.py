"""Which series learn, since when, and when they have learned long enough.

Series first seen on the same day of a service's life learn together, over one window, so that they can be
fitted in one vector operation. A series with too few rows for a baseline learns on: its window slides by a
day and is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Learner:
    """Windows of learning series; all numbers are ticks.

    Parameters
    ----------
    learn
        Length of a window.
    tick_s
        Length of a tick, seconds.
    """

    def __init__(self, learn: int, tick_s: int) -> None:
        self._learn = learn
        self._day = 86_400 // tick_s
        self._first: int | None = None
        self._starts: dict[int, int] = {}
        self._done: set[int] = set()

    def seen(self, tick: int, series: Iterable[int]) -> None:
        """Note series that have rows at ``tick``; known ones keep their window."""
        if self._first is None:
            self._first = tick
        for number in series:
            if number not in self._starts and number not in self._done:
                self._starts[number] = self._first + (tick - self._first) // self._day * self._day

    def due(self, tick: int) -> list[tuple[int, list[int]]]:
        """Windows that end at or before ``tick``: their start and their series, in order."""
        groups: dict[int, list[int]] = {}
        for number, start in self._starts.items():
            if start + self._learn <= tick:
                groups.setdefault(start, []).append(number)
        return [(start, sorted(groups[start])) for start in sorted(groups)]

    def settle(self, start: int, fitted: Iterable[int], poor: Iterable[int]) -> None:
        """Say what became of the series of a window: fitted ones are done, poor ones learn a day on."""
        for number in fitted:
            self._starts.pop(number, None)
            self._done.add(number)
        for number in poor:
            self._starts[number] = start + self._day

    def again(self, number: int, start: int) -> None:
        """Let a series that is done learn anew from tick ``start``."""
        self._done.discard(number)
        self._starts[number] = start

    def forget(self, series: Iterable[int]) -> None:
        """Let these learn from the beginning when rows of theirs come."""
        for number in series:
            self._starts.pop(number, None)
            self._done.discard(number)

    @property
    def began(self) -> bool:
        """Whether anything was ever seen."""
        return self._first is not None

    def knows(self, series: int) -> bool:
        """Whether a series is learning."""
        return series in self._starts

    def start_of(self, series: int) -> int:
        """Start of a learning series' window; 0 for others."""
        return self._starts.get(series, 0)

    def state(self) -> dict[str, Any]:
        """Plain form for a snapshot."""
        return {
            "first": self._first,
            "starts": sorted(self._starts.items()),
            "done": sorted(self._done),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Inverse of `state`."""
        self._first = state["first"]
        self._starts = {int(n): int(s) for n, s in state["starts"]}
        self._done = set(state["done"])
