from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.estimates import levels
from dashboard.measures import intervals
from dashboard.measures.measures import ABOVE, BELOW, CATEGORY, FLAG, MEDIAN, measured
from dashboard.measures.scores import known
from dashboard.queries.series import MAX_BUCKETS, Bucket, Half, SliceCounts
from dashboard.tables import incident_picture
from tests.dashboard.made import NOW, incident

REFUSAL = measured(known("refusal"), "rate", ())
LATENCY = measured(known("latency_s"), "s", ())


def half(n: int, hits: int) -> Half:
    return Half(n, float(hits), (), ())


def numbers(values: list[float]) -> Half:
    grid = known("latency_s").grid
    assert grid is not None
    cells, counts = np.unique([grid.cell(v) for v in values], return_counts=True)
    pairs = tuple((int(c), int(n)) for c, n in zip(cells, counts, strict=True))
    return Half(len(values), float(sum(values)), pairs, ())


@given(
    age=st.timedeltas(timedelta(0), timedelta(days=400)),
    length=st.timedeltas(timedelta(0), timedelta(days=400)),
)
def test_windows_hold_the_onset_and_few_buckets_whatever_the_age(age: timedelta, length: timedelta) -> None:
    onset = (NOW - age).isoformat().replace("+00:00", "Z")
    ended = min(NOW, NOW - age + length)
    for facts in ({}, {"state": "resolved", "ending": "recovered", "resolved": ended}):
        found = incident({"onset": onset, "onset_low": onset, "onset_high": onset}, **facts)
        window = incident_picture.window(found, NOW)
        buckets = (window.to_s - window.from_s) / window.bucket_s
        assert 1 <= buckets <= MAX_BUCKETS
        assert window.from_s % window.bucket_s == window.to_s % window.bucket_s == 0
        assert window.to_s >= min(found.onset, NOW).timestamp()
        compared = incident_picture.comparison(found, NOW)
        assert compared.from_s < compared.before_s <= compared.after_s < compared.to_s


def test_a_finding_is_measured_the_way_its_note_says() -> None:
    above = measured(known("latency_s"), "rate", ("share of values above 12",))
    assert (above.what, above.is_share) == (ABOVE, True)
    assert above.title == "Latency, share above 12\u202fs"
    slow = numbers([1.0] * 90 + [30.0] * 10)
    assert levels.hits(above, slow) == 10
    below = measured(known("output_length"), "rate", ("share of values below 4",))
    assert below.what == BELOW
    spanish = measured(known("language"), "rate", ("share of es",))
    assert (spanish.what, spanish.name) == (CATEGORY, "es")
    assert levels.hits(spanish, Half(10, 0.0, (), (("en", 7), ("es", 3)))) == 3
    assert LATENCY.what == MEDIAN
    assert REFUSAL.what == FLAG


@pytest.mark.parametrize(
    ("name", "note"),
    [("refusal", "share of values above x"), ("latency_s", "share of values above soon"), ("no_such", "hm")],
)
def test_a_note_that_is_not_understood_falls_back_to_the_score(name: str, note: str) -> None:
    assert measured(known(name), "rate", (note,)).what in {FLAG, MEDIAN}


@pytest.mark.parametrize(
    ("unit", "score", "said"),
    [
        ("rate", "refusal", "+4.3\u202fpp (+3.1 to +5.5)"),
        ("ratio", "output_length", "+4.3\u202f% (+3.1 to +5.5)"),
        ("characters", "output_length", "+0.04\u202fcharacters (+0.03 to +0.06)"),
    ],
)
def test_effects_are_written_in_the_unit_they_were_stated_in(unit: str, score: str, said: str) -> None:
    assert measured(known(score), unit, ()).change(0.043, 0.031, 0.055) == said


def test_a_median_and_its_interval_cover_the_truth() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        found = levels.level(LATENCY, numbers(list(rng.lognormal(np.log(2), 0.5, 200))))
        assert found is not None
        covered += found.low * 0.99 <= 2 <= found.high * 1.01
    assert covered >= 184


def test_nothing_counted_is_no_point_and_no_zero() -> None:
    buckets = [Bucket(NOW, 0, 0.0), Bucket(NOW + timedelta(minutes=5), 10, 0.0)]
    found = incident_picture.points(REFUSAL, buckets, 300)
    assert [t.value for t in found] == [0.0]
    assert levels.level(LATENCY, half(10, 5)) is None  # numbers without their cells


def test_the_band_widens_with_the_spread_before_the_onset() -> None:
    rng = np.random.default_rng(2)
    onset = NOW

    def band(overdispersed: bool) -> intervals.Interval:
        rates = rng.beta(2, 90, 60) if overdispersed else np.full(60, 0.0217)
        buckets = [
            Bucket(NOW - timedelta(minutes=5 * (60 - i)), 140, float(rng.binomial(140, rate)))
            for i, rate in enumerate(rates)
        ]
        return incident_picture.reference(
            REFUSAL, incident_picture.points(REFUSAL, buckets, 300), onset, 0.0217
        ).band

    calm, wild = band(False), band(True)
    assert calm.low <= 0.0217 <= calm.high
    assert wild.high > calm.high


def test_slices_are_ranked_and_their_intervals_hold_together() -> None:
    rng = np.random.default_rng(9)
    slices = [SliceCounts("all", half(80_000, 1_680), half(2_000, 130))]
    slices += [SliceCounts("language=de", half(24_000, 504), half(600, 90))]
    slices += [SliceCounts("prompt_version=v18", half(0, 0), half(1_200, 90))]
    slices += [
        SliceCounts(f"release=r{i}", half(8_000, 168), half(200, int(rng.binomial(200, 0.021))))
        for i in range(40)
    ]
    found = incident_picture.where(REFUSAL, slices, {"language=de": 0.7})
    assert len(found.bars) == incident_picture.MAX_BARS
    assert (found.bars[0].name, found.bars[0].share) == ("language = de", 0.7)
    assert found.bars[0].clear
    assert sum(bar.clear for bar in found.bars) == 1  # forty unchanged slices paint nothing
    assert found.too_few == 1  # v18 did not exist before


def test_the_share_of_a_slice_is_its_part_of_the_excess() -> None:
    slices = [
        SliceCounts("all", half(1_000, 20), half(1_000, 60)),
        SliceCounts("language=de", half(500, 10), half(500, 40)),
    ]
    (bar,) = incident_picture.where(REFUSAL, slices, {}).bars
    assert bar.share == pytest.approx(0.75)


def test_a_distribution_keeps_its_mass_and_a_readable_number_of_cells() -> None:
    rng = np.random.default_rng(4)
    before = numbers(list(rng.lognormal(0.7, 0.5, 5_000)))
    after = numbers(list(rng.lognormal(1.1, 0.5, 5_000)))
    found = incident_picture.bins(LATENCY, before, after)
    assert 12 <= len(found) <= 40
    assert sum(b.baseline for b in found) == pytest.approx(1)
    assert sum(b.current for b in found) == pytest.approx(1)
    assert incident_picture.bins(LATENCY, before, Half(0, 0.0, (), ())) == []


def test_categories_are_compared_name_by_name() -> None:
    before = Half(1_000, 0.0, (), (("en", 900), ("es", 100)))
    after = Half(1_000, 0.0, (), (("en", 600), ("es", 300), ("<b>", 100)))
    found = incident_picture.category_bars(before, after)
    assert [bar.name for bar in found.bars] == ["en", "es", "<b>"]
    assert all(bar.clear for bar in found.bars)


@pytest.mark.parametrize(
    ("slice_", "said"),
    [
        ("language=es", "language = es"),
        ("release=a%2Cb%3Dc%25,request_model=x", "release = a,b=c%, request model = x"),
        ("release=\u202eevil", "release = [U+202E]evil"),
    ],
)
def test_slices_are_decoded_and_made_safe(slice_: str, said: str) -> None:
    assert incident_picture.readable(slice_) == said
