"""When a rule or an objective would have fired over ticks that closed before it was written. Pure.

Both are decided as the stream decides them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from detectors.grid import Grid
from detectors.rules import ABSENT, BREACH, NO_DATA, OK, Rule, TickSum, Verdict, Window, joint
from detectors.slo import SEVERITIES, BurnWindow, Slo


@dataclass(frozen=True, slots=True)
class PastTick:
    """A tick in which a service had data, and what it held of the rule's series, if anything."""

    tick: int
    found: TickSum | None
    generation: int | None = None
    besides: tuple[PastTick, ...] = ()
    """What it held of the conditions that must hold, too."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule would have fired at the end of ``tick`` with this value of ``n``, until the end of ``ended``.

    ``limit`` is that of then, where it moves.
    """

    tick: int
    value: float | None
    n: int
    ended: int | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What came of a history: firings, the ticks that were decided, and those with too few values.

    ``values`` is the measure at every tick, where it was decided, ``fired`` the places in it of firings. Of
    a rule that compares them, values are multiples of the measure a week before, and ``no_past`` counts the
    ticks (of ``no_data``) that had too few values then.
    """

    firings: tuple[Firing, ...]
    decided: int
    no_data: int
    values: tuple[float | None, ...] = ()
    fired: tuple[int, ...] = ()
    no_past: int = 0


def replayed(
    rule: Rule,
    ticks: Iterable[PastTick],
    grid: Grid | None,
    tick_s: int,
    since: int = 0,
    grids: Sequence[Grid | None] = (),
) -> Past:
    """Decide a rule at the end of every tick, in order of time; those before ``since`` are not reported.

    ``grids`` are those of the conditions that must hold, too.
    """
    if rule.measure == ABSENT:
        return _missed(rule, ticks, tick_s)
    window = Window(rule, tick_s)
    firings: list[Firing] = []
    open_, counted = False, {OK: 0, BREACH: 0, NO_DATA: 0}
    generation: int | None = None
    begun: int | None = None
    others = [_Beside(Window(one, tick_s), of) for one, of in zip(rule.conditions(), grids, strict=True)]
    values: list[float | None] = []
    fired: list[int] = []
    no_past = 0
    for past in ticks:
        if past.generation is not None and past.generation != generation:
            window.clear()
            generation = past.generation
        besides = [one.close(found) for one, found in zip(others, past.besides, strict=True)]
        verdict = joint(window.close(past.tick, past.found, grid), besides)
        shown = past.tick >= since
        counted[verdict.status] += shown
        no_past += shown and verdict.lacks_past
        if verdict.status == OK:
            begun = None
        elif verdict.status == BREACH and begun is None:
            begun = past.tick
        lasts = begun is not None and (past.tick - begun) * tick_s >= rule.for_s
        if verdict.status == BREACH and lasts and not open_:
            limit = verdict.limit if rule.compare else None
            firings.append(Firing(past.tick, verdict.value, verdict.n, limit=limit))
            if shown:
                fired.append(len(values))
            open_ = True
        elif verdict.status == OK and open_:
            firings[-1] = replace(firings[-1], ended=past.tick)
            open_ = False
        if shown:
            values.append(_shown(rule, verdict))
    decided = counted[OK] + counted[BREACH]
    firings = [one for one in firings if one.tick >= since]
    return Past(tuple(firings), decided, counted[NO_DATA], tuple(values), tuple(fired), no_past)


@dataclass(slots=True)
class _Beside:
    """A condition that must hold, too."""

    window: Window
    grid: Grid | None
    generation: int | None = None

    def close(self, past: PastTick) -> Verdict:
        if past.generation is not None and past.generation != self.generation:
            self.window.clear()
            self.generation = past.generation
        return self.window.close(past.tick, past.found, self.grid)


def _shown(rule: Rule, verdict: Verdict) -> float | None:
    """The measure, as a multiple of that a week before where a rule compares them."""
    if not rule.compare or verdict.value is None:
        return verdict.value
    return rule.limit * verdict.value / verdict.limit if verdict.limit else None


def _missed(rule: Rule, ticks: Iterable[PastTick], tick_s: int) -> Past:
    """Gaps between ticks with records, to within a tick: the stream goes by the minute."""
    firings: list[Firing] = []
    last: int | None = None
    decided = 0
    for past in ticks:
        decided += 1
        if past.found is None or not past.found.n:
            continue
        missing_s = 0 if last is None else (past.tick - last - 1) * tick_s
        if last is not None and missing_s >= rule.window_s:
            firings.append(Firing(last + rule.window_s // tick_s, missing_s / 60, 0, past.tick - 1))
        last = past.tick
    return Past(tuple(firings), decided, 0)


def burnt(slo: Slo, ticks: Iterable[PastTick], grid: Grid | None, tick_s: int) -> dict[str, Past]:
    """Decide an objective at the end of every tick, in order of time; what came of each severity."""
    window = BurnWindow(slo, tick_s)
    firings: dict[str, list[Firing]] = {severity: [] for severity in SEVERITIES}
    counted = {severity: {OK: 0, BREACH: 0, NO_DATA: 0} for severity in SEVERITIES}
    open_: set[str] = set()
    generation: int | None = None
    for past in ticks:
        if past.generation is not None and past.generation != generation:
            window.clear()
            generation = past.generation
        for severity, burn in window.close(past.tick, past.found, grid).items():
            counted[severity][burn.status] += 1
            if burn.status == BREACH and severity not in open_:
                firings[severity].append(Firing(past.tick, burn.share, burn.n))
                open_.add(severity)
            elif burn.status == OK and severity in open_:
                firings[severity][-1] = replace(firings[severity][-1], ended=past.tick)
                open_.remove(severity)
    return {
        severity: Past(tuple(firings[severity]), counts[OK] + counts[BREACH], counts[NO_DATA])
        for severity, counts in counted.items()
    }
