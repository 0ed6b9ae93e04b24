"""Row d: silence of live services on an adopted week; nothing may be said of those that only look silent.

Calls of a minute are drawn from a rate that may follow the day, wander for minutes and for hours, and come in
conversations or by the clock; the week that is adopted is two weeks of the same, drawn anew. Each service is
watched for a week, so that 8 of a kind are 56 days; then it stops on a Monday at noon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.detection.figure import Figure, Report
from bench.detection.plan import Plan
from detectors.budgets.budget import Budget, service_budget
from detectors.traffic.silence import Gap
from detectors.traffic.week_profile import WeekProfile, learn_profile

DAY = 1440
MONDAY = 29_640_960
"""Minutes since 1970 of a Monday midnight."""
LEARN_DAYS, WATCH_DAYS = 14, 7
RATES = (0.25, 1.0, 2.0, 6.0, 20.0)
"""Calls a second, while a service is open."""
LATENESS_MIN = 2.0
"""Minutes after which a minute is over for detection."""
GOAL_MIN = 5.0
STOPS_AT = DAY // 2
"""Minute of the day (noon) at which a service stops for good."""
W = service_budget(Budget(1.0, 2_592_000)).part(0.05).per_tick(300) / 2
"""What a service may say of silence for nothing, by the budget as it comes."""

Rate = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Of usual, for minutes since 1970; drawn anew for each service and its weeks."""


def _flat(minute: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return np.ones(len(minute))


def _daily(minute: np.ndarray, _: np.random.Generator) -> np.ndarray:
    weekend = (minute // DAY - MONDAY // DAY) % 7 >= 5
    wave = 1 + 0.85 * np.cos(2 * np.pi * (minute % DAY - 720) / DAY)
    return wave / 1.85 * np.where(weekend, 0.4, 1.0)


def _wanders(sd: float, memory_min: float) -> Rate:
    def rate(minute: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        keep = np.exp(-1 / memory_min)
        steps = rng.normal(0.0, sd * np.sqrt(1 - keep**2), len(minute))
        log, at = np.zeros(len(minute)), rng.normal(0.0, sd)
        for i, step in enumerate(steps):
            at = keep * at + step
            log[i] = at
        return np.exp(log - sd**2 / 2)

    return rate


def _office(closes: int, varies_min: float, shut: float = 0.0) -> Rate:
    """Open on workdays from 8:00 to about a minute of the day."""

    def rate(minute: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        day = minute // DAY
        opens = 480 + rng.normal(0, varies_min, int(day[-1] - day[0]) + 1)[day - day[0]]
        ends = closes + rng.normal(0, varies_min, int(day[-1] - day[0]) + 1)[day - day[0]]
        is_open = (minute % DAY >= opens) & (minute % DAY < ends) & ((day - MONDAY // DAY) % 7 < 5)
        return np.where(is_open, 1.0, shut)

    return rate


def _batch(every: int, lasts: int, beside: float = 0.0) -> Rate:
    """For ``lasts`` of every so many minutes, by the clock."""

    def rate(minute: np.ndarray, _: np.random.Generator) -> np.ndarray:
        return np.where(minute % every < lasts, 1.0, beside)

    return rate


def _at_any_time(minute: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Batches of 20 to 180 minutes that begin whenever somebody starts them."""
    out, at = np.zeros(len(minute)), 0
    while at < len(minute):
        at += int(rng.exponential(180)) + 1
        lasts = int(rng.uniform(20, 180))
        out[at : at + lasts] = 1.0
        at += lasts
    return out


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of service: its rate, how many calls come as one, and what lives at another scale than the week.

    ``stops``: whether it can be dark at noon of a workday at all, and is to be told of then.
    """

    name: str
    rate: Rate
    talk: int = 1
    scale: float = 1.0
    stops: bool = True


KINDS = (
    Kind("steady", _flat),
    Kind("daily and weekly", _daily),
    Kind("conversations of 6", _daily, talk=6),
    Kind("wanders for minutes", _wanders(0.4, 10)),
    Kind("wanders for hours", _wanders(0.5, 300)),
    Kind("office to 18:00", _office(1080, 0)),
    Kind("office to 17:30", _office(1050, 0)),
    Kind("office, within half an hour", _office(1060, 15)),
    Kind("office, a few calls at night", _office(1080, 0, shut=0.01)),
    Kind("batches, 50 of 180 min", _batch(180, 50), stops=False),
    Kind("batches, 100 of 360 min", _batch(360, 100), stops=False),
    Kind("batches over a few calls", _batch(360, 100, beside=0.03), stops=False),
    Kind("every quarter of an hour", _batch(15, 3), stops=False),
    Kind("batches at any time", _at_any_time, stops=False),
    Kind("a week of ten times as many", _daily, scale=0.1),
    Kind("a week of a tenth", _daily, scale=10.0),
)


def calls(kind: Kind, per_minute: float, first: int, days: int, rng: np.random.Generator) -> np.ndarray:
    """Calls a minute of so many days."""
    minute = first + np.arange(days * DAY)
    rate = np.maximum(kind.rate(minute, rng) * per_minute, 0.0)
    begun = rng.poisson(rate / kind.talk)
    if kind.talk == 1:
        return np.asarray(begun)
    out = np.zeros(len(minute), dtype=np.int64)
    talks = np.repeat(np.arange(len(minute)), begun)
    for turn in range(kind.talk):  # a turn a minute, about
        at = talks + (rng.exponential(1.0, len(talks)) + turn).astype(int)
        np.add.at(out, at[at < len(out)], 1)
    return out


def learned(kind: Kind, per_minute: float, rng: np.random.Generator) -> WeekProfile:
    """The week that is adopted."""
    n = calls(kind, per_minute, MONDAY, LEARN_DAYS, rng)
    return learn_profile(n.reshape(-1, 5).sum(1).astype(float), MONDAY // 5, 300)[0]


def said(profile: WeekProfile | None, n: np.ndarray, first: int) -> Iterator[int]:
    """Minutes, counted from ``first``, after which silence is stated; a gap is stated once."""
    gap = Gap(live=True)
    if profile is not None:
        gap.adopted = (0.0, 0.0)
        gap.stops.add(profile.stops)
    stated = False
    for i, count in enumerate(n):
        if count:
            gap.call(first + i, int(count), profile)
            stated = False
        else:
            gap.empty_minute(first + i, profile, heard_elsewhere=False)
            if not stated and gap.is_due(profile, W):
                stated = True
                yield i + 1


def dark(plan: Plan) -> Report:
    """Row d."""
    report = Report()
    services = max(plan.series * 8 // 400, 1)
    for i, kind in enumerate(KINDS):
        for rate in RATES:
            rng = plan.rng(30, i, round(rate * 100))
            waited, false = [], 0
            for _ in range(services):
                profile = learned(kind, 60 * rate, rng)
                n = calls(kind, 60 * rate * kind.scale, MONDAY + 14 * DAY, WATCH_DAYS + 1, rng)
                end = WATCH_DAYS * DAY
                false += sum(1 for _ in said(profile, n[:end], MONDAY + 14 * DAY))
                if kind.stops:
                    at = end + STOPS_AT
                    n[at:] = 0
                    late = [m - at for m in said(profile, n, MONDAY + 14 * DAY) if m > at]
                    waited.append(late[0] + LATENESS_MIN if late else float("inf"))
            name = f"{kind.name}, {rate * kind.scale:g}/s: said of {services * WATCH_DAYS} quiet days"
            report.figures.append(Figure("d", name, false, 0))
            if waited:
                low, high = np.quantile(waited, [0.5, 0.9], method="higher")
                name = f"{kind.name}, {rate * kind.scale:g}/s: minutes until told"
                report.figures.append(Figure("d", name, float(low), None, f"p90 {high:.0f}"))
    return report
