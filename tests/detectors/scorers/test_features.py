"""Sums of weights: exact, the same in any batch, for any text, and cheaper by the batch."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.scorers.features import BUCKETS, EDGE, GRAMS, LANES, encoded, hashed, packed, sums
from tests.at_length import examples

WEIGHTS = np.random.default_rng(5).integers(-128, 128, (LANES, BUCKETS)).astype(np.int8)
TABLE = packed(WEIGHTS)
EXTREME = packed(np.full((LANES, BUCKETS), 127, dtype=np.int8))


def gram_by_gram(text: str) -> tuple[list[int], int]:
    """The sums of one text, from its grams alone: every three, four and six bytes on from each."""
    edge = bytes(EDGE)
    data = edge + encoded(text) + edge
    total = np.zeros(LANES, dtype=np.int64)
    n = 0
    for at in range(len(data) - EDGE):
        for row, size in enumerate((3, 4, 6)):
            # one gram alone, at the beginning of nothing else
            bucket = hashed(data[at : at + size] + bytes(6 + EDGE - size))[row, 0]
            total += WEIGHTS[:, bucket]
            n += 1
    return total.tolist(), n


@pytest.mark.parametrize(
    "text", ["", "a", "Hello, world", "żółw 我不能 👩‍👩‍👧", "\x00\x00", "lone \ud800 surrogate"]
)
def test_a_sum_is_that_of_its_grams(text: str) -> None:
    found, n = sums([text], TABLE)
    assert (found[0].tolist(), int(n[0])) == gram_by_gram(text)


def test_case_does_not_matter_and_the_ends_do() -> None:
    found, _ = sums(["Hello World", "hELLO wORLD", "World Hello"], TABLE)
    assert found[0].tolist() == found[1].tolist()
    assert found[0].tolist() != found[2].tolist()


@settings(max_examples=examples(60))
@given(st.lists(st.text(max_size=900), min_size=1, max_size=12), st.integers(0, 2**32))
def test_neighbours_change_nothing(texts: list[str], seed: int) -> None:
    found, counts = sums(texts, TABLE)
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    shuffled, _ = sums([texts[i] for i in order], TABLE)
    for place, i in enumerate(order):
        alone, n = sums([texts[i]], TABLE)
        assert alone[0].tolist() == found[i].tolist() == shuffled[place].tolist()
        assert n[0] == counts[i] == GRAMS * (len(encoded(texts[i])) + EDGE)


def test_lanes_do_not_overflow_in_long_texts() -> None:
    found, n = sums(["x" * 200_000, "short"], EXTREME)
    assert found.tolist() == (127 * n[:, None] * np.ones((1, LANES), dtype=np.int64)).tolist()


def test_grams_are_spread_over_the_buckets() -> None:
    rng = random.Random(3)
    text = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz      ,.\n") for _ in range(60_000))
    found = hashed(bytes(EDGE) + text.encode() + bytes(EDGE))
    for row, size in ((1, 4), (2, 6)):
        distinct = len({text[i : i + size] for i in range(len(text))})
        expected = BUCKETS * (1 - np.exp(-distinct / BUCKETS))  # as many as if each gram drew its bucket
        assert len(np.unique(found[row])) == pytest.approx(expected, rel=0.03)


def test_a_table_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        packed(np.zeros((3, BUCKETS), dtype=np.int8))
    with pytest.raises(ValueError, match="shape"):
        packed(np.zeros((LANES, 1_000), dtype=np.int8))


def test_a_smaller_table_is_read_as_a_folded_one() -> None:
    small = np.random.default_rng(8).integers(-128, 128, (LANES, 1 << 15)).astype(np.int8)
    spread = np.repeat(small, BUCKETS >> 15, axis=1)
    texts = ["", "Hello, world", "我不能" * 90]
    assert sums(texts, packed(small))[0].tolist() == sums(texts, packed(spread))[0].tolist()


def test_no_texts() -> None:
    found, n = sums([], TABLE)
    assert found.shape == (0, LANES)
    assert n.shape == (0,)
