"""A partition is idle only if the broker says now that there is nothing to read."""

from __future__ import annotations

import pytest

from ingest.topics.in_order import Place
from ingest.topics.unread import FRESH_MS, End, unread

SPANS: Place = ("otlp_spans", 2)
NOW_MS = 1_764_000_000_000


def waits(end: End | None, committed: int | None) -> bool:
    found = unread([SPANS], lambda _: end, lambda _: committed, NOW_MS)
    assert found in (set(), {SPANS})
    return bool(found)


def test_an_end_that_was_told_just_now_and_is_read_up_to_leaves_nothing() -> None:
    assert not waits(End(40, NOW_MS - 500), 40)
    assert not waits(End(0, NOW_MS), None)


def test_what_lies_behind_the_committed_offset_is_unread() -> None:
    assert waits(End(41, NOW_MS), 40)
    assert waits(End(1, NOW_MS), None)


@pytest.mark.parametrize("age_ms", [FRESH_MS + 1, 30_000, -FRESH_MS - 1, -18_000_000])
def test_a_broker_that_does_not_answer_leaves_no_partition_idle(age_ms: int) -> None:
    """Nor does one whose answer was stamped by a clock that has jumped since."""
    assert waits(End(40, NOW_MS - age_ms), 40)
    assert waits(None, 40)


def test_each_place_by_itself() -> None:
    ends = {("a", 0): End(3, NOW_MS), ("a", 1): End(4, NOW_MS), ("b", 0): None}
    assert unread(ends, ends.__getitem__, lambda _: 3, NOW_MS) == {("a", 1), ("b", 0)}
