from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alerts.incidents.codec import incident_to_json
from alerts.incidents.events import Acknowledge, End
from alerts.incidents.timing import Timing
from alerts.state.incident_state import IncidentState
from dashboard import palette
from dashboard.palette import DARK, LIGHT
from dashboard.queries.oncall import Delivered
from dashboard.tables import oncall
from dashboard.tables.oncall import Middle, PageWeek, care, channel, middle, of_count
from dashboard.views.alerts.pages_by_week import by_week
from infra.clock import to_ns
from tests.dashboard.made import NOW
from tests.dashboard.test_charts import layers, rows_of
from tests.dashboard.world_incidents import finding

MINUTE_NS = 60_000_000_000


def stored(days: float, number: int, taken_min: float | None, ending: str | None) -> str:
    """A page that fired so long ago, as the store holds it."""
    book = IncidentState(Timing())
    then = NOW - timedelta(days=days)
    made = finding(then, finding_id=f"{number:016x}", service=f"s{number}")
    incident_id = book.apply(made)[-1].incident.incident_id
    fired = to_ns(made.made_at)
    if taken_min is not None:
        book.act(incident_id, Acknowledge("Ada"), fired + round(taken_min * MINUTE_NS))
    if ending:
        book.act(incident_id, End(ending, "Ada", "why"), fired + 90 * MINUTE_NS)
    (incident,) = book.all()
    return incident_to_json(incident)


def bodies() -> Iterator[str]:
    for n in range(8):
        yield stored(2 + 3 * n, n, 4 + n, "accepted")
    yield stored(1, 8, None, None)
    yield stored(5, 9, None, "false_alarm")
    yield stored(40, 10, None, "false_alarm")  # outside the window


def test_figures_are_those_of_the_alerts_service_with_their_intervals() -> None:
    found = care([*bodies(), "{", '{"v": 1}'], "default", "live", 28, NOW, pages_per_month=1.0)
    assert (found.pages, found.false_pages, found.unread) == (10, 1, 2)
    assert found.health["acted_on"]["n"] == 9
    assert found.allowed == pytest.approx(28 / 30)
    assert not found.over_budget
    assert found.acknowledged.minutes == found.health["minutes_to_acknowledge"] == 7.5
    assert found.acknowledged.n == 8
    assert sum(w.pages for w in found.weeks) == 10
    assert [w.week.weekday() for w in found.weeks] == [0] * 5
    assert sum(w.ignored for w in found.weeks) == 1


@pytest.mark.parametrize("place", [("other", "live"), ("default", "demo-1")])
def test_incidents_of_another_place_are_not_counted(place: tuple[str, str]) -> None:
    assert care(list(bodies()), *place, 28, NOW, pages_per_month=1.0).health["pages"] == 0


@given(st.integers(0, 400))
def test_the_interval_of_a_count_is_the_exact_one(k: int) -> None:
    low, high = of_count(k)
    assert stats.poisson.sf(k - 1, low) == pytest.approx(0.025, rel=1e-6) or k == 0
    assert stats.poisson.cdf(k, high) == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize("n", [6, 9, 25, 80])
def test_the_interval_of_a_median_covers_it_as_often_as_it_says(n: int) -> None:
    rng = np.random.default_rng(n)
    held, trials = 0, 2_000
    for _ in range(trials):
        drawn = rng.exponential(30.0, n)
        found = middle((0, round(v * MINUTE_NS)) for v in drawn)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 30 * np.log(2) <= found.high
    assert held / trials >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / trials)


def test_few_spans_have_a_median_and_no_interval() -> None:
    assert middle([]) == Middle(None, None, None, 0)
    assert middle([(0, 5 * MINUTE_NS), (0, None), (None, 3)]) == Middle(5.0, None, None, 1)


def test_many_false_pages_are_over_the_budget() -> None:
    many = [stored(1 + n, n, None, "false_alarm") for n in range(9)]
    assert care(many, "default", "live", 28, NOW, pages_per_month=1.0).over_budget
    assert not care(many, "default", "live", 28, NOW, pages_per_month=20.0).over_budget


def delivered(**facts: Any) -> Delivered:
    row: dict[str, Any] = {"receiver": "a", "messages": 3, "sent": 3, "gave_up": 0, "waiting": 0}
    row |= {"retries": 0, "newest": NOW, "reason": "", "trouble": None}
    return Delivered(**(row | facts))


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, palette.OK),
        ({"waiting": 1, "trouble": NOW}, palette.PENDING),
        ({"gave_up": 1, "trouble": NOW + timedelta(hours=1)}, palette.FAILED),
        ({"gave_up": 1, "trouble": NOW - timedelta(hours=1)}, palette.OK),  # it works again
        ({"gave_up": 3, "sent": 0, "newest": None, "trouble": NOW}, palette.FAILED),
    ],
)
def test_a_receiver_that_gave_up_last_is_failed(facts: dict[str, Any], state: palette.State) -> None:
    assert channel(delivered(**facts)) is state


@pytest.mark.parametrize("mode", [LIGHT, DARK])
def test_pages_are_stacked_on_whole_numbers_and_said_in_words(mode: palette.Palette) -> None:
    week = datetime(2026, 3, 2, tzinfo=NOW.tzinfo)
    drawn = by_week([PageWeek(week, 2, 1, 0), PageWeek(week + timedelta(weeks=1), 0, 0, 0)], mode)
    spec = drawn.chart.to_dict()
    (bars,), (totals,) = layers(spec, "bar"), layers(spec, "text")
    assert "legend" not in json.dumps(spec["layer"])
    assert [row["pages"] for row in rows_of(spec, bars)] == [2, 1, 0, 0, 0, 0]
    assert bars["encoding"]["color"]["scale"]["range"] == [mode.changed, mode.current, mode.baseline]
    assert rows_of(spec, totals) == [{"week": "02 Mar", "pages": 3}]
    assert drawn.alt == ("Pages in 2 weeks: 3, of which 2 false alarms, 1 acted on, 0 with no action.")
    assert by_week([PageWeek(week, 0, 0, 0)], mode).chart.to_dict()["layer"]


def test_weeks_without_pages_are_there() -> None:
    assert [w.pages for w in oncall.weeks([], NOW - timedelta(days=28), NOW)] == [0] * 5
