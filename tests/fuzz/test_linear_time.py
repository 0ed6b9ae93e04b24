"""No input costs more than its size: four times as much takes about four times as long, whatever it is."""

from __future__ import annotations

import time

import pytest

from tests.fuzz.families import Family, Work, families

TIMES = 4
MOST = 9.0
"""A doubling may cost three times as much: 9 for four times the size, of which quadratic work costs 16."""

LEAST_S = 0.003
"""The smaller input is made larger until it takes this long: below it the clock decides, and far above it the
larger one leaves the processor's caches, which alone can double its time."""


def cost_s(work: Work, tries: int = 5) -> float:
    """Processor time, the best of some tries."""
    best = float("inf")
    for _ in range(tries):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


@pytest.mark.parametrize(
    "family",
    [pytest.param(f, id=f.name, marks=[pytest.mark.long] if n % 8 else []) for n, f in enumerate(families())],
)
def test_time_is_linear(family: Family) -> None:
    n = family.small
    while (small := cost_s(family.make(n), 3)) < LEAST_S:  # one that was disturbed would end it too early
        n *= 2
    large = family.make(TIMES * n)
    ratio = 0.0
    for tries in (1, 3, 5):  # a neighbour on the machine spoils one measurement, not three
        ratio = cost_s(large, tries) / min(small, cost_s(family.make(n)))
        if ratio < MOST:
            return
    pytest.fail(f"{TIMES} times the size takes {ratio:.1f} times as long (n = {n}, {small * 1000:.0f} ms)")
