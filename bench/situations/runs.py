"""One service that meets one situation, and the table of what was told of all of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.situations.traffic import SITUATIONS, USUAL, Odds, Situation
from bench.webhook import Heard

BEGINNINGS = ("opened", "reopened")
"""Kinds of messages that say that something begins: each cause is to have one."""


@dataclass(slots=True)
class Run:
    """One service that meets one situation; times are seconds of one clock."""

    situation: Situation
    service: str
    environment: str
    begins_s: float = float("inf")
    ends_s: float = float("inf")
    leaked: bool = False
    heard: list[Heard] = field(default_factory=list)

    def odds(self, now_s: float) -> Odds | None:
        """What its calls are like now."""
        if not self.begins_s <= now_s < self.ends_s:
            return USUAL
        if self.situation.once:
            if self.leaked:
                return USUAL
            self.leaked = True
        return self.situation.cause(now_s - self.begins_s)


def report(runs: Sequence[Run]) -> list[str]:
    """A line for each situation."""
    head = ("told", "median", "p90", "goal", "other", "ended", "median")
    lines = [f"{'situation':44} " + " ".join(f"{name:>8}" for name in head)]
    for situation in SITUATIONS:
        mine = [r for r in runs if r.situation is situation]
        if not mine:
            continue
        took, ends, others = list[float](), list[float](), 0
        for run in mine:
            opened = [h for h in run.heard if h.kind in BEGINNINGS]
            after = [h for h in opened if h.at_s >= run.begins_s and not situation.is_quiet]
            others += len(opened) - min(len(after), 1)
            if after:
                took.append(after[0].at_s - run.begins_s)
                closed = [
                    h.at_s for h in run.heard if h.incident == after[0].incident and h.kind == "resolved"
                ]
                ends += [at_s - min(run.ends_s, at_s) for at_s in closed[:1]]
        goal = "" if situation.goal_s is None else f"{situation.goal_s:g}"
        cells = [f"{len(took)}/{len(mine)}", *_quantiles(took), goal, str(others)]
        cells += [f"{len(ends)}/{len(took)}", _quantiles(ends)[0]]
        lines.append(f"{situation.title:44} " + " ".join(f"{cell:>8}" for cell in cells))
    return lines


def _quantiles(values: Sequence[float]) -> tuple[str, str]:
    if not values:
        return "-", "-"
    high = sorted(values)[min(int(0.9 * len(values)), len(values) - 1)]
    return f"{statistics.median(values):.1f}", f"{high:.1f}"


def odd(runs: Sequence[Run]) -> list[Heard]:
    """Messages without a cause: before it, or where nothing happens."""
    return [h for run in runs for h in run.heard if run.situation.is_quiet or h.at_s < run.begins_s]
