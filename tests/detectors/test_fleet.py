"""Services watched together: what they share is one finding, what one does alone is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from detectors.budgets.service_budget import ServiceBudget
from detectors.closed_ticks import SharedRow
from detectors.engine.snapshot import pack, unpack
from detectors.finding import SEVERAL, Finding
from detectors.fleet.fleet import FleetWatcher
from detectors.observation import Control, ServiceKey
from tests.detectors.traffic import START, config

FLEET = ServiceKey("default", "live", "", SEVERAL)
FIRST = START // 5
LEARN = 14 * 288
CHANGE = FIRST + LEARN + 48
LEVELS = {"archive": 0.01, "billing": 0.03, "claims": 0.02, "desk": 0.05, "export": 0.004}
PER_TICK = {"archive": 8.0, "billing": 3.0, "claims": 5.0, "desk": 1.0, "export": 4.0}
Odds = Callable[[str, int], float]
"""By what a service's odds of a hit are multiplied at a tick."""


def closed(
    odds: Odds, days: float = 16, seed: int = 0, volume: Odds = lambda *_: 1.0
) -> Iterator[list[SharedRow]]:
    """Rows of every closed tick: refusals of five services on one model of one provider."""
    draw = np.random.default_rng([seed, 5])
    for tick in range(FIRST, FIRST + round(days * 288)):
        rows = []
        for service, level in LEVELS.items():
            n = int(draw.poisson(PER_TICK[service] * volume(service, tick)))
            raised = level / (1 - level) * odds(service, tick)
            hits = int(draw.binomial(n, raised / (1 + raised)))
            for slice_ in ("request_model=m-1", "provider=acme") if n else ():
                cells = [(c, k) for c, k in ((0, n - hits), (1, hits)) if k]
                row = (tick, "interaction", "refusal", slice_)
                rows.append(SharedRow("", service, *row, *map(tuple, zip(*cells, strict=True))))
        yield rows


def run(
    ticks: Iterator[list[SharedRow]], fleet: FleetWatcher | None = None
) -> tuple[FleetWatcher, list[Finding]]:
    fleet = fleet or FleetWatcher(FLEET, config(), 0)
    findings: list[Finding] = []
    for rows in ticks:
        fleet.add(rows)
        findings += fleet.advance(rows[0].tick + 1 if rows else 0)
    return fleet, findings


def since_change(factor: float, services: Sequence[str] = tuple(LEVELS)) -> Odds:
    return lambda service, tick: factor if tick >= CHANGE and service in services else 1.0


@pytest.mark.parametrize("seed", range(3))
def test_a_shift_of_all_is_one_finding_that_names_who_is_hit(seed: int) -> None:
    _, findings = run(closed(since_change(2.5), seed=seed))
    (found,) = findings
    assert (found.service, found.slice, found.severity) == (SEVERAL, "request_model=m-1", "page")
    assert set(found.services_hit) <= set(LEVELS)
    assert len(found.services_hit) >= 2
    assert found.services_spared == ()
    assert found.onset_low is not None
    assert found.onset_high is not None
    assert found.onset_low <= datetime.fromtimestamp(CHANGE * 300, UTC) <= found.onset_high
    assert (found.effect_low or 0) > 0
    assert Finding.from_dict(found.to_dict()) == found


def test_a_service_that_surely_did_not_change_is_named_as_spared() -> None:
    _, findings = run(closed(since_change(3.0, ["billing", "claims", "desk", "export"]), seed=1))
    assert findings[0].services_spared == ("archive",)
    assert "archive" not in findings[0].services_hit


@pytest.mark.parametrize("lone", ["archive", "claims"])
def test_what_one_service_does_alone_is_not_the_fleets(lone: str) -> None:
    fleet, findings = run(closed(since_change(6.0, [lone])))
    assert findings == []
    assert fleet.watched


@pytest.mark.parametrize("seed", range(3))
def test_traffic_that_moves_between_services_is_no_shift(seed: int) -> None:
    """The service with ten times the level gets ten times the traffic: the plain rate of all triples."""

    def moved(service: str, tick: int) -> float:
        return {"desk": 10.0, "archive": 0.2}.get(service, 1.0) if tick >= CHANGE else 1.0

    assert run(closed(lambda *_: 1.0, seed=seed, volume=moved))[1] == []


def test_its_end_is_said() -> None:
    def for_a_day(service: str, tick: int) -> float:
        return 4.0 if CHANGE <= tick < CHANGE + 144 else 1.0

    _, findings = run(closed(for_a_day))
    assert [f.ended_at is None for f in findings] == [True, False]
    assert findings[0].finding_id == findings[1].finding_id


def test_neither_order_nor_cuts_nor_restarts_change_a_bit() -> None:
    ticks = list(closed(since_change(2.5), days=15, seed=2))
    draw = np.random.default_rng(3)

    def disturbed() -> tuple[bytes, list[Finding]]:
        fleet = FleetWatcher(FLEET, config(), 0)
        findings: list[Finding] = []
        at = 0
        while at < len(ticks):
            size = int(draw.integers(1, 400))
            rows = [row for some in ticks[at : at + size] for row in some]
            if at:  # names are numbered as they come: the first tick keeps its order
                draw.shuffle(rows)
            fleet.add(rows)
            at += size
            facts, arrays = unpack(pack(*fleet.state()))
            fleet = FleetWatcher.restore(FLEET, config(), facts, arrays)
            findings += fleet.advance(FIRST + min(at, len(ticks)))
        return pack(*fleet.state()), findings

    fleet, findings = run(iter(ticks))
    assert findings
    assert disturbed() == (pack(*fleet.state()), findings)


def test_services_may_come_in_any_order() -> None:
    ticks = list(closed(since_change(2.5), days=15, seed=2))
    assert run(rows[::-1] for rows in ticks)[1] == run(iter(ticks))[1]


def test_a_grant_moves_the_threshold() -> None:
    ticks = list(closed(since_change(2.5), days=15, seed=2))
    fleet, findings = run(iter(ticks[:LEARN]))
    generous = ServiceBudget(config().pages.pages * 1000, config().tickets.pages)
    fleet.set_budget(generous)
    _, sooner = run(iter(ticks[LEARN:]), fleet)
    (told,) = run(iter(ticks))[1]
    assert findings == []
    assert sooner[0].made_at < told.made_at
    assert (told.threshold or 0) - (sooner[0].threshold or 0) == pytest.approx(np.log(1000))


def test_environments_and_unknown_scores_are_left_out() -> None:
    fleet = FleetWatcher(FLEET, config(), FIRST)
    (row, *_) = next(closed(lambda *_: 1.0))
    fleet.add([replace(row, score="no such score"), replace(row, tick=FIRST - 1)])
    assert fleet.advance(FIRST + 10) == []


def test_an_accepted_shift_is_the_new_level_and_its_return_a_finding() -> None:
    def for_two_days(service: str, tick: int) -> float:
        return 4.0 if CHANGE <= tick < CHANGE + 2 * 288 else 1.0

    ticks = list(closed(for_two_days, days=19))
    until = LEARN + 48 + 288
    fleet, (found,) = run(iter(ticks[:until]))
    body = {"unit": found.unit, "score": found.score, "slice": found.slice, "finding_id": found.finding_id}
    assert fleet.accept(Control(FLEET, "accept", 0, {**body, "finding_id": "another"})) == []
    (over,) = fleet.accept(Control(FLEET, "accept", 0, body))
    assert over.finding_id == found.finding_id
    assert over.ended_at == datetime.fromtimestamp((FIRST + until) * 300, UTC)
    assert fleet.accept(Control(FLEET, "accept", 0, body)) == []
    _, later = run(iter(ticks[until:]), fleet)
    assert [f.direction for f in later if f.ended_at is None] == ["fall"]
    assert later[0].onset is not None
    assert abs(later[0].onset.timestamp() - (CHANGE + 2 * 288) * 300) < 6 * 3600
