"""Messages are worked on in the order of the log, whatever a client hands out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.messages import RawMessage
from ingest.topics.in_order import InOrder, Place, Sifted

SPANS: Place = ("otlp_spans", 2)


def messages(*offsets: int, place: Place = SPANS) -> list[RawMessage]:
    return [RawMessage(*place, offset, b"") for offset in offsets]


def sift(order: InOrder, some: list[RawMessage]) -> Sifted:
    sifted = order.sift(some)
    order.take(sifted)
    return sifted


def in_order(committed: int | None = 0, holes: frozenset[int] = frozenset()) -> InOrder:
    return InOrder(
        lambda _: committed, lambda _, begin, end: all(offset in holes for offset in range(begin, end))
    )


def test_what_follows_or_comes_again_is_taken() -> None:
    order = in_order(committed=5)
    assert sift(order, messages(5, 6, 7)).kept == [0, 1, 2]
    assert sift(order, messages(6, 7, 8, 9)).kept == [0, 1, 2, 3]
    assert sift(order, messages(10)).rewind == {}


def test_behind_a_gap_nothing_is_taken_until_it_was_read_again() -> None:
    order = in_order(committed=5)
    first = sift(order, messages(5, 8, 9))
    assert (first.kept, first.rewind) == ([0], {SPANS: 6})
    assert sift(order, messages(10)).rewind == {SPANS: 6}
    assert sift(order, messages(6, 7, 8, 9, 10)).kept == [0, 1, 2, 3, 4]


def test_holes_of_the_log_are_passed() -> None:
    order = in_order(holes=frozenset({1, 2}))
    assert sift(order, messages(0, 3, 4)).kept == [0, 1, 2]


def test_a_gap_concerns_its_partition_alone() -> None:
    order = in_order()
    other: Place = ("otlp_spans", 3)
    sifted = sift(order, [*messages(4), *messages(0, 1, place=other)])
    assert (sifted.kept, sifted.rewind) == ([1, 2], {SPANS: 0})


def test_a_partition_that_comes_back_goes_on_from_what_is_committed() -> None:
    committed = {SPANS: 0}
    order = InOrder(lambda place: committed[place], lambda *_: False)
    sift(order, messages(0, 1, 2))
    order.forget([SPANS])
    committed[SPANS] = 40
    assert sift(order, messages(3)).kept == [0]  # came again
    assert sift(order, messages(41)).rewind == {SPANS: 40}
    assert sift(order, messages(40, 41)).kept == [0, 1]


def test_what_was_sifted_before_partitions_changed_hands_changes_nothing() -> None:
    order = in_order(committed=5)
    sifted = order.sift(messages(5, 6))
    before = order.generation
    order.forget([SPANS])
    assert order.generation != before
    assert sift(order, messages(7)).rewind == {SPANS: 5}
    assert sifted.kept == [0, 1]


def test_until_it_is_known_where_to_read_from_what_is_behind_a_gap_is_only_left_out() -> None:
    order = in_order(committed=None)
    assert sift(order, messages(7, 8)) == Sifted()
    assert sift(order, messages(0, 1)).kept == [0, 1]
    assert sift(in_order(None, frozenset({0, 1})), messages(2)).kept == [0]  # the log begins there


@given(
    st.integers(0, 30),
    st.sets(st.integers(0, 59), max_size=20),
    st.lists(st.tuples(st.integers(0, 59), st.integers(1, 12)), max_size=40),
)
def test_whatever_is_handed_out_nothing_is_left_out(
    committed: int, holes: set[int], runs: list[tuple[int, int]]
) -> None:
    """Runs of the log from anywhere, as a client may give them; after each gap the log is read from there."""
    log = [offset for offset in range(60) if offset not in holes]
    order = in_order(committed, frozenset(holes))
    done: list[int] = []
    for begin, length in runs:
        some = [offset for offset in log if offset >= max(begin, committed)][:length]
        sifted = sift(order, messages(*some))
        done += [some[i] for i in sifted.kept]
        for due in sifted.rewind.values():
            again = [offset for offset in log if offset >= due][:length]
            done += [again[i] for i in sift(order, messages(*again)).kept]
    reached = max(done, default=committed - 1)
    assert set(done) == {offset for offset in log if committed <= offset <= reached}
    for i, offset in enumerate(done):  # each is the first time behind all before it
        assert {o for o in log if committed <= o < offset} <= set(done[:i])
