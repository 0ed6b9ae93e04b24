"""How slow this machine is now, by what the suite mostly does: Python on every core, and memory.

A suite that takes longer on a slower or busier machine has not become longer: its budget is a ratio.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

REFERENCE_S = 0.41
"""What `work` takes on two otherwise idle cores of the machine the budget was measured on."""
MOST = 2.0
"""A machine slower than that is no excuse: a budget grows no further."""


def work(_: int) -> float:
    """Seconds that a fixed amount of work takes."""
    began = time.perf_counter()
    counted: dict[str, int] = {}
    for n in range(1_500_000):
        key = f"k{n * 7919 % 4096}"
        counted[key] = counted.get(key, 0) + 1
    values = np.arange(2_000_000, dtype=np.float64)
    for _ in range(30):
        values = np.sqrt(values * values + 1.0)
    assert len(counted) == 4096
    return time.perf_counter() - began


def slowness() -> float:
    """Times as long as on the reference, as it is now: below 1 on a faster machine."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        took = max(pool.map(work, range(cores)))
    return took / REFERENCE_S


def allowance(measured: float) -> float:
    """By how much a budget grows on a machine of this slowness: between 1 and `MOST`."""
    return min(max(measured, 1.0), MOST)
