"""Answers in another language than the question."""

from __future__ import annotations

import pytest

from detectors.scorers.language import language
from detectors.scorers.language_mismatch import LONGEST_QUESTION
from detectors.scorers.language_mismatch import mismatch as of_languages


def mismatch(prompt: str, output: str) -> bool | None:
    return of_languages(prompt, output, language(prompt), language(output))


ENGLISH = "The harbour opens at six in the morning and the fees are paid at the office beside the crane."
GERMAN = "Der Hafen öffnet um sechs Uhr morgens, und die Gebühren bezahlt man im Büro neben dem Kran."
SPANISH = (
    "El puerto abre a las seis de la mañana y las tasas se pagan en la oficina que está junto a la grúa."
)
JAPANESE = "港は午前六時に開きます。料金はクレーンの横にある事務所でお支払いください。"
ASK_ENGLISH = "When does the harbour open, and where do I pay for my berth?"
ASK_GERMAN = "Wann öffnet der Hafen, und wo bezahle ich meinen Liegeplatz?"


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        (ASK_ENGLISH, ENGLISH, False),
        (ASK_GERMAN, GERMAN, False),
        (ASK_GERMAN, ENGLISH, True),
        (ASK_ENGLISH, SPANISH, True),
        (ASK_ENGLISH, JAPANESE, True),
        ("¿A qué hora abre el puerto y dónde puedo pagar las tasas del amarre?", ENGLISH, True),
        ("港は何時に開きますか。料金はどこで払えばいいですか。教えてください。", ENGLISH, True),
    ],
)
def test_the_languages_are_compared(asked: str, answered: str, expected: bool) -> None:
    assert mismatch(asked, answered) is expected


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("Please translate this for my guests: the harbour opens at six in the morning.", GERMAN),
        ("Schreibe bitte auf Englisch, wann der Hafen öffnet und was es kostet.", ENGLISH),
        ("Tell me in Spanish when the harbour opens and where I pay.", SPANISH),
        ("¿Puedes traducir esto? The harbour opens at six in the morning.", SPANISH),
        ("Responde in English, por favor: ¿a qué hora abre el puerto y dónde se pagan las tasas?", ENGLISH),
        ("ช่วยแปลข้อความนี้ให้หน่อย ท่าเรือเปิดหกโมงเช้าและจ่ายค่าธรรมเนียมที่สำนักงาน", ENGLISH),
        ("港が開く時間を英語で教えてください。料金も教えてください。", ENGLISH),
        ("ok?", GERMAN),
        (ASK_ENGLISH, "Ja."),
        (f"```\n{ENGLISH}\n```", GERMAN),
        (ENGLISH * (LONGEST_QUESTION // len(ENGLISH) + 1), GERMAN),
        (
            ASK_ENGLISH,
            "# Liegeplätze und Gebühren\nfor platz in hafen:\n    if platz.frei():\n        gebuehr(platz)\n",
        ),
        (ASK_ENGLISH, "#FFF0E0, #F0FFF0, #E0FFFF, #FFFFE0, #FFFFF0, #F5F5DC, #FFE4C4, #FFEBCD"),
    ],
)
def test_left_out_where_another_language_may_be_wanted_or_none_is_clear(asked: str, answered: str) -> None:
    assert mismatch(asked, answered) is None


def test_close_languages_count_as_one() -> None:
    danish = "Havnen åbner klokken seks om morgenen, og man betaler på kontoret ved siden af kranen."
    norwegian = "Havna åpner klokka seks om morgenen, og man betaler på kontoret ved siden av krana."
    assert mismatch(danish, norwegian) is False
