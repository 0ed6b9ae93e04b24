"""Two stretches of time that are compared: the one looked at, and what it is held against. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from dashboard import formats
from dashboard.queries.catalogue import Frozen
from dashboard.queries.series import Comparison
from dashboard.safe_text import clean

HOUR, DAY, WEEK = 3600, 86_400, 604_800
PERIODS: Mapping[str, int] = MappingProxyType(
    {"6 h": 6 * HOUR, "24 h": DAY, "3 d": 3 * DAY, "7 d": WEEK, "30 d": 30 * DAY, "90 d": 90 * DAY}
)
"""Lengths of a period in seconds, by their names."""
USUAL = "24 h"

FROZEN, BEFORE, WEEKS = "frozen baseline", "period before", "weeks before"
AGAINST = (FROZEN, BEFORE, WEEKS)
"""The frozen baseline; the same length right before; the same hours and weekdays, whole weeks before."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared, how the reference is named, and why it is not what was asked for (empty: it is)."""

    compare: Comparison
    name: str
    instead: str = ""

    @property
    def start(self) -> datetime:
        """From when on the period counts."""
        return datetime.fromtimestamp(self.compare.after_s, UTC)

    @property
    def end(self) -> datetime:
        """Where the period ends."""
        return datetime.fromtimestamp(self.compare.to_s, UTC)


NO_BASELINE = "The series has no frozen baseline yet: the period before stands in for it."
ADOPTED_BASELINE = "Its baseline was learned in another lineage: the period before stands in for it."
BASELINE_LATER = "Its baseline was frozen after this period: the period before stands in for it."


def sides(end_s: int, period_s: int, against: str, frozen: Frozen | None) -> Sides:
    """The period that ends at ``end_s`` (seconds since 1970) and its reference."""
    start_s = end_s - period_s
    if against == WEEKS:
        weeks = -(-period_s // WEEK)
        shift = weeks * WEEK
        name = "the same hours a week before" if weeks == 1 else f"the same hours {weeks} weeks before"
        return Sides(Comparison(start_s - shift, end_s - shift, start_s, end_s), name)
    before = Sides(Comparison(start_s - period_s, start_s, start_s, end_s), "the period before")
    if against != FROZEN:
        return before
    if frozen is None or frozen.since is None or not frozen.is_known:
        adopted = frozen is not None and frozen.since is not None
        return Sides(before.compare, before.name, ADOPTED_BASELINE if adopted else NO_BASELINE)
    first, since = int(frozen.first.timestamp()), int(frozen.since.timestamp())
    if since >= end_s:
        return Sides(before.compare, before.name, BASELINE_LATER)
    version = f" {clean(frozen.version, 24)}" if frozen.version else ""
    name = f"baseline{version} of {formats.short_day(frozen.first)} to {formats.short_day(frozen.since)}"
    return Sides(Comparison(first, since, max(start_s, since), end_s), name)
