"""Hours of the week in a time zone, such as business hours. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

from infra.clock import to_datetime

DAY_MIN = 24 * 60
"""Minutes of a day on the clock on the wall, however long the day is."""


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """Days of the week (Monday is 0) from ``start_min`` to before ``end_min``, minutes of the local day.

    One that ends before it starts goes over midnight and belongs to the day it starts on. ``location`` is an
    IANA time zone: in summer and in winter it is the clock on the wall that counts, so an hour that the
    clock repeats is in it twice and one that it leaves out never is.
    """

    weekdays: frozenset[int]
    start_min: int
    end_min: int
    location: str

    def holds(self, at_ns: int) -> bool:
        """Whether a time (ns since 1970 UTC) lies in it."""
        local = to_datetime(at_ns).astimezone(_zone(self.location))
        minute = local.hour * 60 + local.minute
        if self.start_min < self.end_min:
            return local.weekday() in self.weekdays and self.start_min <= minute < self.end_min
        if minute >= self.start_min:
            return local.weekday() in self.weekdays
        yesterday = (local.date() - timedelta(days=1)).weekday()
        return minute < self.end_min and yesterday in self.weekdays
