"""Rules an operator wrote: a measure of a score over a window of closed ticks, against a fixed limit. Pure.

A rule is decided in event time: the window ends with the tick that has closed, and holds what ticks in it had
when they closed. Late rows are in none. Fewer than ``least_n`` values in the window decide nothing, in either
direction: missing data neither raises nor ends anything. That nothing comes is what ``absent`` is about,
which goes by minutes (`detectors.rule_watch.absence_watch`).
"""

from __future__ import annotations

import hashlib
import json
import math
import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from types import MappingProxyType
from typing import Any

from detectors.calendar_period import DAY, LONGEST_S, MONTH, period_of
from detectors.finding import ALL
from detectors.grid import Grid
from detectors.service_patterns import matches

ABSENT = "absent"
MEASURES = ("rate", "mean", "quantile", "sum", "count", ABSENT)
OK, BREACH, NO_DATA = "ok", "breach", "no_data"
OVER, UNDER = ">", "<"
OPS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {OVER: operator.gt, ">=": operator.ge, UNDER: operator.lt, "<=": operator.le}
)
"""What breaks a limit, of a value and the limit."""
NO_LIMIT = -1e15
"""Stands where none was written."""
CALLS = "volume"
"""The score of a rule about calls, whatever was measured of them."""
UTC = "UTC"
USUAL_WINDOW_S = 1800
"""Length of a window where none was written."""
WEEK = "week"
WEEK_S = 7 * 86_400
"""What a rule may compare its measure with: itself over the same window a week before."""
CLEARLY = 2.0
"""How many times as far beyond its limit a measure must be that was accepted before a rule speaks again."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold besides: a measure of another score beyond a limit, over the same window and traffic."""

    score: str
    measure: str
    op: str
    limit: float
    quantile: float = 0.95
    compare: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """``measure`` of ``score`` over ``window_s`` is to stay within ``limit``; ``op`` says what breaks it.

    ``rate`` is the share of hits of a flag, ``quantile`` (in 0..1) of the values, ``count`` how many values
    there were; ``absent`` has no limit: nothing came for ``window_s``. ``services`` are patterns with ``*``
    and ``?``; none: all. With ``by`` each value of that dimension is compared with the limit by itself. A
    breach is stated once it has lasted for ``for_s`` seconds. With ``together`` the measure is that of all
    those services in sum, not of each. With ``compare`` = `WEEK` the limit is a factor of the measure
    over the same window a week before. With ``window`` the window is no span that moves with the ticks, but
    the calendar ``day`` or ``month`` of ``time_zone`` so far. With ``and_`` the rule holds
    where each of these conditions holds, too. ``name``, ``owner``, ``runbook`` (an address)
    and ``receivers`` are handed on with what it states.
    """

    score: str
    measure: str
    window_s: int
    op: str
    limit: float
    unit: str = "interaction"
    slice: str = ALL
    quantile: float = 0.95
    least_n: int = 20
    severity: str = "ticket"
    services: tuple[str, ...] = ()
    by: str = ""
    for_s: int = 0
    name: str = ""
    owner: str = ""
    runbook: str = ""
    receivers: tuple[str, ...] = ()
    together: bool = False
    compare: str = ""
    window: str = ""
    time_zone: str = UTC
    and_: tuple[Condition, ...] = ()

    @property
    def rule_id(self) -> str:
        """16 hex digits over what it says, but for its severity and labels."""
        said = {name: value for name, value in asdict(self).items() if name not in _LABELS}
        said = {name: value for name, value in said.items() if value != _LATER.get(name)}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def text(self) -> str:
        """The rule in words."""
        where = "" if self.slice == ALL else f" in {self.slice}"
        where += f" by {self.by}" if self.by else ""
        where += " of all services together" if self.together else ""
        lasting = f", for {self.for_s / 60:g} min" if self.for_s else ""
        if self.measure == ABSENT:
            of = "call" if self.score == CALLS else f"record with {self.score}"
            return f"no {of}{where} for {self.window_s / 60:g} min"
        least = "" if self.measure == "count" else f" (of at least {self.least_n})"
        span = (
            f"a calendar {self.window} ({self.time_zone})" if self.window else f"{self.window_s / 60:g} min"
        )
        over = self.measured(f" over {span}")
        besides = "".join(f" and {one.score} {one.measured()}" for one in self.conditions())
        return f"{self.score}{where}: {over}{least}{besides}{lasting}"

    def scores(self) -> list[str]:
        """The scores it is about."""
        return [self.score, *(one.score for one in self.and_)]

    def measured(self, over: str = "") -> str:
        """Measure and limit in words."""
        measure = f"{100 * self.quantile:g} % quantile" if self.measure == "quantile" else self.measure
        times = " times that of a week before" if self.compare else ""
        return f"{measure}{over} {self.op} {self.limit:g}{times}"

    def conditions(self) -> list[Rule]:
        """What must hold besides, as rules: over the same traffic and window."""
        return [replace(self, **asdict(one), and_=(), for_s=0) for one in self.and_]

    def is_over(self) -> bool:
        """Whether more than the limit breaks it."""
        return self.op.startswith(OVER)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Rule:
        """A rule of its plain form, such as a control record holds (`to_dict`).

        Raises
        ------
        ValueError
            If it is not of that form.
        """
        try:
            values = {f.name: said[f.name] for f in fields(cls) if f.name in said or f.name not in _OPTIONAL}
            values["and_"] = tuple(Condition(**one) for one in said.get("and") or said.get("and_") or ())
            rule = cls(**values | {n: tuple(values[n]) for n in _LISTS if n in values})
            numbers = [rule.window_s, rule.limit, rule.quantile, rule.least_n, rule.for_s]
            numbers += [number for one in rule.and_ for number in (one.limit, one.quantile)]
            rule.text()
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a rule: {error!r}") from error
        if rule.measure not in MEASURES or rule.op not in OPS or rule.window_s <= 0 or rule.for_s < 0:
            raise ValueError(f"not a rule: {rule.text()}")
        if any(one.measure not in MEASURES or one.op not in OPS for one in rule.and_):
            raise ValueError(f"not a rule: {rule.text()}")
        if (
            rule.window not in ("", DAY, MONTH)
            or rule.compare not in ("", WEEK)
            or not all(map(math.isfinite, numbers))
        ):
            raise ValueError(f"not a rule: {rule.text()}")
        return rule

    def to_dict(self) -> dict[str, Any]:
        """Its plain form, the keys of ``[[rule]]``; those that came later only where they say something."""
        plain = asdict(self) | {name: list(getattr(self, name)) for name in _LISTS}
        plain["and"] = list(plain.pop("and_"))
        return {
            n: value
            for n, value in plain.items()
            if n not in (*_OPTIONAL, "and") or value not in ("", 0, [], _LATER.get(n))
        }

    def lookback_s(self) -> int:
        """Seconds before the end of a tick that may count for what is decided there."""
        if self.window:
            return LONGEST_S[self.window]
        compares = self.compare or any(one.compare for one in self.and_)
        return self.window_s + (WEEK_S if compares else 0)

    def looks_far(self) -> bool:
        """Whether more than a short span counts for what it decides."""
        return bool(self.window or self.compare or any(one.compare for one in self.and_))

    def is_for(self, service: str) -> bool:
        """Whether it is about a service."""
        return matches(service, self.services)


_LATER: Mapping[str, Any] = MappingProxyType(
    {"by": "", "for_s": 0, "together": False, "compare": "", "window": "", "time_zone": UTC, "and_": ()}
)
"""Parts of what a rule says that came after the first release, and what they are where they say nothing."""
_LABELS = ("severity", "name", "owner", "runbook", "receivers")
_OPTIONAL = (*_LATER, *_LABELS[1:])
_LISTS = ("services", "receivers")


@dataclass(frozen=True, slots=True)
class TickSum:
    """One series in one closed tick: how many values, their sum, and how many on each cell of the grid."""

    tick: int
    n: int
    total: float
    cells: tuple[tuple[int, int], ...] = ()


def tick_sum(tick: int, cells: Sequence[int], counts: Sequence[int], grid: Grid | None) -> TickSum:
    """A tick from its cells, summed as it is stored."""
    total = 0.0
    if grid is not None:
        total = sum([grid.value(cell) * n for cell, n in zip(cells, counts, strict=True)])
    return TickSum(tick, sum(counts), total, tuple(zip(cells, counts, strict=True)))


def is_clearly_worse(limit: float, value: float, accepted: float) -> bool:
    """Whether a measure lies more than `CLEARLY` times as far beyond the limit as one that was accepted."""
    return abs(value - limit) > CLEARLY * abs(accepted - limit)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``ok``, ``breach`` or ``no_data``, with the measure (``None`` without data), of ``n`` values.

    ``limit`` is what it was compared with; ``None`` where that is not known, as there was too little data
    a week before (``lacks_past``).
    """

    status: str
    value: float | None
    n: int
    limit: float | None = None
    lacks_past: bool = False


def decide(
    rule: Rule, ticks: Iterable[TickSum], grid: Grid | None, before: Iterable[TickSum] = ()
) -> Verdict:
    """What a rule says of the ticks in its window; ``before`` are those of the window a week before."""
    window = list(ticks)
    n = sum(t.n for t in window)
    least = 1 if rule.measure == "count" else max(1, rule.least_n)
    if n < least:
        return Verdict(NO_DATA, None, n)
    limit = rule.limit
    if rule.compare:
        past = list(before)
        n_past = sum(t.n for t in past)
        if n_past < least:
            return Verdict(NO_DATA, None, n, lacks_past=True)
        limit *= _measured(rule, past, n_past, grid)
    value = _measured(rule, window, n, grid)
    return Verdict(BREACH if OPS[rule.op](value, limit) else OK, value, n, limit)


def _measured(rule: Rule, window: Sequence[TickSum], n: int, grid: Grid | None) -> float:
    if rule.measure == "count":
        return float(n)
    if rule.measure == "quantile":
        return _quantile(rule.quantile, window, n, grid)
    total = math.fsum(t.total for t in window)
    return total if rule.measure == "sum" else total / n


def _quantile(quantile: float, window: Sequence[TickSum], n: int, grid: Grid | None) -> float:
    """Least value that at least such a share of the values does not exceed (inverse of the distribution)."""
    if grid is None:
        raise ValueError("names have no quantiles")
    counts: dict[int, int] = {}
    for tick in window:
        for cell, k in tick.cells:
            counts[cell] = counts.get(cell, 0) + k
    wanted, so_far = quantile * n - 1e-9, 0
    cells = sorted(counts)
    for cell in cells:
        so_far += counts[cell]
        if so_far >= wanted:
            return grid.value(cell)
    return grid.value(cells[-1])


def joint(verdict: Verdict, besides: Sequence[Verdict]) -> Verdict:
    """What a rule says whose conditions all must hold: one that does not is enough for ``ok``."""
    statuses = {one.status for one in (verdict, *besides)}
    status = next((one for one in (OK, NO_DATA) if one in statuses), BREACH)
    lacks_past = status == NO_DATA and any(one.lacks_past for one in (verdict, *besides))
    return replace(verdict, status=status, lacks_past=lacks_past)


class Window:
    """The ticks that a rule looks back on, as they close; those of a calendar period are added up in one."""

    def __init__(self, rule: Rule, tick_s: int, ticks: Iterable[TickSum] = ()) -> None:
        self.rule = rule
        self._tick_s = tick_s
        self._length = max(1, rule.window_s // tick_s)
        self._offset = WEEK_S // tick_s if rule.compare else 0
        self._ticks = deque(ticks)

    def __iter__(self) -> Iterator[TickSum]:
        return iter(self._ticks)

    def decide(self, tick: int, grid: Grid | None) -> Verdict:
        """What the rule says at the end of ``tick`` of the ticks there are."""
        if not self._offset:
            return decide(self.rule, self._ticks, grid)
        before = [t for t in self._ticks if t.tick <= tick - self._offset]
        return decide(self.rule, self.looked_at(tick), grid, before)

    def looked_at(self, tick: int) -> list[TickSum]:
        """The ticks in the window that ends with ``tick``."""
        return [t for t in self._ticks if self.rule.window or t.tick > tick - self._length]

    def close(self, tick: int, found: TickSum | None, grid: Grid | None) -> Verdict:
        """Decide at the end of ``tick``; ``found`` is what it holds, if anything."""
        if found is not None and found.n:
            plain = found if self.rule.measure == "quantile" else TickSum(tick, found.n, found.total)
            self._ticks.append(plain)
        if self.rule.window:
            self._keep_period(tick)
            return self.decide(tick, grid)
        while self._ticks and self._ticks[0].tick <= tick - self._length - self._offset:
            self._ticks.popleft()
        return self.decide(tick, grid)

    def _keep_period(self, tick: int) -> None:
        """Add up what came in the calendar period in which ``tick`` begins, as of the first tick there is."""
        ticks = [t for t in self._ticks if self._period(t.tick) == self._period(tick)]
        self._ticks.clear()
        if ticks:
            counts: dict[int, int] = {}
            for cell, n in (pair for t in ticks for pair in t.cells):
                counts[cell] = counts.get(cell, 0) + n
            total = sum(t.total for t in ticks)
            self._ticks.append(
                TickSum(ticks[0].tick, sum(t.n for t in ticks), total, tuple(sorted(counts.items())))
            )

    def _period(self, tick: int) -> date:
        return period_of(tick * self._tick_s, self.rule.window, self.rule.time_zone)

    def clear(self) -> None:
        """Forget all: what comes is not comparable with it."""
        self._ticks.clear()
