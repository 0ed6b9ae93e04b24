from __future__ import annotations

import numpy as np
import pytest

from dashboard.estimates import readings
from dashboard.measures.measures import Measure
from dashboard.measures.scores import known
from dashboard.queries.releases import Stratum
from dashboard.views.releases import release_rows

SHARE = readings.measure(known("refusal"), "")
NUMBER = readings.measure(known("latency_s"), readings.MIDDLE)


def test_a_difference_that_is_all_mix_is_none_within_strata() -> None:
    # the new prompt is asked in German, and Germans are refused more whatever the prompt
    strata = [
        Stratum("v1", 0, "en", 9_000, 180.0, 180.0),
        Stratum("v1", 0, "de", 1_000, 200.0, 200.0),
        Stratum("v2", 0, "en", 1_000, 20.0, 20.0),
        Stratum("v2", 0, "de", 9_000, 1_800.0, 1_800.0),
    ]
    rows = {r.value: r for r in release_rows.rows(SHARE, strata)}
    assert rows["v2"].counted is not None
    assert rows["v2"].counted.low > 10
    assert rows["v2"].within is not None
    assert rows["v2"].within.value == pytest.approx(0, abs=1e-9)
    assert rows["v2"].verdict == "no clear difference"
    assert rows["v2"].compared == 1.0


def test_a_value_that_nothing_stands_beside_is_not_compared() -> None:
    strata = [
        Stratum("v1", 0, "en", 900, 18.0, 18.0),
        Stratum("v2", 1, "en", 900, 90.0, 90.0),
        Stratum("v3", 1, "en", 5, 1.0, 1.0),
    ]
    rows = {r.value: r for r in release_rows.rows(SHARE, strata)}
    assert rows["v1"].verdict == "nothing beside it"
    assert rows["v1"].within is None
    assert rows["v2"].within is not None  # v3 is beside it, but tells little
    assert rows["v2"].verdict == "no clear difference"
    assert rows["v3"].verdict == "few"
    assert rows["v3"].level is None


@pytest.mark.parametrize("measure", [SHARE, NUMBER])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(measure: Measure) -> None:
    rng = np.random.default_rng(3)
    held, runs, gap = 0, 300, 0.03
    for _ in range(runs):
        strata = []
        for place in range(12):
            usual = rng.uniform(0.02, 0.2)
            for value, n, shift in (
                ("old", int(rng.integers(40, 300)), 0.0),
                ("new", int(rng.integers(20, 200)), gap),
            ):
                x = rng.random(n) < usual + shift
                y = x.astype(float) if measure is SHARE else usual + shift + 0.1 * rng.standard_normal(n)
                strata.append(Stratum(value, place, "en", n, float(y.sum()), float((y * y).sum())))
        new = next(r for r in release_rows.rows(measure, strata) if r.value == "new")
        assert new.within is not None
        scale = 100 if measure is SHARE else 1
        held += new.within.low <= scale * gap <= new.within.high
    assert held / runs > 0.93  # two values: each interval is a little wider than 95 %
