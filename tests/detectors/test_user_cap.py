from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.counts.user_cap import MOST, UNKNOWN, Affected, UserCap
from detectors.engine.snapshot import pack, unpack
from detectors.observation import Observation
from tests.detectors.traffic import SPECS, START, Row, observation

FIRST = START // 5


def hits(rows: Sequence[tuple[int, int, int, str]]) -> Observation:
    """Refusals by (tick, user, conversation, language)."""
    made = [Row(START + 5 * tick, {"language": language}, {"refusal": 1.0}) for tick, _, _, language in rows]
    return replace(
        observation(made, 0),
        users=tuple(user for _, user, _, _ in rows),
        conversations=tuple(conversation for _, _, conversation, _ in rows),
    )


def people(rows: Sequence[tuple[int, int, int, str]], batch: int = 100) -> UserCap:
    made = UserCap(SPECS, 300, FIRST)
    for at in range(0, len(rows), batch):
        made.add(hits(rows[at : at + batch]), FIRST)
    for tick in sorted({r[0] for r in rows}):
        made.close(FIRST + tick)
    return made


def affected(made: UserCap, slice_: str, onset: int, last: int = 99) -> Affected:
    return made.affected("refusal", slice_, FIRST + onset, FIRST + last)


def test_users_conversations_and_the_busiest_are_those_of_the_slice_since_the_onset() -> None:
    made = people(
        [
            (0, 1, 10, "es"),
            (1, 1, 10, "es"),
            (1, 1, 11, "es"),
            (1, 2, 12, "es"),
            (1, 3, 13, "de"),
            (2, 0, 0, "es"),
        ]
    )
    assert affected(made, "language=es", 1) == Affected(2, 3, 2 / 4)
    assert affected(made, "all", 0) == Affected(3, 4, 3 / 6)
    assert affected(made, "all", 1, 1) == Affected(3, 4, 2 / 4)


def test_where_nobody_is_known_there_is_no_count() -> None:
    assert affected(people([(0, 0, 0, "es")]), "all", 0) == UNKNOWN
    assert affected(people([(0, 0, 5, "es"), (1, 0, 5, "es")]), "all", 0) == Affected(None, 1, 1.0)
    assert UserCap(SPECS, 300, FIRST).affected("latency_s", "all", FIRST, FIRST) == UNKNOWN


def test_a_change_older_than_what_is_kept_has_no_count() -> None:
    made = people([(tick, 1 + i, 1 + i, "es") for tick in range(5) for i in range(MOST // 3)])
    assert affected(made, "all", 1) == UNKNOWN
    assert affected(made, "all", 2).users == MOST // 3
    assert affected(people([(0, i + 1, 1, "es") for i in range(MOST + 1)]), "all", 0) == UNKNOWN
    late = UserCap(SPECS, 300, FIRST + 3)  # of what came before nothing is known
    late.add(hits([(3, 1, 1, "es")]), FIRST + 3)
    late.close(FIRST + 3)
    assert affected(late, "all", 2) == UNKNOWN
    assert affected(late, "all", 3) == Affected(1, 1, 1.0)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 4), st.sampled_from(["es", "de"])),
        min_size=1,
        max_size=40,
    ),
    seed=st.integers(0, 99),
    batch=st.integers(1, 40),
)
def test_neither_order_nor_batches_nor_a_restart_change_what_is_known(
    rows: list[tuple[int, int, int, str]], seed: int, batch: int
) -> None:
    made = people(rows)
    other = people(random.Random(seed).sample(rows, len(rows)), batch)
    assert pack({"p": made.state()}, {}) == pack({"p": other.state()}, {})
    restored = UserCap(SPECS, 300, FIRST + 50)
    restored.restore(unpack(pack({"p": made.state()}, {}))[0]["p"])
    for slice_ in ("all", "language=es"):
        assert affected(restored, slice_, 1) == affected(made, slice_, 1)
    assert restored.state() == made.state()


@pytest.mark.parametrize("closed", [False, True])
def test_open_ticks_are_part_of_the_state(closed: bool) -> None:
    made = UserCap(SPECS, 300, FIRST)
    made.add(hits([(0, 1, 1, "es")]), FIRST)
    if closed:
        made.close(FIRST)
    again = UserCap(SPECS, 300, FIRST)
    again.restore(unpack(pack({"p": made.state()}, {}))[0]["p"])
    again.close(FIRST)
    assert affected(again, "all", 0) == Affected(1, 1, 1.0)
