"""Service level objectives over closed ticks: how fast the budget of what may go wrong is burnt. Pure.

An objective says which share of calls is to be good. What may be bad is a budget over 30 days; a burn of 1
spends just that, one of 14.4 two percent of it in an hour. It is looked at over pairs of windows: the long
one says how much is spent, the short one that it goes on. Windows and factors are those of the SRE workbook
(Google, 2018, chapter 5, table 5-8), for 30 days: pages at 2 % of the budget in an hour and 5 % in six,
tickets at 10 % in a day and in three.

Time is event time, as for rules (`detectors.rules`): a window ends with the tick that has closed, late rows
are in none, and what is missing decides nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from detectors.finding import ALL
from detectors.grid import Grid
from detectors.rules import BREACH, NO_DATA, OK, TickSum
from detectors.scorers.protocol import ScoreSpec
from detectors.service_patterns import matches

PERIOD_S = 30 * 86_400
"""What the budget is for."""
HOUR_S = 3600
LEAST_BAD = 5
"""A long window decides when so many bad calls would be at its limit: fewer are chance."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A long and a short window, and how fast the budget must burn in both of them."""

    severity: str
    long_s: int
    short_s: int
    factor: float


PAIRS = (
    Pair("page", HOUR_S, 300, 14.4),
    Pair("page", 6 * HOUR_S, 1800, 6.0),
    Pair("ticket", 24 * HOUR_S, 2 * HOUR_S, 3.0),
    Pair("ticket", 72 * HOUR_S, 6 * HOUR_S, 1.0),
)
SEVERITIES = ("page", "ticket")
LONGEST_S = max(pair.long_s for pair in PAIRS)


@dataclass(frozen=True, slots=True)
class Slo:
    """``objective`` (in 0..1) is the share of calls that is to be good.

    A call is bad if the flag ``score`` is 1 or, of a score that is none, if its value is over ``above``.
    ``severity`` is the gravest that it states. ``services`` are patterns with ``*`` and ``?``; none: all.
    """

    score: str
    objective: float
    above: float = 0.0
    unit: str = "interaction"
    slice: str = ALL
    least_n: int = 20
    severity: str = "page"
    services: tuple[str, ...] = ()

    @property
    def slo_id(self) -> str:
        """16 hex digits over what it says, but for its severity."""
        said = {name: value for name, value in asdict(self).items() if name != "severity"}
        return hashlib.sha256(json.dumps(["slo", said], sort_keys=True).encode()).hexdigest()[:16]

    @property
    def allowed(self) -> float:
        """Share of calls that may be bad."""
        return round(1.0 - self.objective, 12)

    def text(self) -> str:
        """The objective in words."""
        where = "" if self.slice == ALL else f" in {self.slice}"
        bad = f" over {self.above:g}" if self.above else ""
        return f"{self.score}{bad}{where}: at most {100 * self.allowed:g} % over 30 days"

    def is_for(self, service: str) -> bool:
        """Whether it is about a service."""
        return matches(service, self.services)

    def least(self, pair: Pair) -> int:
        """Values the long window of a pair must hold to decide."""
        return max(self.least_n, math.ceil(LEAST_BAD / (pair.factor * self.allowed) - 1e-9))


def fault(slo: Slo, spec: ScoreSpec) -> str | None:
    """Why an objective can never be decided as it stands; ``None`` if it can."""
    if slo.unit != spec.unit:
        return f"unit = {slo.unit!r}: {slo.score} is measured per {spec.unit}"
    if spec.grid is None:
        return f"{slo.score} has names for values: take a flag, or a score with numbers"
    if spec.kind == "flag" and slo.above:
        return f"above = {slo.above:g} is for scores with values: {slo.score} is a flag"
    if spec.kind != "flag" and not slo.above:
        return f"above is missing: {slo.score} is {spec.kind}, say which values are bad"
    if slo.above and slo.slice != ALL:
        return f"above is for all traffic: of slice {slo.slice!r} only sums are kept"
    if min(pair.factor for pair in PAIRS) * slo.allowed >= 1:
        return f"objective = {slo.objective:g} can never be missed that fast"
    return None


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many were bad, from the end of a tick on."""

    tick: int
    n: int
    bad: int


@dataclass(frozen=True, slots=True)
class Burn:
    """What one severity says: ``status``, and of the pair that burns fastest over its limit its numbers.

    ``share`` is that of bad calls among ``n`` in the long window; ``burn`` and ``burn_short`` are multiples.
    """

    status: str
    pair: Pair | None = None
    share: float | None = None
    n: int = 0
    burn: float | None = None
    burn_short: float | None = None


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """Bad calls of the last 30 days among all; ``left`` of the budget is below 0 once it is gone."""

    n: int
    bad: int
    left: float | None


def bad_of(slo: Slo, found: TickSum, grid: Grid) -> int:
    """How many values of a tick were bad."""
    if not slo.above:
        return round(found.total)
    return sum(k for cell, k in found.cells if grid.value(cell) > slo.above)


class BurnWindow:
    """What an objective looks back on: ticks of three days, and hours of thirty."""

    def __init__(
        self,
        slo: Slo,
        tick_s: int,
        ticks: Iterable[Share] = (),
        hours: Iterable[Share] = (),
    ) -> None:
        self.slo, self._tick_s = slo, tick_s
        self.ticks, self.hours = deque(ticks), deque(hours)

    def close(self, tick: int, found: TickSum | None, grid: Grid | None) -> dict[str, Burn]:
        """Decide at the end of ``tick``; ``found`` is what it holds, if anything."""
        hour = tick * self._tick_s // HOUR_S
        if found is not None and found.n and grid is not None:
            share = Share(tick, found.n, bad_of(self.slo, found, grid))
            self.ticks.append(share)
            last = self.hours.pop() if self.hours and self.hours[-1].tick == hour else Share(hour, 0, 0)
            self.hours.append(Share(hour, last.n + share.n, last.bad + share.bad))
        while self.ticks and self.ticks[0].tick <= tick - self._length(LONGEST_S):
            self.ticks.popleft()
        while self.hours and self.hours[0].tick <= hour - PERIOD_S // HOUR_S:
            self.hours.popleft()
        return {severity: self._judged(severity, tick) for severity in SEVERITIES}

    def _length(self, seconds: int) -> int:
        """Ticks of a window; one that is shorter than a tick is a tick."""
        return -(-seconds // self._tick_s)

    def _judged(self, severity: str, tick: int) -> Burn:
        """Breached if a pair is; fine only if every pair is known to be."""
        found = [self._of_pair(pair, tick) for pair in PAIRS if pair.severity == severity]
        breached = [b for b in found if b.status == BREACH]
        if breached:
            return max(breached, key=lambda b: (b.burn or 0.0) / (b.pair.factor if b.pair else 1.0))
        return Burn(OK if all(b.status == OK for b in found) else NO_DATA)

    def _of_pair(self, pair: Pair, tick: int) -> Burn:
        n, bad = self._sums(tick, pair.long_s)
        n_short, bad_short = self._sums(tick, pair.short_s)
        limit = pair.factor * self.slo.allowed
        long_known, short_known = n >= self.slo.least(pair), n_short > 0
        long_over = long_known and bad / n > limit
        short_over = short_known and bad_short / n_short > limit
        if (long_known and not long_over) or (short_known and not short_over):
            return Burn(OK)
        if not (long_over and short_over):
            return Burn(NO_DATA)
        allowed = self.slo.allowed
        return Burn(BREACH, pair, bad / n, n, bad / n / allowed, bad_short / n_short / allowed)

    def _sums(self, tick: int, seconds: int) -> tuple[int, int]:
        first, n, bad = tick - self._length(seconds), 0, 0
        for share in reversed(self.ticks):
            if share.tick <= first:
                break
            n, bad = n + share.n, bad + share.bad
        return n, bad

    def first_of(self, pair: Pair, tick: int) -> int:
        """The first tick with values in the long window of a pair."""
        first = tick - self._length(pair.long_s)
        return min((s.tick for s in self.ticks if s.tick > first), default=tick)

    def budget_use(self) -> BudgetUse:
        """What is spent of the budget, by what came in the last 30 days."""
        n, bad = sum(h.n for h in self.hours), sum(h.bad for h in self.hours)
        return BudgetUse(n, bad, 1.0 - bad / (n * self.slo.allowed) if n else None)

    def clear(self) -> None:
        """Forget all: what comes is not comparable with it."""
        self.ticks.clear()
        self.hours.clear()


def in_words(slo: Slo, burn: Burn, spent: BudgetUse) -> tuple[str, ...]:
    """Notes of a finding: the objective, how fast its budget burns, and what is left of it."""
    notes = [f"share of values above {slo.above:g}"] if slo.above else []
    notes.append(f"objective {slo.text()}")
    if burn.pair is not None:
        pair = burn.pair
        notes.append(
            f"burns {burn.burn:.3g} times what it may over {span(pair.long_s)} and {burn.burn_short:.3g} "
            f"times over {span(pair.short_s)}; the limit is {pair.factor:g} times"
        )
    if spent.left is not None:
        left = f"{100 * spent.left:.3g} % of the budget of 30 days is left"
        gone = f"the budget of 30 days is spent {1.0 - spent.left:.3g} times"
        notes.append(f"{left if spent.left > 0 else gone} ({spent.bad} bad of {spent.n})")
    return tuple(notes)


def span(seconds: int) -> str:
    """``5 min``, ``6 h`` or ``3 d``."""
    if seconds < HOUR_S:
        return f"{seconds // 60} min"
    return f"{seconds // HOUR_S} h" if seconds < 86_400 else f"{seconds // 86_400} d"


def plain(shares: Iterable[Share]) -> list[list[int]]:
    """For a snapshot."""
    return [[s.tick, s.n, s.bad] for s in shares]


def shares(rows: Iterable[Sequence[int]]) -> list[Share]:
    """Inverse of `plain`."""
    return [Share(*row) for row in rows]
