"""How far a scorer or a judge can be believed, by what people said. Pure.

Shares have the interval of Wilson. The threshold of a score that is no flag is no number of ours: it is the
top share of what the service itself usually has (`Top`), since a learned score means different things in
different traffic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.measures.intervals import Interval, wilson
from dashboard.queries.calibration import HumanVerdict, Pair
from detectors.scorers.protocol import ScoreSpec

TOP = 0.01
"""Share of a service's own traffic above the threshold."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Judge and people over the interactions both rated. ``kappa`` takes out what chance alone would give."""

    judge: str
    human: str
    n: int
    agree: int
    interval: Interval
    kappa: float | None
    judge_good: int
    people_good: int


@dataclass(frozen=True, slots=True)
class Top:
    """From which value on a score is among the top `TOP` of a service's last days, of ``n`` values."""

    value: float
    n: int


@dataclass(frozen=True, slots=True)
class Precision:
    """Of a score's hits that people looked at, how many are right; ``missed`` of ``below`` below it are not.

    ``threshold`` is what a hit is: 0.5 of a flag, else the service's own (`Top`).
    """

    score: str
    service: str
    threshold: float | None
    hits: int
    right: int
    interval: Interval
    below: int
    missed: int


def agreement(human: str, pairs: Iterable[Pair]) -> list[Agreement]:
    """Agreement of every judge with people's ``human``, by name of the judge."""
    tables: defaultdict[str, dict[tuple[bool, bool], int]] = defaultdict(dict)
    for p in pairs:
        tables[p.judge][p.judge_good, p.people_good] = p.n
    out = []
    for judge, table in sorted(tables.items()):
        n = sum(table.values())
        agree = sum(k for (a, b), k in table.items() if a == b)
        judge_good = sum(k for (a, _), k in table.items() if a)
        people_good = sum(k for (_, b), k in table.items() if b)
        chance = (judge_good * people_good + (n - judge_good) * (n - people_good)) / n**2
        kappa = None if chance == 1 else (agree / n - chance) / (1 - chance)
        out.append(Agreement(judge, human, n, agree, wilson(agree, n), kappa, judge_good, people_good))
    return out


def top_of(cells: Mapping[int, int], spec: ScoreSpec, share: float = TOP) -> Top | None:
    """The least value whose cell and those above hold at most ``share`` of all; ``None`` without any."""
    if spec.grid is None or not cells:
        return None
    n = sum(cells.values())
    above = 0
    threshold = None
    for cell in sorted(cells, reverse=True):
        above += cells[cell]
        if above > share * n and threshold is not None:
            break
        threshold = cell
    return None if threshold is None else Top(spec.grid.value(threshold), n)


def precision(
    said: Sequence[HumanVerdict], specs: Mapping[str, ScoreSpec], tops: Mapping[tuple[str, str], Top]
) -> list[Precision]:
    """Precision of every score in every service of which people said something.

    A word on a score that nothing is known of, or of which a service has no level yet, is left out.
    """
    found: defaultdict[tuple[str, str], list[HumanVerdict]] = defaultdict(list)
    for one in said:
        found[one.score, one.service].append(one)
    out = []
    for (score, service), words in sorted(found.items()):
        spec = specs.get(score)
        if spec is None or spec.grid is None:
            continue
        top = tops.get((service, score))
        threshold = 0.5 if spec.kind == "flag" else top.value if top else None
        if threshold is None:
            continue
        # values are told from a threshold by the grid they are counted on
        edge = spec.grid.cell(threshold)
        hits = [w for w in words if spec.grid.cell(w.value) >= edge]
        below = [w for w in words if spec.grid.cell(w.value) < edge]
        right = sum(w.right for w in hits)
        out.append(
            Precision(
                score,
                service,
                threshold,
                len(hits),
                right,
                wilson(right, len(hits)),
                len(below),
                sum(not w.right for w in below),
            )
        )
    return out
