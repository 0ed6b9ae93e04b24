"""Row f: several services that did not change, watched together: what the fleet shard states for nothing.

Eight services on one model make one pooled series. Their traffic is that of the ordinary rows, each service's
by itself or one weather over all of them: then memory, days and storms are the pool's, which is the harder
case. A fleet may state something in at most 5 % of watched fortnights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from bench.detection.figure import Alarms, Delay, Figure, Ints, Report
from bench.detection.ordinary import SCENARIOS, budget_figure
from bench.detection.plan import BUDGET, HALF, WATCH, Plan
from bench.detection.streams import DAY, MONDAY, TICK_S, Change, Stream, draw
from detectors.budgets.service_budget import ServiceBudget
from detectors.closed_ticks import SharedRow
from detectors.finding import SEVERAL
from detectors.fleet.fleet import FLEET_CLASSES, FleetWatcher
from detectors.observation import ServiceKey
from detectors.scorers import SPECS
from detectors.watch_config import WatchConfig

SERVICES = 8
LEARN = 14
APART, ONE_WEATHER = "apart", "one weather"
NAMES = ("2", "memory .9"), ("3", "daily, days differ by .10"), ("7", "storms in the baseline")
HOSTILE = tuple(s for s in SCENARIOS if (s.row, s.name) in NAMES or s.name == "everything at once")


def shared(plan: Plan) -> Report:
    """Fleets that state a change in each hostile scenario, services apart and under one weather.

    That a change of all services is found in the last of them shows that they are watched at all.
    """
    fleets = max(plan.series // 4, 4)
    report = Report()
    for scenario in HOSTILE:
        for how in (APART, ONE_WEATHER):
            first = _first_of_each(_worlds(scenario.stream, how, plan, fleets))
            alarms = Alarms.of(first, WATCH * DAY, scenario.stream.events * SERVICES)
            report.figures.append(budget_figure("f", f"{SERVICES} services, {scenario.name}, {how}", alarms))
    change = Change(LEARN * DAY + HALF, float(np.log(2.0)))
    first = _first_of_each(_worlds(HOSTILE[-1].stream, ONE_WEATHER, plan, fleets // 4, change))
    delay = Delay.of(first, HALF, WATCH * DAY)
    what = f"{SERVICES} services, {HOSTILE[-1].name}, {ONE_WEATHER}: odds x2 in all, ticks"
    report.figures.append(Figure("f", what, delay.median, None, f"missed {delay.missed:.0%}"))
    return report


def _worlds(
    stream: Stream, how: str, plan: Plan, fleets: int, change: Change | None = None
) -> Iterator[tuple[Ints, Ints]]:
    """Calls and hits by tick and service, of one fleet after the other."""
    for number in range(fleets):
        rng = plan.rng(31, number)
        if how == APART:
            sample = draw(stream, rng, SERVICES, learn=LEARN, watch=WATCH, change=change)
            yield sample.n.astype(np.int64), sample.s.astype(np.int64)
        else:
            larger = replace(stream, events=stream.events * SERVICES)
            sample = draw(larger, rng, 1, learn=LEARN, watch=WATCH, change=change)
            part = np.full(SERVICES, 1 / SERVICES)
            hits = rng.multinomial(sample.s[:, 0].astype(np.int64), part)
            yield hits + rng.multinomial((sample.n - sample.s)[:, 0].astype(np.int64), part), hits


def _first_of_each(worlds: Iterable[tuple[Ints, Ints]]) -> Ints:
    return np.array([_first(world) for world in worlds], dtype=np.int64)


def _first(world: tuple[Ints, Ints]) -> int:
    """Tick of watching of the first finding, -1 for none."""
    calls, hits = world
    fleet = FleetWatcher(ServiceKey("default", "live", "", SEVERAL), _config(), 0)
    for t, (n, s) in enumerate(zip(calls.tolist(), hits.tolist(), strict=True)):
        tick = MONDAY + t
        fleet.add(_row(tick, f"service-{i}", n[i], s[i]) for i in range(SERVICES) if n[i])
        if fleet.advance(tick + 1):
            return max(t - LEARN * DAY, 0)
    return -1


def _row(tick: int, service: str, n: int, hits: int) -> SharedRow:
    cells = [(cell, count) for cell, count in ((0, n - hits), (1, hits)) if count]
    numbers, counts = zip(*cells, strict=True)
    return SharedRow("", service, tick, "interaction", "refusal", "request_model=m-1", numbers, counts)


def _config() -> WatchConfig:
    """All of a fleet's budget for its one series, whose part is that of `FLEET_CLASSES`."""
    part = FLEET_CLASSES["slice"]
    grant = ServiceBudget(BUDGET * 30 / WATCH / part, BUDGET * 7 / WATCH / part)
    return WatchConfig(
        specs=SPECS,
        tick_s=TICK_S,
        learn=LEARN * DAY,
        max_values=20,
        pages=grant.pages,
        tickets=grant.tickets,
        config_hash="bench",
    )
