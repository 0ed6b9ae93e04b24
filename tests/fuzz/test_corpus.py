"""Everything that fuzzing found interesting is read again, and a few thousand changes of it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.at_length import at_length, examples
from tests.fuzz.mutation import mutated
from tests.fuzz.seeds import CORPUS, corpus, seeds
from tests.fuzz.targets import TARGETS

SEEDS = seeds()
MOST_KB = 500


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_before(name: str) -> None:
    for data in (*SEEDS[name], *corpus(name)):
        TARGETS[name](data)


@pytest.mark.parametrize("name", at_length(TARGETS, 3))
def test_changes_of_it(name: str) -> None:
    known = [*SEEDS[name], *corpus(name)]

    @settings(max_examples=examples(150), deadline=None)
    @given(st.integers(0, len(known) - 1), st.integers(0, 2**32 - 1), st.integers(1, 3))
    def withstands(place: int, seed: int, rounds: int) -> None:
        rng = random.Random(seed)
        data = known[place]
        for _ in range(rounds):
            data = mutated(name, data, rng)
        TARGETS[name](data)

    withstands()


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=examples(100), deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_the_corpus_is_small_and_of_known_targets() -> None:
    files = [path for path in CORPUS.glob("*/*") if path.is_file()]
    assert {path.parent.name for path in files} <= set(TARGETS)
    assert sum(path.stat().st_size for path in files) <= MOST_KB * 1024
