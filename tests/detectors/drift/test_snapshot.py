from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from detectors.drift.engine.snapshot import WrongSnapshot, pack, unpack

FIXTURES = Path(__file__).parents[2] / "fixtures"
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ARRAYS = st.one_of(
    npst.arrays(np.float64, npst.array_shapes(max_dims=3, max_side=4, min_side=0)),
    npst.arrays(np.int64, npst.array_shapes(max_dims=2, max_side=4, min_side=0)),
    npst.arrays(np.bool_, 3),
)


@given(st.dictionaries(st.text(), PLAIN, max_size=4), st.dictionaries(st.text(), ARRAYS, max_size=4))
def test_state_survives_to_the_bit(facts: dict[str, object], arrays: dict[str, np.ndarray]) -> None:
    data = pack(facts, arrays)
    got_facts, got_arrays = unpack(data)
    assert got_facts == facts
    assert set(got_arrays) == set(arrays)
    for name, array in arrays.items():
        assert got_arrays[name].dtype == array.dtype
        assert got_arrays[name].shape == array.shape
        assert got_arrays[name].tobytes() == array.tobytes()
    assert pack(got_facts, got_arrays) == data


@given(st.binary(max_size=100))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(WrongSnapshot):
        unpack(data)


@pytest.mark.parametrize("version", [1, 2])
def test_every_version_can_be_read(version: int) -> None:
    facts, arrays = unpack((FIXTURES / f"snapshot.v{version}.bin").read_bytes())
    assert facts == {"next_offset": 41, "names": ["refusal", "secrets"]}
    assert arrays["s"].tolist() == [[0.0, 0.25], [1e250, 3.0]]
