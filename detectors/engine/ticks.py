"""Absolute ticks and the UTC calendar they fall in.

A tick is ``unix seconds // tick_s``. Hours and weekdays are those of the tick's first second, in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
"""Kept in single precision: what is estimated far less exactly anyway."""
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DAY_S = 86_400
HOUR_S = 3_600


def single(x: Floats | Singles) -> Singles:
    """In single precision."""
    return x.astype(np.float32)


def time_of(tick: int, tick_s: int, behind_s: float = 0) -> datetime:
    """Time of a tick; of what is counted ``behind_s`` after it ended, the time at which it did."""
    return datetime.fromtimestamp(tick * tick_s - behind_s, UTC)


def hour_of_day(ticks: Ints, tick_s: int) -> Ints:
    """UTC hour, 0..23, in which each tick starts."""
    return ticks * tick_s // HOUR_S % 24


def day_number(ticks: Ints, tick_s: int) -> Ints:
    """Days since 1970-01-01 UTC of each tick's start."""
    return ticks * tick_s // DAY_S


def weekday(days: Ints) -> Ints:
    """Weekday of day numbers, Monday = 0 (1970-01-01 was a Thursday)."""
    return (days + 3) % 7


def place_in_week(tick: int, tick_s: int) -> tuple[int, int]:
    """UTC hour and weekday in which one tick starts."""
    at_s = tick * tick_s
    return at_s // HOUR_S % 24, (at_s // DAY_S + 3) % 7


def whole_days(ticks: int, tick_s: int) -> int:
    """Full days that ``ticks`` ticks cover."""
    return ticks * tick_s // DAY_S
