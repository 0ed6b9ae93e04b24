"""Which offsets of a gap in the account no message has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.operations.ledger.holes import Gap, holes_in, without

OFFSETS = st.sets(st.integers(0, 60), max_size=40)
GAPS = st.tuples(st.integers(1, 50), st.integers(0, 8)).map(lambda g: (g[0], g[0] + g[1]))


def offsets(ranges: list[Gap]) -> list[int]:
    return [o for first, last in ranges for o in range(first, last + 1)]


@given(log=OFFSETS, gap=GAPS)
def test_a_hole_is_what_reading_past_the_gap_did_not_meet(log: set[int], gap: Gap) -> None:
    """The topic holds ``log``; reading starts with the message before the gap and ends behind it."""
    seen = sorted(o for o in log if o >= gap[0] - 1)
    behind = [o for o in seen if o > gap[1]]
    seen = [o for o in seen if o <= gap[1]] + behind[:1]
    found = offsets(holes_in(gap, seen))
    assert not set(found) & log
    assert all(gap[0] <= o <= gap[1] for o in found)
    if gap[0] - 1 in log and behind:
        assert found == [o for o in range(gap[0], gap[1] + 1) if o not in log]
    if gap[0] - 1 not in log:
        assert found == []
    assert all(o < max(seen) for o in found)


@given(gaps=st.lists(GAPS, max_size=6), missing=OFFSETS)
def test_holes_taken_out_of_gaps_leave_the_other_offsets(gaps: list[Gap], missing: set[int]) -> None:
    apart: list[Gap] = []
    for first, last in sorted(gaps):
        if not apart or first > apart[-1][1] + 1:
            apart.append((first, last))
    holes = [(o, o) for o in sorted(missing)]
    assert offsets(without(apart, holes)) == [o for o in offsets(apart) if o not in missing]
    assert without(apart, apart) == []
