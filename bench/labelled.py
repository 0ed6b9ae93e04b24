"""Findings of `detect` on labelled series: one fixed setting for all, recall, precision, false episodes.

Each series of `bench.labelled_series` is watched with the same budget and the same share of it learned from.
An episode is found when a finding's onset lies within it, give or take a fiftieth of the series; findings
that belong to no episode are false, and those close to each other are one false episode.

``python -m bench.labelled [--seeds N] [--only NAME]``
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.labelled_series import GENERATORS, Labelled
from bench.machine import machine
from detectors.files.watch import watch

BUDGET = "1/month"
LEARNED, LEAST_LEARNED = 0.15, 100
NEAR, LEAST_NEAR = 0.02, 3


@dataclass(slots=True)
class Tally:
    """What came of some series."""

    series: int = 0
    points: int = 0
    episodes: int = 0
    found: int = 0
    findings: int = 0
    true: int = 0
    false_episodes: int = 0

    def __iadd__(self, other: Tally) -> Tally:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def __str__(self) -> str:
        recall = f"{self.found / self.episodes:6.0%}" if self.episodes else "     -"
        precision = f"{self.true / self.findings:6.0%}" if self.findings else "     -"
        per_thousand = 1_000 * self.false_episodes / self.points
        return (
            f"{self.series:4} {self.points:8} {self.found:4}/{self.episodes:<4} {recall} {precision} "
            f"{self.false_episodes:6} {per_thousand:10.3f}"
        )


def judge(series: Labelled, onsets: Iterable[int]) -> Tally:
    """Compare onsets, as places in the series, with its labels."""
    near = max(LEAST_NEAR, int(NEAR * len(series.values)))
    onsets = sorted(onsets)
    within = [[a - near <= at <= b + near for at in onsets] for a, b in series.episodes]
    false = [at for i, at in enumerate(onsets) if not any(row[i] for row in within)]
    apart = sum(1 for i, at in enumerate(false) if i == 0 or at - false[i - 1] > near)
    found = sum(any(row) for row in within)
    return Tally(1, len(series.values), len(within), found, len(onsets), len(onsets) - len(false), apart)


def onsets_of(series: Labelled) -> list[int]:
    """Where `watch` dates what it finds."""
    learn = max(LEAST_LEARNED, int(LEARNED * len(series.values)))
    found = watch(
        series.times_s, series.values, kind=series.kind, tick_s=series.tick_s, learn=learn, budget=BUDGET
    )
    return [int(np.searchsorted(series.times_s, f.onset.timestamp())) for f in found if f.onset is not None]


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row a generator and their sum."""
    parser = argparse.ArgumentParser(prog="python -m bench.labelled", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=101)
    parser.add_argument("--only", action="append", default=[])
    given = parser.parse_args(argv)
    print(f"{machine()}, seeds {given.first_seed}..{given.first_seed + given.seeds - 1}, budget {BUDGET}")
    print(f"{'':20} runs   points    episodes recall  prec.  false  per 1,000 points")
    whole = Tally()
    for i, make in enumerate(GENERATORS):
        if given.only and make.__name__ not in given.only:
            continue
        part = Tally()
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            series = make(np.random.default_rng([seed, i]))
            part += judge(series, onsets_of(series))
        print(f"{make.__name__:20} {part}", flush=True)
        whole += part
    print(f"{'all':20} {whole}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
