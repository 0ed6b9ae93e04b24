from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.embedded.child_spec import BackOff, ChildSpec, in_start_order
from infra.errors import Misconfigured


@given(count=st.integers(1, 8), seed=st.integers(0, 1000))
def test_everyone_comes_after_those_it_needs(count: int, seed: int) -> None:
    rng = random.Random(seed)
    specs = [
        ChildSpec(f"c{i}", ["x"], after=[f"c{j}" for j in range(i) if rng.random() < 0.4])
        for i in range(count)
    ]
    rng.shuffle(specs)
    ordered = [spec.name for spec in in_start_order(specs)]
    assert sorted(ordered) == sorted(spec.name for spec in specs)
    for spec in specs:
        assert all(ordered.index(name) < ordered.index(spec.name) for name in spec.after)


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ([ChildSpec("a", ["x"], after=["b"]), ChildSpec("b", ["x"], after=["a"])], r"\['a', 'b'\]"),
        ([ChildSpec("a", ["x"], after=["nobody"])], "nobody"),
        ([ChildSpec("a", ["x"]), ChildSpec("a", ["y"])], "same name"),
        ([ChildSpec("../a", ["x"])], "plain name"),
        ([ChildSpec("a", [])], "command line"),
    ],
)
def test_what_cannot_be_started_is_named(specs: list[ChildSpec], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        in_start_order(specs)


def test_pauses_double_up_to_the_longest() -> None:
    back_off = BackOff(first_s=0.5, longest_s=10)
    assert [back_off.pause_s(n) for n in (1, 2, 3, 4, 5, 6, 10_000)] == [0.5, 1, 2, 4, 8, 10, 10]
