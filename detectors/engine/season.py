"""Season profile of a channel: level, hour of day, weekend or weekday, each kept only where it is real.

Effects are additive. A group of effects (24 hours; the weekend contrast; the seven weekdays) is shrunk by
empirical Bayes and dropped when its F ratio looks like noise, so a flat series gets a flat profile. The
weekend contrast (1 df) needs 7 days, the seven weekdays 28: their 6 df out of 13 would spend most of what a
fortnight can say about day-to-day dispersion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.engine.ticks import Bools, Floats, Ints, day_number, hour_of_day, weekday

KEEP_HOURS_F = 1.6
KEEP_WEEKEND_F = 5.0
KEEP_WEEKDAYS_F = 4.0
MIN_DAYS_HOURS = 2
MIN_DAYS_WEEKEND = 7
MIN_DAYS_WEEKDAYS = 28
TINY = 1e-30


@dataclass(frozen=True, slots=True)
class HourCells:
    """Sums per (row, day, hour of day); ``weekdays`` per day. Hours without a tick hold zeros."""

    n: Floats
    s: Floats
    weekdays: Ints
    days: int

    def of_days(self, keep: Bools, days: int) -> HourCells:
        """Only the days where ``keep``; ``days`` is how many full days that stands for."""
        n, s = np.compress(keep, self.n, axis=1), np.compress(keep, self.s, axis=1)
        return HourCells(n, s, self.weekdays[keep], days)


class HourGrid:
    """Where the ticks of a learning period fall: maps (rows, ticks) arrays to (rows, days, 24) sums."""

    def __init__(self, ticks: Ints, tick_s: int) -> None:
        self.hours = hour_of_day(ticks, tick_s)
        day = day_number(ticks, tick_s)
        self.day_index = day - day[0]
        self.days = int(self.day_index[-1]) + 1
        self.weekdays = weekday(day[0] + np.arange(self.days))
        slot = self.day_index * 24 + self.hours
        self._starts = np.flatnonzero(np.r_[True, slot[1:] != slot[:-1]])
        self._slots = slot[self._starts]

    def sums(self, x: Floats) -> Floats:
        """Sums of ``x`` (rows, ticks) per (row, day, hour)."""
        out = np.zeros((len(x), self.days * 24))
        out[:, self._slots] = np.add.reduceat(x, self._starts, axis=1)
        return out.reshape(len(x), self.days, 24)


@dataclass(frozen=True, slots=True)
class Profile:
    """Expected value per event: ``level`` (rows), ``hour`` (rows, 24), ``week`` (rows, 7) added up.

    ``week_df`` counts the degrees of freedom the week took from the day sums, per row.
    """

    level: Floats
    hour: Floats
    week: Floats
    week_df: Floats

    def at(self, hours: Ints, weekdays: Ints) -> Floats:
        """Expected value per event (rows, ticks) for ticks at these hours and weekdays."""
        # take (and compress above), not an index: the result lies in memory row by row, however many rows
        # there are, and that fixes the order of later sums
        return self.level[:, None] + np.take(self.hour, hours, axis=1) + np.take(self.week, weekdays, axis=1)


def fit_profile(cells: HourCells) -> Profile:
    """Fit level, hours and week by two sweeps of weighted averages.

    Rows without any event get zeros everywhere.
    """
    n, s = cells.n, cells.s
    rows = len(n)
    level = s.sum((1, 2)) / np.maximum(n.sum((1, 2)), TINY)
    hour, week, week_df = np.zeros((rows, 24)), np.zeros((rows, 7)), np.zeros(rows)
    hour_n = n.sum(1)
    spare = np.maximum((n > 0).sum((1, 2)) - (hour_n > 0).sum(1), 1)
    used_hours = np.maximum((hour_n > 0).sum(1) - 1, 1)
    for _ in range(2):
        if cells.days >= MIN_DAYS_HOURS:
            e = s - n * (level[:, None] + week[:, cells.weekdays])[:, :, None]
            x = e.sum(1) / np.maximum(hour_n, 1)
            rest = e - n * x[:, None, :]
            noise = (rest**2 / np.maximum(n, 1)).sum((1, 2)) / spare
            f = (hour_n * x**2).sum(1) / used_hours / np.maximum(noise, TINY)
            hour = _shrunk(x, f, KEEP_HOURS_F)
        if cells.days >= MIN_DAYS_WEEKEND:
            e_day = (s - n * (level[:, None] + hour)[:, None, :]).sum(2)
            week, week_df = _fit_week(n.sum(2), e_day, cells.weekdays, cells.days)
    return Profile(level, hour, week, week_df)


def _shrunk(x: Floats, f: Floats, limit: float) -> Floats:
    """Empirical-Bayes shrinkage of effects ``x`` with F ratio ``f``; nothing is kept up to ``limit``."""
    keep = np.where(f > limit, 1 - 1 / np.maximum(f, 1e-9), 0.0)
    return x * keep[:, None]


def _fit_week(n: Floats, e: Floats, weekdays: Ints, days: int) -> tuple[Floats, Floats]:
    week, week_df = np.zeros((len(n), 7)), np.zeros(len(n))
    weekend = _contrast(n, e, (weekdays >= 5).astype(np.int64))
    if weekend is not None:
        x, f = weekend
        x = _shrunk(x, f, KEEP_WEEKEND_F)
        week = np.concatenate([np.repeat(x[:, :1], 5, axis=1), np.repeat(x[:, 1:], 2, axis=1)], axis=1)
        week_df = (f > KEEP_WEEKEND_F).astype(float)
    each = _contrast(n, e, weekdays) if days >= MIN_DAYS_WEEKDAYS else None
    if each is not None:
        x, f = each
        keep = f > KEEP_WEEKDAYS_F
        week = np.where(keep[:, None], _shrunk(x, f, KEEP_WEEKDAYS_F), week)
        week_df = np.where(keep, 6.0, week_df)
    return week, week_df


def _contrast(n: Floats, e: Floats, group: Ints) -> tuple[Floats, Floats] | None:
    """Mean residual per group of days and its F ratio; None where a group is empty or days are too few."""
    k = int(group.max()) + 1
    if len(np.unique(group)) < max(k, 2) or n.shape[1] - k < 3:
        return None
    members = [group == g for g in range(k)]
    group_n = np.stack([np.compress(m, n, axis=1).sum(1) for m in members], axis=1)
    x = np.stack([np.compress(m, e, axis=1).sum(1) for m in members], axis=1) / np.maximum(group_n, 1)
    x -= ((group_n * x).sum(1) / np.maximum(group_n.sum(1), TINY))[:, None]
    rest = e - n * np.take(x, group, axis=1)
    noise = (rest**2 / np.maximum(n, 1)).sum(1) / np.maximum((n > 0).sum(1) - k, 1)
    return x, (group_n * x**2).sum(1) / (k - 1) / np.maximum(noise, TINY)
