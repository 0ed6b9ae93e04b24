"""Where a change sits: planted slices come first, others are cleared, and a moved mix is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.change.attribution import Inputs, SliceCounts, attribute


def _whole(parts: list[SliceCounts]) -> SliceCounts:
    return SliceCounts(
        "all",
        sum(p.n_before for p in parts),
        sum(p.s_before for p in parts),
        sum(p.n_after for p in parts),
        sum(p.s_after for p in parts),
    )


def test_the_slice_that_changed_explains_it_and_the_others_are_cleared() -> None:
    languages = [
        SliceCounts("language=en", 7_000, 350, 700, 35),
        SliceCounts("language=es", 2_000, 100, 200, 120),
        SliceCounts("language=de", 3_000, 150, 300, 15),
    ]
    models = [
        SliceCounts("request_model=a", 6_000, 300, 600, 85),
        SliceCounts("request_model=b", 6_000, 300, 600, 85),
    ]
    told = attribute(_whole(languages), languages + models)
    assert told.slices[0].slice == "language=es"
    assert told.slices[0].share == pytest.approx(1.0)
    assert told.slices[0].effect == pytest.approx(0.55)
    assert set(told.cleared) == {"language=en", "language=de"}
    assert told.inputs.changed is False
    assert told.inputs.moved == pytest.approx(0.0)
    assert told.inputs.moved_high is not None
    assert 0.03 < told.inputs.moved_high < 0.12
    assert abs(told.mix_share) < 0.01


def test_a_new_release_is_compared_with_all_traffic_before() -> None:
    releases = [
        SliceCounts("release=1", 10_000, 500, 500, 25),
        SliceCounts("release=2", 0, 0, 500, 200),
    ]
    told = attribute(_whole(releases), releases)
    assert [s.slice for s in told.slices] == ["release=2"]
    assert told.slices[0].effect == pytest.approx(0.35)
    assert told.cleared == ("release=1",)


def test_traffic_that_moves_between_slices_is_a_change_of_inputs() -> None:
    """Both languages behave as ever; more of the one that is refused more comes in."""
    languages = [
        SliceCounts("language=en", 9_000, 90, 400, 4),
        SliceCounts("language=xx", 1_000, 500, 600, 300),
    ]
    told = attribute(_whole(languages), languages)
    assert told.inputs.changed
    assert told.mix_share > 0.95
    assert set(told.cleared) == {"language=en", "language=xx"}
    assert told.slices == ()
    releases = [SliceCounts(p.slice.replace("language", "release"), *_counts(p)) for p in languages]
    assert attribute(_whole(releases), releases).inputs == Inputs()


def _counts(p: SliceCounts) -> tuple[float, float, float, float]:
    return p.n_before, p.s_before, p.n_after, p.s_after


def test_slices_with_little_traffic_are_neither_blamed_nor_cleared() -> None:
    parts = [SliceCounts("language=en", 9_000, 450, 900, 450), SliceCounts("language=fi", 10, 0, 2, 0)]
    told = attribute(_whole(parts), parts)
    assert "language=fi" not in told.cleared
    assert "language=fi" not in {s.slice for s in told.slices}


def test_means_are_attributed_with_the_spread_of_their_events() -> None:
    parts = [
        SliceCounts("language=en", 5_000, 0.0, 500, 0.0),
        SliceCounts("language=es", 5_000, 0.0, 500, 400.0),
    ]
    told = attribute(_whole(parts), parts, event_var=1.0)
    assert [s.slice for s in told.slices] == ["language=es"]
    assert told.cleared == ("language=en",)
    unsure = attribute(_whole(parts), parts, event_var=400.0)
    assert unsure.cleared == ()


@given(
    st.lists(
        st.tuples(st.integers(1, 500), st.floats(0, 1), st.integers(1, 500), st.floats(0, 1)),
        min_size=2,
        max_size=8,
    )
)
def test_shares_of_one_dimension_add_up_to_the_change(parts: list[tuple[int, float, int, float]]) -> None:
    slices = [
        SliceCounts(f"release={i}", n0, n0 * p0, n1, n1 * p1) for i, (n0, p0, n1, p1) in enumerate(parts)
    ]
    whole = _whole(slices)
    change = whole.s_after / whole.n_after - whole.s_before / whole.n_before
    if abs(change) < 1e-3:
        return
    p_before = whole.s_before / whole.n_before
    total = 0.0
    for part in slices:
        w0, w1 = part.n_before / whole.n_before, part.n_after / whole.n_after
        before, after = part.s_before / part.n_before, part.s_after / part.n_after
        total += w1 * (after - before) + (w1 - w0) * (before - p_before)
    assert total == pytest.approx(change, abs=1e-9)
    told = attribute(whole, slices)
    assert {s.slice for s in told.slices}.isdisjoint(told.cleared)
    assert all(np.isfinite(s.share or 0.0) for s in told.slices)


def test_of_a_handful_of_calls_or_of_one_language_nobody_can_tell_whether_inputs_stayed() -> None:
    few = [
        SliceCounts("language=en", 7_000, 350, 6, 5),
        SliceCounts("language=es", 2_000, 100, 2, 2),
    ]
    assert attribute(_whole(few), few).inputs == Inputs()
    assert attribute(_whole(few[:1]), few[:1]).inputs == Inputs()
