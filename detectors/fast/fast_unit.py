"""The fast path of one service and unit: calls come in, minute by minute, and gross rises come out.

What a closed tick says is final: its calls are taken in order of time, whatever the order of the log. Of
ticks that are open the calls so far are taken in the order of the log, on top of what is final.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from detectors.change.effect import wilson
from detectors.engine.snapshot import Arrays
from detectors.engine.ticks import Bools, Floats
from detectors.fast.distinct import Call, Distinct, Reach, Trials
from detectors.fast.fast_path import FastBank, upper_rate
from detectors.fast.minutes import Minute, minutes_of
from detectors.observation import Observation

MOST_OF_ONE = 0.5
"""A run whose hits are more than so much of one user's pages nobody."""
UNPRICED = 0.25
"""Stands in the bank for a flag without a limit, which is not bet on."""
HIGHEST = 0.5
"""Limits from here on leave no room for a gross rise."""
FIRST = 100
"""Bets that show what a service begins with."""
OPEN_TICKS = 4
"""So many ticks at most are open while a stream is read as it comes. What lies further ahead is of a history
that is read in large pieces, or of a wrong clock, and waits until all before it has been looked at."""


@dataclass(frozen=True, slots=True)
class Rise:
    """A flag that crossed in ``minute``, in a run that began at minute ``began``.

    ``n`` calls from then on had ``hits`` hits; ``n`` is 0 where some of them are no longer known one by one.
    ``cells`` are what a number measured in its run: pairs of a cell and how often it was counted.
    """

    score: str
    minute: int
    began: int
    evidence: float
    threshold: float
    reach: Reach
    n: int = 0
    hits: int = 0
    cells: tuple[tuple[int, int], ...] = ()

    def interval(self) -> tuple[float, float] | None:
        """Wilson's interval of the rate of the run, if its calls are known."""
        if not self.n:
            return None
        (low,), (high,) = wilson(np.array([float(self.n)]), np.array([float(self.hits)]))
        return float(low), float(high)


class FastUnit:
    """State of the flags ``scores`` of one unit.

    Parameters
    ----------
    unit, scores
        What is watched.
    w
        Share of the budget of each flag, expected false pages per minute.
    minutes
        Length of a tick.

    ``met`` counts the flags that had enough first calls.
    """

    def __init__(self, unit: str, scores: Sequence[str], w: float, minutes: int) -> None:
        self.unit, self.scores = unit, tuple(scores)
        self._minutes = minutes
        size = len(self.scores)
        self.bank = FastBank(np.full(size, UNPRICED), np.full(size, w), -1)
        self.priced: Bools = np.zeros(size, dtype=bool)
        self.resting: Bools = np.zeros(size, dtype=bool)
        self._first: Floats = np.zeros((2, size))
        self.met = 0
        self._known = Distinct(size)
        self._open: dict[int, list[tuple[int, Call]]] = {}
        self._taken, self._first_open = 0, -1
        self._ahead: Distinct | None = None
        self._sums: dict[int, Trials] = {}

    def price(self, score: str, p_high: float | None) -> None:
        """Set a flag's limit; evidence against another one is forgotten. ``None``: it is not bet on."""
        flag = self.scores.index(score)
        usable = p_high is not None and 0 < p_high < HIGHEST
        value = p_high if usable and p_high is not None else UNPRICED
        if usable != self.priced[flag] or value != self.bank.p_high[flag]:
            self.priced[flag], self.bank.p_high[flag] = usable, value
            self.bank.reset([flag])

    def _met(self) -> int:
        return int((self._first[0] >= FIRST).sum())

    def begins_with(self, score: str) -> float | None:
        """Upper 99 % bound of a flag's rate among its first calls, once there were enough of them."""
        n, hits = self._first[:, self.scores.index(score)]
        return float(upper_rate(hits, n)) if n >= FIRST else None

    def pause(self, score: str, resting: bool) -> None:
        """Stop betting on a flag while something is said of it, or begin anew."""
        flag = self.scores.index(score)
        self.resting[flag] = resting
        self.bank.reset([flag])

    def observe(self, o: Observation, next_tick: int) -> bool:
        """Take one observation; whether it holds a hit that is bet on. Late rows are left out."""
        columns = [(i, o.scores[s].rows) for i, s in enumerate(self.scores) if s in o.scores]
        if o.unit != self.unit or not columns:
            return False
        fresh: list[Call] = []
        for call in _calls(o, columns):
            tick = call.minute // self._minutes
            if tick >= next_tick:
                self._open.setdefault(tick, []).append((self._taken, call))
                self._taken += 1
                fresh.append(call)
        if not fresh:
            return False
        first = min(self._open)
        if first != self._first_open:
            self._first_open, self._ahead, self._sums = first, None, {}
        near = [c for c in fresh if c.minute // self._minutes < first + OPEN_TICKS]
        if self._ahead is not None:
            before = {m: t.hits.sum() for m, t in self._sums.items()}
            self._look(self._ahead, near)
            return any(t.hits.sum() > before.get(m, 0.0) for m, t in self._sums.items())
        if not any(call.hits for call in near):
            return False
        self._ahead = Distinct(len(self.scores), self._known)
        self._look(self._ahead, self._near())
        return True

    def _near(self) -> list[Call]:
        """The calls of the open ticks that are looked at, in the order of the log."""
        first = self._first_open
        ticks = (self._open.get(t, []) for t in range(first, first + OPEN_TICKS))
        return [call for _, call in sorted(c for calls in ticks for c in calls)]

    def _look(self, ahead: Distinct, calls: Sequence[Call]) -> None:
        for minute, some in groupby(calls, key=lambda c: c.minute):
            more = ahead.take(some, minute, self.bank.began.tolist())
            have = self._sums.get(minute)
            self._sums[minute] = more if have is None else have.plus(more)

    def peek(self) -> list[Rise]:
        """What has risen with the calls of open ticks so far; changes nothing."""
        bank, found = self.bank.copy(), list[Rise]()
        if self._ahead is None:
            return found
        for minute in sorted(self._sums):
            for flag in self._step(bank, minute, self._sums[minute]):
                if all(r.score != self.scores[flag] for r in found):
                    found += self._rise(bank, flag, minute, self._ahead, self._near())
        return found

    def by_minute(self, score: str, tick: int) -> list[Minute]:
        """Calls to which a flag applied in a tick that is open, and hits; see `minutes_of`."""
        return minutes_of((call for _, call in self._open.get(tick, ())), self.scores.index(score))

    def close(self, tick: int) -> list[Rise]:
        """Close one tick: what rose in it, each flag once."""
        found = list[Rise]()
        mine = sorted(call for _, call in self._open.pop(tick, ()))
        for minute, calls in groupby(mine, key=lambda c: c.minute):
            trials = self._known.take(calls, minute, self.bank.began.tolist())
            if self.met < len(self.scores):
                self._first += np.where(self._first[0] < FIRST, (trials.bets, trials.hits), 0.0)
                self.met = self._met()
            for flag in self._step(self.bank, minute, trials):
                if all(r.score != self.scores[flag] for r in found):
                    found += self._rise(self.bank, flag, minute, self._known, mine)
        if tick % max(60 // self._minutes, 1) == 0:
            self._known.forget(tick * self._minutes)
        self._ahead, self._sums = None, {}
        return found

    def _step(self, bank: FastBank, minute: int, trials: Trials) -> list[int]:
        if bank.last_tick < 0:
            bank.start(minute)
        on = (self.priced & ~self.resting).astype(float)
        page = bank.update(minute, trials.bets * on, trials.hits * on, trials.conversations * on)
        return [int(i) for i in np.flatnonzero(page)] if page.any() else []

    def _rise(
        self, bank: FastBank, flag: int, minute: int, known: Distinct, calls: Sequence[Call]
    ) -> list[Rise]:
        """The rise of a flag whose statistic is over its threshold, unless one user is behind it."""
        began = int(bank.began[flag])
        reach = known.reach(flag, began, int(bank.hits[flag]))
        if reach.largest > MOST_OF_ONE:
            return []
        evidence, threshold = float(bank.evidence()[flag]), float(bank.threshold[flag])
        n, hits = self._counts(flag, began, minute, calls)
        return [Rise(self.scores[flag], minute, began, evidence, threshold, reach, n, hits)]

    def _counts(self, flag: int, began: int, minute: int, calls: Sequence[Call]) -> tuple[int, int]:
        """Calls to which a flag applied within a run, and its hits; 0 if ``calls`` begin after the run."""
        if began // self._minutes < min(call.minute for call in calls) // self._minutes:
            return 0, 0
        mine = [c for c in calls if began <= c.minute <= minute and c.applies >> flag & 1]
        return len(mine), sum(c.hits >> flag & 1 for c in mine)

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays for a snapshot."""
        facts = {
            "scores": list(self.scores),
            "known": self._known.state(),
            "open": [list(call) for _, call in sorted(c for calls in self._open.values() for c in calls)],
        }
        arrays: Arrays = {**self.bank.snapshot(), "priced": self.priced.copy()}
        return facts, arrays | {"resting": self.resting.copy(), "first": self._first.copy()}

    def restore(self, facts: Mapping[str, Any], arrays: Arrays) -> None:
        """Inverse of `state`; what was kept of other flags than these is left out as a whole."""
        if list(facts["scores"]) != list(self.scores):
            return
        self.bank = FastBank.restore(arrays)
        self.priced = np.array(arrays["priced"], dtype=bool)
        self.resting = np.array(arrays["resting"], dtype=bool)
        if "first" in arrays:  # a state from before it had none
            self._first = np.array(arrays["first"], dtype=float)
            self.met = self._met()
        self._known.restore(facts["known"])
        for taken, fields in enumerate(facts["open"]):
            call = Call(*fields)
            self._open.setdefault(call.minute // self._minutes, []).append((taken, call))
        self._taken = len(facts["open"])


def _calls(o: Observation, columns: Sequence[tuple[int, Sequence[int]]]) -> list[Call]:
    """Rows of an observation in which any flag applies."""
    none = (0,) * len(o.minutes)
    at_ms, conversations, users = o.at_ms or none, o.conversations or none, o.users or none
    source = o.source
    out = []
    for row, minute in enumerate(o.minutes):
        applies = sum(1 << flag for flag, cells in columns if cells[row] >= 0)
        if applies:
            hits = sum(1 << flag for flag, cells in columns if cells[row] == 1)
            out.append(
                Call(
                    minute * 60_000 + at_ms[row],
                    source.topic,
                    source.partition,
                    source.offset,
                    row,
                    conversations[row],
                    users[row],
                    applies,
                    hits,
                )
            )
    return out
