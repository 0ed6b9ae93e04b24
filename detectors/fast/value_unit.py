"""The fast path of numbers of one service and unit: latency, length or cost several times as high.

As for flags, what a closed tick says is final, and open ticks are looked at as they come. A value beyond the
upper 5 % of its baseline is a hit (see `tail_bank`), and somebody's first one in a quarter of an hour counts.
Hits are common, so open ticks are looked at once a minute at most: when the next minute's calls come and one
that has passed lifts a statistic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from detectors.engine.snapshot import Arrays
from detectors.engine.ticks import Bools, Floats
from detectors.fast.distinct import Call, Distinct, Trials
from detectors.fast.fast_unit import HIGHEST, MOST_OF_ONE, OPEN_TICKS, UNPRICED, Rise
from detectors.fast.minutes import Minute, minutes_of
from detectors.fast.tail_bank import WINDOW, TailBank
from detectors.fast.upper_tail import Tail
from detectors.observation import ABSENT, Observation
from detectors.scorers.protocol import ScoreSpec


class Measured(NamedTuple):
    """One row of an observation: ``cells`` are of the scores in order. They order by time."""

    at_ms: int
    topic: str
    partition: int
    offset: int
    row: int
    conversation: int
    user: int
    cells: tuple[int, ...]

    @property
    def minute(self) -> int:
        """Minute of its end."""
        return self.at_ms // 60_000


class ValueUnit:
    """State of the numbers ``specs`` of one unit.

    Parameters
    ----------
    unit, specs
        What is watched.
    w
        Share of the budget of each score, expected false alarms per minute.
    minutes
        Length of a tick.
    """

    def __init__(self, unit: str, specs: Sequence[ScoreSpec], w: Floats, minutes: int) -> None:
        self.unit = unit
        self.scores = tuple(spec.name for spec in specs)
        self._sizes = [spec.grid.cells if spec.grid is not None else 0 for spec in specs]
        self._minutes = minutes
        size = len(self.scores)
        self.bank = TailBank(np.full(size, UNPRICED), w, -1)
        self.cuts = [-1] * size
        self.priced: Bools = np.zeros(size, dtype=bool)
        self.resting: Bools = np.zeros(size, dtype=bool)
        self._known = Distinct(size, lasts=WINDOW)
        self._open: dict[int, list[tuple[int, Measured]]] = {}
        self._taken = 0
        self._newest = -1
        self._plain: dict[int, tuple[list[int], list[int]]] = {}
        self._bet_on: list[int] = []
        self._is_due = False
        self._ahead: Distinct | None = None
        self._ahead_to, self._ahead_from = 0, -1
        self._sums: dict[int, Trials] = {}

    def price(self, score: str, tail: Tail | None) -> None:
        """Set a score's tail; evidence against another one is forgotten. ``None``: it is not bet on."""
        at, bank = self.scores.index(score), self.bank
        usable = tail is not None and 0 < tail.p_high < HIGHEST
        p_high, kappa, usual = (
            (tail.p_high, tail.kappa, tail.usual) if tail is not None and usable else (UNPRICED, 1.0, 1.0)
        )
        cut = int(self.cuts[at]) if tail is None else tail.cut  # what is open is still measured by the last
        now = usable, p_high, kappa, usual, cut
        had = self.priced[at], bank.p_high[at], bank.kappa[at], bank.usual[at], self.cuts[at]
        if now != had:
            self.priced[at], bank.p_high[at], bank.kappa[at], bank.usual[at], self.cuts[at] = now
            bank.reset([at])
            self._count_anew()

    def pause(self, score: str, resting: bool) -> None:
        """Stop betting on a score while something is stated of it, or begin anew."""
        at = self.scores.index(score)
        self.resting[at] = resting
        self.bank.reset([at])

    def observe(self, o: Observation, next_tick: int) -> bool:
        """Take one observation; whether open ticks are worth a look. Late rows are left out."""
        if o.unit != self.unit or not self._bet_on:
            return False
        fresh = [m for m in self._measured(o) if m.minute // self._minutes >= next_tick]
        if not fresh:
            return False
        for one in fresh:
            self._open.setdefault(one.minute // self._minutes, []).append((self._taken, one))
            self._taken += 1
            self._count(one)
        near = min(self._open) + OPEN_TICKS
        newest = max((m.minute for m in fresh if m.minute // self._minutes < near), default=self._newest)
        turned, self._newest = newest != self._newest, newest
        self._is_due |= turned and self._has_risen(newest)
        return self._is_due

    def _has_risen(self, newest: int) -> bool:
        """Whether the calls of any minute before ``newest`` lift a statistic, whoever made them."""
        on = (~self.resting).astype(float)
        return any(
            self.bank.lifts(np.array(n) * on, np.array(hits) * on)
            for minute, (n, hits) in self._plain.items()
            if minute < newest
        )

    def _count(self, one: Measured) -> None:
        size = len(self.scores)
        n, hits = self._plain.setdefault(one.minute, ([0] * size, [0] * size))
        for at in self._bet_on:
            cell = one.cells[at]
            if cell != ABSENT:
                n[at] += 1
                hits[at] += cell > self.cuts[at]

    def _count_anew(self) -> None:
        self._bet_on = [int(at) for at in np.flatnonzero(self.priced)]
        self._plain, self._ahead = {}, None
        for calls in self._open.values():
            for _, one in calls:
                self._count(one)

    def peek(self) -> list[Rise]:
        """What has risen with the calls of open ticks so far, where a look is due."""
        if not self._is_due:
            return []
        self._is_due = False
        near, first = self._near(), min(self._open)
        if self._ahead is None or first != self._ahead_from:
            self._ahead = Distinct(len(self.scores), self._known, lasts=WINDOW)
            self._ahead_to, self._ahead_from, self._sums = 0, first, {}
        fresh = [one for taken, one in near if taken >= self._ahead_to]
        self._ahead_to = self._taken
        for minute, some in groupby(fresh, key=lambda m: m.minute):
            more = self._ahead.take(map(self._call, some), minute, self.bank.began.tolist())
            have = self._sums.get(minute)
            self._sums[minute] = more if have is None else have.plus(more)
        bank, found = self.bank.copy(), list[Rise]()
        calls = [one for _, one in near]
        for minute in sorted(self._sums):
            for at in self._step(bank, minute, self._sums[minute]):
                if all(r.score != self.scores[at] for r in found):
                    found += self._rise(bank, at, minute, self._ahead, calls)
        return found

    def _near(self) -> list[tuple[int, Measured]]:
        """The calls of the open ticks that are looked at, in the order of the log."""
        first = min(self._open)
        return sorted(c for t in range(first, first + OPEN_TICKS) for c in self._open.get(t, ()))

    def by_minute(self, score: str, tick: int) -> list[Minute]:
        """Values of a score in a tick that is open, and those beyond its cut; see `minutes_of`."""
        at = self.scores.index(score)
        measured = (one for _, one in self._open.get(tick, ()) if one.cells[at] != ABSENT)
        return minutes_of((Call(*one[:7], 1, int(one.cells[at] > self.cuts[at])) for one in measured), 0)

    def close(self, tick: int) -> list[Rise]:
        """Close one tick: what rose in it, each score once."""
        found = list[Rise]()
        mine = sorted(one for _, one in self._open.pop(tick, ()))
        for minute, calls in groupby(mine, key=lambda m: m.minute):
            trials = self._known.take(map(self._call, calls), minute, self.bank.began.tolist())
            for at in self._step(self.bank, minute, trials):
                if all(r.score != self.scores[at] for r in found):
                    found += self._rise(self.bank, at, minute, self._known, mine)
        if mine:
            self._known.forget(tick * self._minutes)
        self._plain = {m: sums for m, sums in self._plain.items() if m // self._minutes > tick}
        self._ahead = None
        return found

    def _step(self, bank: TailBank, minute: int, trials: Trials) -> list[int]:
        if bank.last_tick < 0:
            bank.start(minute)
        on = (self.priced & ~self.resting).astype(float)
        page = bank.update(minute, trials.bets * on, trials.hits * on)
        return [int(i) for i in np.flatnonzero(page & self.priced & ~self.resting)]

    def _rise(
        self, bank: TailBank, at: int, minute: int, known: Distinct, calls: Sequence[Measured]
    ) -> list[Rise]:
        """The rise of a score whose statistic is over its threshold, unless one user is behind it."""
        began = int(bank.began[at])
        reach = known.reach(at, began, int(bank.hits[at]))
        if reach.largest > MOST_OF_ONE:
            return []
        # of a run that began before the ticks that are known call by call, what is known lies within it
        cells = [m.cells[at] for m in calls if began <= m.minute <= minute and m.cells[at] != ABSENT]
        counted = tuple(sorted(Counter(cells).items()))
        evidence, threshold = float(bank.evidence()[at]), float(bank.threshold[at])
        hits = sum(cell > self.cuts[at] for cell in cells)
        return [Rise(self.scores[at], minute, began, evidence, threshold, reach, len(cells), hits, counted)]

    def _call(self, one: Measured) -> Call:
        """A row as a flag's call: a value beyond the cut of its score is a hit."""
        applies = hits = 0
        for at in self._bet_on:
            cell = one.cells[at]
            if cell != ABSENT:
                applies |= 1 << at
                hits |= (cell > self.cuts[at]) << at
        return Call(*one[:7], applies, hits)

    def _measured(self, o: Observation) -> Iterator[Measured]:
        """Rows of an observation in which anything was measured; what is of no grid of ours is left out."""
        none, none_of_it = (0,) * len(o.minutes), (ABSENT,) * len(o.minutes)
        at_ms, conversations, users = o.at_ms or none, o.conversations or none, o.users or none
        columns = []
        for score, size in zip(self.scores, self._sizes, strict=True):
            rows = o.scores[score].rows if score in o.scores else none_of_it
            columns.append(
                tuple(c if c < size else ABSENT for c in rows) if max(rows, default=0) >= size else rows
            )
        s, nothing = o.source, (ABSENT,) * len(columns)
        for row, cells in enumerate(zip(*columns, strict=True)):
            if cells != nothing:
                yield Measured(
                    o.minutes[row] * 60_000 + at_ms[row],
                    s.topic,
                    s.partition,
                    s.offset,
                    row,
                    conversations[row],
                    users[row],
                    cells,
                )

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays for a snapshot."""
        calls = sorted(c for calls in self._open.values() for c in calls)
        facts: dict[str, Any] = {
            "scores": list(self.scores),
            "known": self._known.state(),
            "open": [[*one[:7], list(one.cells)] for _, one in calls],
            "newest": self._newest,
        }
        facts["cuts"] = list(self.cuts)
        return facts, {**self.bank.snapshot(), "priced": self.priced.copy(), "resting": self.resting.copy()}

    def restore(self, facts: Mapping[str, Any], arrays: Arrays) -> None:
        """Inverse of `state`; what was kept of other scores than these is left out as a whole."""
        if list(facts["scores"]) != list(self.scores):
            return
        self.bank = TailBank.restore(arrays)
        self.priced = np.array(arrays["priced"], dtype=bool)
        self.resting = np.array(arrays["resting"], dtype=bool)
        self.cuts = list(facts["cuts"])
        self._known.restore(facts["known"])
        self._open = {}
        self._take_back(facts["open"])
        self._newest = facts["newest"]
        self._count_anew()

    def _take_back(self, calls: Iterable[Sequence[Any]]) -> None:
        self._taken = 0
        for at_ms, topic, partition, offset, row, conversation, user, cells in calls:
            one = Measured(at_ms, topic, partition, offset, row, conversation, user, tuple(cells))
            self._open.setdefault(one.minute // self._minutes, []).append((self._taken, one))
            self._taken += 1
