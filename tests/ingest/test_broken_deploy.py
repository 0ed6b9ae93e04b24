"""When the worker stops instead of making dead letters of everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.agents.score.broken_deploy import MIN_MESSAGES, NEVER, DeadLetterLimit, Outcome, ours_in

OUTCOMES = st.lists(
    st.builds(
        lambda tenant, records, share: Outcome(tenant, records, round(records * share)),
        st.sampled_from("ab"),
        st.integers(0, 60),
        st.sampled_from((0.0, 0.0, 0.5, 1.0)),
    ),
    max_size=60,
)
GOOD, BAD = Outcome("a", 10, 0), Outcome("a", 10, 10)


def stops_at(outcomes: list[Outcome], cuts: list[int]) -> int | None:
    """The message at which it stops, given in batches of these sizes; later ones are not looked at."""
    limit = DeadLetterLimit(50, 200)
    at = 0
    sizes = iter(cuts)
    while at < len(outcomes):
        batch = outcomes[at : at + next(sizes, 7)]
        if limit.exceeded(batch) is not None:
            return next(n for n in range(1, len(batch) + 1) if limit.exceeded(batch[:n]) is not None) + at
        limit.accept(batch)
        at += len(batch)
    return None


@given(OUTCOMES, st.lists(st.integers(1, 20)), st.lists(st.integers(1, 20)))
def test_the_decision_does_not_depend_on_how_messages_were_cut(
    outcomes: list[Outcome], cuts: list[int], others: list[int]
) -> None:
    assert stops_at(outcomes, cuts) == stops_at(outcomes, others)


@given(OUTCOMES, OUTCOMES)
def test_asking_changes_nothing_and_the_same_question_has_the_same_answer(
    before: list[Outcome], batch: list[Outcome]
) -> None:
    limit = DeadLetterLimit(50, 200)
    limit.accept(before)
    assert limit.exceeded(batch) == limit.exceeded(batch)
    fresh = DeadLetterLimit(50, 200)
    fresh.accept(before)
    assert fresh.exceeded(batch) == limit.exceeded(batch)


@given(OUTCOMES, st.sampled_from((25.0, 50.0, 90.0)))
def test_it_stops_only_where_more_than_the_share_of_enough_records_died(
    outcomes: list[Outcome], percent: float
) -> None:
    limit = DeadLetterLimit(percent, 200)
    if limit.exceeded(outcomes) is None:
        return
    enough = False
    for end in range(MIN_MESSAGES, len(outcomes) + 1):
        for begin in range(end - MIN_MESSAGES + 1):
            seen = outcomes[begin:end]
            total = sum(o.records for o in seen)
            enough |= total >= 200 and 100 * sum(o.ours for o in seen) > percent * total
    assert enough


def test_a_healthy_stream_takes_poison_and_a_broken_deploy_stops_it() -> None:
    limit = DeadLetterLimit(50, 200)
    for _ in range(50):
        assert limit.exceeded([GOOD, BAD]) is None
        limit.accept([GOOD, BAD])
    limit.accept([GOOD] * 20)
    assert limit.exceeded([BAD] * 10) is None
    assert limit.exceeded([BAD] * 11) == "110 of the latest 200 records died by a defect"
    assert DeadLetterLimit(50, 200).exceeded([BAD] * 19) is None


def test_after_a_restart_the_same_messages_stop_it_at_once_and_repaired_ones_do_not() -> None:
    limit = DeadLetterLimit(50, 200)
    limit.accept([GOOD] * 20 + [BAD] * 10)
    assert limit.exceeded([BAD]) is not None
    again = DeadLetterLimit(50, 200)
    again.accept([GOOD] * 20 + [BAD] * 10)  # as the ledger tells
    assert again.exceeded([BAD]) is not None
    assert again.exceeded([GOOD] * 100) is None


def test_one_message_full_of_poison_is_only_that() -> None:
    limit = DeadLetterLimit(50, 200)
    assert limit.exceeded([Outcome("a", 5000, 5000)]) is None
    limit.accept([GOOD] * 7)
    assert limit.exceeded([Outcome("a", 5000, 5000)]) is not None


def test_one_tenant_of_several_cannot_stop_the_others() -> None:
    evil, good = Outcome("evil", 100, 100), Outcome("good", 1, 0)
    limit = DeadLetterLimit(50, 200)
    assert limit.exceeded([evil] * 20) is not None  # alone it is most of what comes
    assert limit.exceeded([good, *[evil] * 20]) is None
    limit.accept([good, *[evil] * 20])
    assert limit.exceeded([evil] * 20) is None
    assert limit.exceeded([Outcome("good", 1, 1), evil]) is not None


def test_the_setting_lets_everything_through() -> None:
    assert DeadLetterLimit(NEVER, 1).exceeded([BAD] * 100) is None
    with pytest.raises(ValueError, match="percent"):
        DeadLetterLimit(0, 200)


def test_only_what_is_our_fault_counts() -> None:
    reasons = {"dead_letter:scorer_failed": 3, "dead_letter:not_otlp": 9, "not_genai": 4, "retried": 2}
    assert ours_in(reasons) == 3
