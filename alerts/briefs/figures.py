"""Numbers, intervals and times as words in messages; the rules are those of the dashboard.

Shares are fractions and written in percent, their differences in percentage points, rare ones per 10,000. An
interval's half-width keeps one or two significant digits, its value as many decimals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

THIN = "\u202f"
"""Narrow no-break space: a unit never wraps away from its number."""
MINUS = "\u2212"
FINEST = 6
"""Most digits that are added to tell two values apart."""
RARE = 0.001
"""Shares below this are written per 10,000."""


def decimals(half_width: float) -> int:
    """Decimals that leave a half-width one or two significant digits, in the written unit."""
    if not math.isfinite(half_width) or half_width <= 0:
        return 1
    return 0 if half_width >= 2 else min(6, max(1, math.ceil(-math.log10(half_width))))


def number(value: float, places: int) -> str:
    """``-1234.5`` -> ``−1,234.5``; nothing is written as minus zero."""
    text = f"{value:,.{places}f}"
    zero = not float(text.replace(",", ""))
    return text.lstrip("-") if zero else text.replace("-", MINUS)


def signed(value: float, places: int) -> str:
    """With its sign; zero has none."""
    text = number(value, places)
    return text if text.startswith(MINUS) or not float(text.replace(",", "")) else f"+{text}"


def share(value: float, half_width: float | None = None, more: int = 0) -> str:
    """``0.58`` -> ``58 %``; at most one decimal, none from 10 % on unless the interval is narrow.

    ``more`` decimals are added where two shares would else be written alike.
    """
    if 0 < value < RARE:
        return f"{number(10_000 * value, 1 + more)} per 10,000"
    percent = 100 * value
    fine = half_width is not None and half_width < 0.005
    return f"{number(percent, more + (1 if 0 < percent < 10 or fine else 0))}{THIN}%"


def distinct(one: float, other: float, write: Callable[[float, int], str]) -> tuple[str, str]:
    """Two values, each with as many more digits as it takes to tell them apart; ``write`` takes how many."""
    for more in range(FINEST):
        texts = write(one, more), write(other, more)
        if texts[0] != texts[1] or one == other:
            return texts
    return texts


def between(low: float, high: float, scale: float, unit: str) -> str:
    """``+41 to +66 pp``."""
    places = decimals(scale * (high - low) / 2)
    return f"{signed(scale * low, places)} to {signed(scale * high, places)}{THIN}{unit}".rstrip(f"{THIN} ")


def measure(value: float, digits: int = 3) -> str:
    """A value in its own unit with so many significant digits, without zeros at the end."""
    size = abs(value)
    if size >= 1e15:
        return f"{value:.2e}"
    if size >= 1e6:
        return f"{number(value / 1e6, max(2, digits - 1))}{THIN}M"
    if value == round(value) or size < 1e-9:
        return number(value, 0)
    text = number(value, max(0, digits - 1 - math.floor(math.log10(size))))
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(n: int) -> str:
    """``41280`` -> ``41,280``; from a million on, three digits and M."""
    return f"{n / 1e6:.2f}{THIN}M" if n >= 1_000_000 else f"{n:,}"


def clock(at: datetime, now: datetime) -> str:
    """``04:05 UTC``; another day is named: ``Mon 21:15 UTC``; another week is dated: ``10 Mar 21:15 UTC``."""
    if at.date() == now.date():
        return f"{at:%H:%M} UTC"
    return f"{at:%a %H:%M} UTC" if abs(now - at) < timedelta(days=6) else f"{at.day} {at:%b %H:%M} UTC"


def span(seconds: float) -> str:
    """``4 s``, ``67 min``, ``5.2 h``, ``3.1 d``: one unit, floored, never negative."""
    seconds = max(0.0, seconds)
    minutes = seconds / 60
    if minutes < 2:
        return f"{int(seconds)}{THIN}s"
    if minutes < 100:
        return f"{int(minutes)}{THIN}min"
    if minutes < 48 * 60:
        return f"{int(minutes / 6) / 10:.1f}{THIN}h"
    return f"{int(minutes / 144) / 10:.1f}{THIN}d"


LEAST_BEYOND, MOST_BEYOND = math.log(1.5), math.log(1e6)
"""Logarithms of how many times its threshold evidence is, between which the number is written."""


def times(beyond: float) -> str:
    """How far evidence is beyond what it takes: ``1,097 times``; ``beyond`` is the logarithm of the ratio."""
    if beyond <= LEAST_BEYOND:
        return "just over"
    if beyond > MOST_BEYOND:
        return "over a million times"
    return f"{count(round(math.exp(beyond)))} times"
