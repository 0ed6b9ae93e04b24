"""Channels of raw values: robust to scale and tail, nothing lost, new things seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.files.channels import KINDS, learn_channels


def _by_name(kind: str, values: object):  # type: ignore[no-untyped-def]
    return {c.name: c for c in learn_channels(kind, values)}  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("category", "flag", "volume")])
def test_location_and_spread_of_learned_values_are_standard_whatever_their_tail(kind: str) -> None:
    rng = np.random.default_rng(1)
    values = rng.beta(2, 5, 4_000) if kind == "bounded" else np.exp(2 * rng.standard_normal(4_000))
    channels = _by_name(kind, values)
    for name in ("location", "spread"):
        x = channels[name].of(values)
        assert abs(x.mean()) < 0.1
        assert x.std() == pytest.approx(1.0, abs=0.15)
    assert channels["tail"].of(values).mean() == pytest.approx(0.05, abs=0.015)


def test_location_does_not_depend_on_the_unit() -> None:
    values = np.exp(np.random.default_rng(2).standard_normal(500))
    seconds, milliseconds = _by_name("positive", values), _by_name("positive", values * 1000)
    assert np.array_equal(seconds["location"].of(values), milliseconds["location"].of(values * 1000))


def test_values_beyond_everything_learned_lie_beyond_every_group() -> None:
    values = np.random.default_rng(3).standard_normal(500)
    location = _by_name("real", values)["location"]
    assert location.of(np.array([1e9]))[0] > location.of(values).max()
    assert location.of(np.array([-1e9]))[0] < location.of(values).min()
    assert np.isfinite(location.of(np.array([1e300, -1e300]))).all()


def test_exact_zeros_are_watched_apart_and_left_out_of_the_rest() -> None:
    rng = np.random.default_rng(4)
    values = np.where(rng.random(1_000) < 0.3, 0.0, rng.lognormal(0, 1, 1_000))
    channels = _by_name("positive", values)
    assert channels["zero"].of(values).mean() == pytest.approx(np.mean(values == 0))
    assert np.array_equal(np.isnan(channels["location"].of(values)), values == 0)
    assert abs(np.nanmean(channels["location"].of(values))) < 0.1
    ends = _by_name("bounded", np.where(rng.random(1_000) < 0.3, 1.0, rng.random(1_000)))
    assert set(ends) == {"one", "location", "spread", "tail"}


def test_a_constant_window_still_tells_higher_from_lower() -> None:
    location = _by_name("real", np.full(100, 7.0))["location"]
    low, same, high = location.of(np.array([6.9, 7.0, 7.1]))
    assert low < same < high


@given(st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=200))
def test_every_name_is_counted_in_exactly_one_level(names: list[str]) -> None:
    channels = learn_channels("category", np.array(names))
    seen = np.array([*sorted(set(names)), "never seen"])
    counted = sum(c.of(seen) for c in channels)
    assert np.array_equal(np.asarray(counted), np.ones(len(seen)))
    assert channels[-1].of(np.array(["never seen"]))[0] == 1.0
    assert len(channels) <= 9


def test_windows_without_values_and_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="one of flag, bounded"):
        learn_channels("percentile", np.ones(3))
    with pytest.raises(ValueError, match="needs values"):
        learn_channels("real", np.zeros(0))
