from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dashboard.estimates import levels, readings
from dashboard.measures.scores import known
from dashboard.queries.series import Bucket, Half
from dashboard.views.drift import evidence, greatest_change
from dashboard.views.drift.drift_query import MOST_TICKS, Hits

FIRST = 5_900_000
DAY = 288
AT = datetime(2026, 3, 17, tzinfo=UTC)


def ticks(rng: np.random.Generator, first: int, n: int, rate: float) -> list[Hits]:
    events = rng.poisson(30, n)
    return [Hits(first + k, int(e), float(rng.binomial(e, rate))) for k, e in enumerate(events) if e]


@pytest.mark.parametrize(("rate", "crosses"), [(0.02, False), (0.06, True)])
def test_evidence_grows_when_the_share_changed_and_only_then(rate: float, crosses: bool) -> None:
    rng = np.random.default_rng(7)
    learned = ticks(rng, FIRST, 7 * DAY, 0.02)
    start = FIRST + 7 * DAY
    watched = [*ticks(rng, start, DAY, 0.02), *ticks(rng, start + DAY, DAY, rate)]
    found = evidence.over_time(learned, watched, (FIRST, start), (start, start + 2 * DAY), 300)
    assert len(found) == 2 * DAY
    assert found[0].at == datetime.fromtimestamp((start + 1) * 300, UTC)
    assert max(p.value for p in found[:DAY]) < 5.3
    assert (max(p.value for p in found[DAY:]) > 5.3) is crosses


def test_too_little_that_was_learned_is_no_evidence() -> None:
    rng = np.random.default_rng(8)
    few = ticks(rng, FIRST, evidence.LEAST_TICKS - 10, 0.02)
    assert evidence.over_time(few, few, (FIRST, FIRST + 40), (FIRST, FIRST + 40), 300) == []


@pytest.mark.parametrize(
    ("tick_s", "days", "width"), [(300, 14, 300), (60, 14, 300), (60, 2, 60), (900, 400, 3600)]
)
def test_ticks_fit_into_one_answer(tick_s: int, days: int, width: int) -> None:
    found = evidence.width(tick_s, days * 86_400)
    assert found == width
    assert found == evidence.WIDTHS_S[-1] or days * 86_400 / found <= MOST_TICKS


def test_a_page_opens_where_the_change_was_greatest_and_not_at_noise() -> None:
    measure = readings.measure(known("refusal"), "")
    reference = levels.level(measure, Half(50_000, 1_000.0, (), ()))
    quiet = [Bucket(AT + timedelta(hours=6 * k), 1_000, 20.0 + k % 5) for k in range(20)]
    assert greatest_change.change(measure, quiet, reference) is None
    changed = [*quiet, Bucket(AT + timedelta(days=6), 1_000, 60.0), Bucket(AT + timedelta(days=7), 9, 9.0)]
    assert greatest_change.change(measure, changed, reference) == AT + timedelta(days=6)
    assert greatest_change.change(measure, changed, None) is None
    hours = timedelta(hours=6), timedelta(days=1)
    assert greatest_change.until(AT, *hours, AT + timedelta(days=9)) == AT + timedelta(hours=16)
    assert greatest_change.until(AT, *hours, AT + timedelta(hours=2)) == AT + timedelta(hours=2)
