from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from dashboard.queries.narrowed import MOST_WORDS, Narrow, condition, words_of
from dashboard.views.outputs import run_tree
from dashboard.views.outputs.outputs_query import Step

AT = datetime(2026, 3, 17, tzinfo=UTC)


def step(span: str, parent: str = "") -> Step:
    return Step(span, parent, "tool", span, "", AT, 0.1, False)


def test_children_stand_under_their_parents_with_branches() -> None:
    found = run_tree.lines(
        [step("a"), step("b", "a"), step("c", "b"), step("d", "a"), step("e", "not stored")]
    )
    assert [f"{line.branch}{line.step.name}" for line in found] == ["a", "├─ b", "│  └─ c", "└─ d", "e"]


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["", *"abcdefgh"])), max_size=12))
def test_whatever_names_whatever_every_step_stands_there_once(spans: list[tuple[str, str]]) -> None:
    steps = [step(span, parent) for span, parent in dict(spans).items()]
    found = run_tree.lines(steps)
    assert sorted(line.step.span_id for line in found) == sorted(s.span_id for s in steps)


def test_a_deep_run_ends_and_its_branches_stay_short() -> None:
    steps = [step(str(k), str(k - 1) if k else "") for k in range(3_000)]
    found = run_tree.lines(steps)
    assert len(found) == 3_000
    assert max(len(line.branch) for line in found) <= 3 * (run_tree.DEEPEST + 1)


@given(st.text())
def test_words_are_bounded_and_hold_no_separator(text: str) -> None:
    found = words_of(text)
    assert len(found) <= MOST_WORDS
    assert all(0 < len(word) <= 64 and not any(c in word for c in " _'\"%.;") for word in found)


@given(st.text(), st.text(), st.text())
def test_nothing_asked_for_becomes_part_of_a_statement(slice_: str, flag: str, word: str) -> None:
    asked = "zz-" + word
    sql, bound = condition(Narrow((f"language={slice_}zz-", "nothing=1"), ("zz-" + flag,), (asked,)))
    assert "zz-" not in sql
    assert "nothing" not in sql
    assert bound["word0"] == asked
    assert bound["flag0"] == "zz-" + flag
