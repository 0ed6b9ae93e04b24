"""Calendar days and months of a time zone. Pure, but for the zone's rules, which the system has."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY, MONTH = "day", "month"
LONGEST_S = {DAY: 26 * 3600, MONTH: 32 * 86_400}
"""No period is longer, seconds."""


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def is_zone(name: str) -> bool:
    """Whether a time zone of this name is known."""
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def period_of(at_s: int, period: str, zone: str) -> date:
    """First day of the calendar day or month of a time zone that holds a time, in seconds since 1970 UTC."""
    day = datetime.fromtimestamp(at_s, _zone(zone)).date()
    return day.replace(day=1) if period == MONTH else day
