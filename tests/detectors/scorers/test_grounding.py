# ruff: noqa: E501  texts are data
"""Answers out of documents, and answers out of nowhere."""

from __future__ import annotations

import pytest

from detectors.record import Record
from detectors.scorers.grounding import GROUNDING, MOST_CHARACTERS, grounding

FEES = "Berths for boats up to ten metres cost 24 pounds a night. Boats of guests of the regatta pay half of that."
DEPTH = (
    "At low water the entrance is 2.1 metres deep; pilots wait at the outer buoy until the light turns green."
)


def score(answer: str, *context: str, prompt: str | None = "What does it cost?") -> float | str | None:
    return GROUNDING.score([Record(prompt, answer, context=context)])[0].get("grounding")


def test_a_quoting_answer_is_grounded_and_an_invented_one_is_not() -> None:
    quoted = score("Berths for boats up to ten metres cost 24 pounds a night.", DEPTH, FEES)
    told = score(
        "A night costs 24 pounds for boats up to ten metres; guests of the regatta pay half of that.", FEES
    )
    invented = score(
        "Mooring is free in winter, and the harbour master brings fresh bread every morning.", FEES
    )
    assert quoted == 1
    assert isinstance(told, float)
    assert isinstance(invented, float)
    assert 0.4 < told < 1
    assert invented < 0.1


def test_documents_that_do_not_fit_the_question_lower_it() -> None:
    answer = "Berths for boats up to ten metres cost 24 pounds a night."
    assert float(score(answer, FEES) or 0) > 5 * float(score(answer, DEPTH) or 0)


def test_tool_results_and_the_question_count_as_given() -> None:
    answer = "The boat Albatros arrives on Tuesday and leaves on Thursday."
    record = Record("When does the boat Albatros arrive?", answer, context=(DEPTH,), tool_results=())
    (without,) = GROUNDING.score([record])
    told = Record(
        record.prompt,
        answer,
        context=(DEPTH,),
        tool_results=("Albatros arrives on Tuesday and leaves on Thursday",),
    )
    (with_result,) = GROUNDING.score([told])
    assert 0 < float(without["grounding"]) < float(with_result["grounding"])


@pytest.mark.parametrize("text", ["港は六時に開き、十時に閉まります。", "ท่าเรือเปิดตอนหกโมงและปิดตอนสิบโมง"])
def test_scripts_without_blanks(text: str) -> None:
    assert grounding(text, (text + "。", FEES)) == 1
    assert grounding(text, (FEES,)) == 0


def test_left_out_where_it_says_nothing() -> None:
    assert score("It costs 24 pounds a night for boats up to ten metres.") is None
    assert score("24 pounds.", FEES) is None
    assert (
        score("It costs 24 pounds a night for boats up to ten metres.", FEES, "x " * MOST_CHARACTERS) is None
    )
    assert score("", FEES) is None
