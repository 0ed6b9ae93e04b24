"""Numbers, intervals and times as words. Every view writes them through here.

Shares are fractions in 0..1 and written in percent; differences of shares in percentage points; ratios in
percent. The half-width of an interval keeps one or two significant digits and its value gets as many
decimals. Rare shares are written per 10,000, never as 0.0534 %.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

THIN = "\u202f"
"""Narrow no-break space: a unit never wraps away from its number."""
MINUS = "\u2212"
DASH = "\u2013"
NONE = DASH
"""What a grid cell holds when there is nothing to say."""

_RARE = 0.001
_STILL_RARE = 0.02
_PER = 10_000


def places(half_width: float) -> int:
    """Decimals that leave one or two significant digits of ``half_width`` (already in the written unit)."""
    if not math.isfinite(half_width) or half_width <= 0:
        return 1
    return 0 if half_width >= 2 else min(6, max(1, math.ceil(-math.log10(half_width))))


def number(value: float, decimals: int = 0) -> str:
    """``-1234.5`` -> ``−1,234.5`` with the true minus."""
    text = f"{value:,.{decimals}f}"
    return text.replace("-", MINUS) if float(text.replace(",", "")) else text.lstrip("-")


def signed(value: float, decimals: int = 1) -> str:
    """``0.5`` -> ``+0.5``; only differences carry a sign."""
    text = number(value, decimals)
    return text if text.startswith(MINUS) else f"+{text}"


def is_rare(*shares: float | None) -> bool:
    """Whether these shares read better per 10,000: one is under 0.1 % and none is above 2 %."""
    known = [s for s in shares if s is not None]
    return bool(known) and 0 <= min(known) < _RARE and 0 < max(known) < _STILL_RARE


def percent(share: float, decimals: int = 1) -> str:
    """``0.0641`` -> ``6.4 %``."""
    return f"{number(100 * share, decimals)}{THIN}%"


def share(value: float) -> str:
    """A share in its readable unit: ``6.4 %``, ``58 %`` or ``5.3 per 10,000``."""
    return f"{number(_PER * value, 1)} per 10,000" if is_rare(value) else percent(value, _fine(value))


def share_interval(low: float, high: float) -> str:
    """``5.4–7.5`` in percent, for use beside a share."""
    decimals = places(50 * (high - low))
    return f"{number(100 * low, decimals)}{DASH}{number(100 * high, decimals)}"


def share_range(low: float, high: float) -> str:
    """An interval alone, with its unit: ``5.4–7.5 %``, ``6.5–8.8 per 10,000``."""
    if high < 2 * _RARE:
        return f"{number(_PER * low, 1)}{DASH}{number(_PER * high, 1)} per 10,000"
    return f"{share_interval(low, high)}{THIN}%"


def share_level(value: float, low: float | None, high: float | None) -> str:
    """A share with its interval where it is known: ``6.4 % 5.4–7.5``."""
    if low is None or high is None:
        return share(value)
    if is_rare(value, high) and high < 2 * _RARE:
        return f"{number(_PER * value, 1)} {number(_PER * low, 1)}{DASH}{number(_PER * high, 1)} per 10,000"
    decimals = places(50 * (high - low))
    return f"{percent(value, max(decimals, _fine(value)))} {share_interval(low, high)}"


def share_step(before: float, after: float) -> str:
    """``2.1 → 6.4 %``, or ``2.0 → 90.0 per 10,000``; time order, one unit for both."""
    if is_rare(before, after):
        return f"{number(_PER * before, 1)} → {number(_PER * after, 1)} per 10,000"
    return f"{number(100 * before, _fine(before))} → {percent(after, _fine(after))}"


def _fine(value: float) -> int:
    """Decimals of a share in percent: none from 10 % on, but 99.2 % is not 99 %."""
    return 0 if 0.1 <= value <= 0.9 or value == 1 else 1


def points(effect: float, low: float | None, high: float | None) -> str:
    """Difference of two shares with its interval: ``+4.3 pp (+3.1 to +5.5)``."""
    rare = max(abs(v) for v in (effect, low, high) if v is not None) < _STILL_RARE / 4
    scale, unit = (_PER, " per 10,000") if rare else (100, f"{THIN}pp")
    return _with_interval(effect, low, high, scale, unit)


def relative(effect: float, low: float | None, high: float | None) -> str:
    """Relative change with its interval: ``0.09`` -> ``+9 % (+2 to +17)``."""
    return _with_interval(effect, low, high, 100, f"{THIN}%")


def difference(effect: float, low: float | None, high: float | None, unit: str = "") -> str:
    """Change in the score's own unit: ``+38 characters (+21 to +55)``."""
    return _with_interval(effect, low, high, 1, f"{THIN}{unit}" if unit else "")


def _with_interval(effect: float, low: float | None, high: float | None, scale: float, unit: str) -> str:
    if low is None or high is None:
        return f"{signed(scale * effect, places(abs(scale * effect) / 10))}{unit} (interval unknown)"
    decimals = places(scale * (high - low) / 2)
    span_text = f"({signed(scale * low, decimals)} to {signed(scale * high, decimals)})"
    return f"{signed(scale * effect, decimals)}{unit} {span_text}"


def split_interval(text: str) -> tuple[str, str]:
    """``+4.3 pp (+3.1 to +5.5)`` -> the number, and what stands in the brackets."""
    head, _, rest = text.partition(" (")
    return head, rest.removesuffix(")")


def count(n: float) -> str:
    """``41280`` -> ``41,280``; from a million on, three digits and M."""
    return f"{n / 1e6:.2f}{THIN}M" if n >= 1e6 else f"{n:,.0f}"


def size(n_bytes: float) -> str:
    """``61.2 GiB``, ``340 MiB``: binary units, three digits at most."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n_bytes < 1000:
            return f"{number(n_bytes, 1 if unit == 'GiB' and n_bytes < 100 else 0)}{THIN}{unit}"
        n_bytes /= 1024
    return f"{number(n_bytes, 1)}{THIN}TiB"


def measure(value: float, unit: str = "") -> str:
    """A value in its own unit with three significant digits: ``312 characters``, ``1.24 s``."""
    magnitude = abs(value)
    decimals = 0 if magnitude >= 100 or value == round(value) else 1 if magnitude >= 10 else 2
    return f"{number(value, decimals)}{THIN}{unit}" if unit else number(value, decimals)


def measure_step(before: float, after: float, unit: str = "") -> str:
    """``312 → 341 characters``."""
    return f"{measure(before)} → {measure(after, unit)}"


def clock(at: datetime) -> str:
    """``02:05 UTC``: the zone is always written."""
    return f"{at:%H:%M} UTC"


def stamp(at: datetime) -> str:
    """``02:05:40 UTC``."""
    return f"{at:%H:%M:%S} UTC"


def moment(at: datetime, now: datetime) -> str:
    """``02:05``; another day is named: ``Mon 21:15``; another week is dated: ``10 Mar 21:15``."""
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return f"{at:%a %H:%M}" if abs(now - at) < timedelta(days=6) else f"{at.day} {at:%b %H:%M}"


def date(at: datetime) -> str:
    """``23 Nov 10:55``, for times that may lie ahead."""
    return f"{at.day} {at:%b %H:%M}"


def since(at: datetime, now: datetime) -> str:
    """``02:05 · 67 min``; another day is named: ``Mon 21:15 · 6.0 h``."""
    return f"{moment(at, now)} · {span(now - at)}"


def span(length: timedelta) -> str:
    """``4 s``, ``67 min``, ``5.2 h``, ``3.1 d``: one unit, floored, never negative."""
    seconds = max(0.0, length.total_seconds())
    minutes = seconds / 60
    if minutes < 2:
        return f"{int(seconds)}{THIN}s"
    if minutes < 100:
        return f"{int(minutes)}{THIN}min"
    if minutes < 48 * 60:
        return f"{int(minutes / 6) / 10:.1f}{THIN}h"
    return f"{int(minutes / 144) / 10:.1f}{THIN}d"


def minutes(length: float) -> str:
    """A span given in minutes, in the unit that suits it: ``7.5 min``, ``2.4 h``."""
    if length < 10:
        return f"{number(length, 1)}{THIN}min"
    return span(timedelta(minutes=length))


def day(at: datetime) -> str:
    """``9 March``."""
    return f"{at.day} {at:%B}"


def short_day(at: datetime) -> str:
    """``09 Mar``, as wide as every other."""
    return f"{at:%d %b}"


def utc(at: datetime) -> datetime:
    """An aware UTC time; the store's times without a zone are UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
