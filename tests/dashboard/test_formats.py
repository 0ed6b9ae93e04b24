from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import formats as f

NOW = datetime(2026, 3, 17, 3, 12, 40, tzinfo=UTC)
T, M = f.THIN, f.MINUS


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (f.percent(0.0641), f"6.4{T}%"),
        (f.share(0.0641), f"6.4{T}%"),
        (f.share(0.58), f"58{T}%"),
        (f.share(0.992), f"99.2{T}%"),
        (f.share(0.000534), "5.3 per 10,000"),
        (f.share(0), f"0.0{T}%"),
        (f.share_step(0.021, 0.064), f"2.1 → 6.4{T}%"),
        (f.share_step(0.0101, 0.5801), f"1.0 → 58{T}%"),
        (f.share_step(0.0002, 0.009), "2.0 → 90.0 per 10,000"),
        (f.share_interval(0.0257, 0.0287), "2.6–2.9"),
        (f.share_level(0.0641, 0.054, 0.075), f"6.4{T}% 5.4–7.5"),
        (f.share_level(0.0003, 0.0002, 0.0005), "3.0 2.0–5.0 per 10,000"),
        (f.share_level(0, 0, 0.0037), f"0.0{T}% 0.0–0.4"),
        (f.share_level(0.5, None, None), f"50{T}%"),
        (f.points(0.043, 0.031, 0.055), f"+4.3{T}pp (+3.1 to +5.5)"),
        (f.points(-0.024, -0.033, -0.016), f"{M}2.4{T}pp ({M}3.3 to {M}1.6)"),
        (f.points(0.0004, 0.0003, 0.0005), "+4.0 per 10,000 (+3.0 to +5.0)"),
        (f.points(0.043, None, None), f"+4.3{T}pp (interval unknown)"),
        (f.relative(0.09, 0.02, 0.17), f"+9{T}% (+2 to +17)"),
        (f.difference(0.88, 0.76, 1.01, "s"), f"+0.9{T}s (+0.8 to +1.0)"),
        (f.count(41_280), "41,280"),
        (f.count(4_123_456), f"4.12{T}M"),
        (f.measure(312, "characters"), f"312{T}characters"),
        (f.measure(1.236, "s"), f"1.24{T}s"),
        (f.measure(12.34), "12.3"),
        (f.measure_step(312, 341, "words"), f"312 → 341{T}words"),
        (f.number(-0.04, 1), "0.0"),
        (f.number(-1234.5, 1), f"{M}1,234.5"),
        (f.signed(0.5), "+0.5"),
        (f.clock(NOW), "03:12 UTC"),
        (f.stamp(NOW), "03:12:40 UTC"),
        (f.date(NOW + timedelta(days=6)), "23 Mar 03:12"),
        (f.day(NOW), "17 March"),
        (f.short_day(datetime(2026, 3, 9, tzinfo=UTC)), "09 Mar"),
        (f.moment(NOW - timedelta(minutes=67), NOW), "02:05"),
        (f.moment(NOW - timedelta(hours=6), NOW), "Mon 21:12"),
        (f.moment(NOW - timedelta(days=9), NOW), "8 Mar 03:12"),
        (f.since(NOW - timedelta(minutes=67, seconds=59), NOW), f"02:04 · 67{T}min"),
        (f.span(timedelta(seconds=119)), f"119{T}s"),
        (f.span(timedelta(minutes=2)), f"2{T}min"),
        (f.span(timedelta(minutes=99, seconds=59)), f"99{T}min"),
        (f.span(timedelta(hours=6)), f"6.0{T}h"),
        (f.span(timedelta(hours=47, minutes=59)), f"47.9{T}h"),
        (f.span(timedelta(days=3, hours=3)), f"3.1{T}d"),
        (f.span(timedelta(seconds=-5)), f"0{T}s"),
    ],
)
def test_words(said: str, wanted: str) -> None:
    assert said == wanted


def test_the_brackets_of_an_effect_come_apart_again() -> None:
    assert f.split_interval(f.points(0.043, 0.031, 0.055)) == (f"+4.3{T}pp", "+3.1 to +5.5")


@given(st.floats(1e-5, 1e4))
def test_a_half_width_keeps_one_or_two_digits_below_a_hundred(half: float) -> None:
    places = f.places(half)
    rounded = round(half, places)
    assert rounded > 0
    assert abs(rounded - half) <= 0.5 * half + 1e-12
    if half >= 0.01 and rounded < 100:
        assert len(f"{rounded:.{places}f}".replace(".", "").lstrip("0")) <= 2


@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_numbers_read_back(value: float, places: int) -> None:
    text = f.number(value, places)
    assert "-" not in text
    assert math.isclose(float(text.replace(",", "").replace(M, "-")), value, abs_tol=0.5001 * 10**-places)


@pytest.mark.parametrize("write", [f.points, f.relative, f.difference])
@given(effect=st.floats(-1, 1), half=st.floats(1e-6, 1))
def test_every_effect_carries_its_interval(
    write: Callable[[float, float, float], str], effect: float, half: float
) -> None:
    text = write(effect, effect - half, effect + half)
    assert " to " in text
    assert text.endswith(")")


def test_times_from_the_store_without_a_zone_are_utc() -> None:
    naive = NOW.replace(tzinfo=None)
    assert f.utc(naive) == NOW
    assert f.utc(NOW).tzinfo is UTC
