"""Questions asked again in other words: what is alike, what is another question, what says nothing."""

from __future__ import annotations

import pytest

from detectors.record import Record
from detectors.scorers import score_batch
from detectors.scorers.rephrasing import REPHRASING, alikeness

AGAIN = [
    ("Where is my order TT-123456 with the tent?", "I asked where my order TT-123456 with the tent is."),
    ("How do I cancel my subscription?", "How can I cancel the subscription I have?"),
    ("Wo ist meine Bestellung mit dem blauen Zelt?", "Wo ist denn nun meine Bestellung, das blaue Zelt?"),
    ("¿Cuándo llega mi pedido de la tienda?", "¿Pero cuándo llega el pedido de mi tienda?"),
    ("Quand arrive ma commande avec la tente bleue ?", "Ma commande avec la tente bleue arrive quand ?"),
    ("北の島へ行く夜のフェリーはどこから出ますか", "夜のフェリーは北の島へどこから出ますか、教えて"),
]
ANOTHER = [
    ("Where is my order TT-123456 with the tent?", "How long do I have to send things back?"),
    ("How do I cancel my subscription?", "Which payment methods do you take?"),
    ("Wo ist meine Bestellung mit dem blauen Zelt?", "Kann ich die Lieferadresse noch ändern?"),
    ("Write a poem about the sea in four lines.", "Thanks! Now translate it into Spanish."),
]


def rephrases(prompt: str, earlier: str | None) -> float | str | None:
    (found,) = REPHRASING.score([Record(prompt=prompt, earlier_prompt=earlier)])
    return found.get("rephrases")


@pytest.mark.parametrize(("first", "again"), AGAIN)
def test_another_wording_of_the_question_is_told(first: str, again: str) -> None:
    assert rephrases(again, first) == 1.0


@pytest.mark.parametrize(("first", "other"), ANOTHER)
def test_another_question_is_none(first: str, other: str) -> None:
    assert rephrases(other, first) == 0.0


def test_what_is_the_same_or_short_or_first_is_none() -> None:
    question = AGAIN[0][0]
    assert rephrases(question.upper(), question) == 0.0
    assert rephrases("And in May?", question) == 0.0
    assert rephrases(question, None) is None
    assert alikeness(question * 40, question) is None


def test_lines_of_decode_are_scored_with_what_was_said_before() -> None:
    first, again = AGAIN[1]
    (scores,) = score_batch([{"input_text": again, "earlier_input_text": first, "output_text": "Gladly."}])
    assert scores["rephrases"] == 1.0
