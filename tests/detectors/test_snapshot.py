from __future__ import annotations

from pathlib import Path

import msgpack
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from detectors.engine.snapshot import WrongSnapshot, pack, unpack

FIXTURES = Path(__file__).parents[1] / "fixtures"
EDGES = [e + d for e in (0, 2**63, 2**64, -(2**63), -(2**64), 2**68) for d in (-1, 0, 1)]
NUMBERS = st.sampled_from(EDGES) | st.integers()
TEXTS = st.text(st.characters())
"""Also with halves of characters that a text was cut in."""
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
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


@given(st.sampled_from(EDGES) | st.integers(-(2**63), 2**64 - 1))
def test_numbers_that_messagepack_has_are_written_as_ever(number: int) -> None:
    """A state without wider ones is read by the program of before."""
    body = zstandard.ZstdDecompressor().decompress(pack({"number": number}, {})[1:])
    if -(2**63) <= number < 2**64:
        assert body == msgpack.packb([{"number": number}, []])
    else:
        with pytest.raises(OverflowError):
            msgpack.packb(number)


def test_what_is_not_plain_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"numpy\.int64"):
        pack({"n": np.int64(3)}, {})
    data = bytes((2,)) + zstandard.ZstdCompressor().compress(msgpack.packb([msgpack.ExtType(9, b"x"), []]))
    with pytest.raises(WrongSnapshot, match="extension type 9"):
        unpack(data)


@given(st.binary(max_size=100))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(WrongSnapshot):
        unpack(data)


@pytest.mark.parametrize("version", [1, 2])
def test_every_version_can_be_read(version: int) -> None:
    facts, arrays = unpack((FIXTURES / f"snapshot.v{version}.bin").read_bytes())
    assert facts == {"next_offset": 41, "names": ["refusal", "secrets"]}
    assert arrays["s"].tolist() == [[0.0, 0.25], [1e250, 3.0]]
