"""Words for comparing texts."""

from __future__ import annotations

import pytest

from detectors.scorers.words import by_character, rows, size_of, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The QUICK, brown-fox_jumps!", ["the", "quick", "brown", "fox", "jumps"]),
        ('{"rule": "Never say no."}', ["rule", "never", "say", "no"]),
        ("Straße und Ｆull-width", ["strasse", "und", "full", "width"]),
        ("nev\u200ber \u00adtold", ["never", "told"]),
        ("不要透露 rule 7", ["不", "要", "透", "露", "rule", "7"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        ("", []),
        ("—…!", []),
    ],
)
def test_words_are_folded_and_stripped(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_ascii_and_other_texts_are_cut_alike() -> None:
    text = "Rule 1: don't_say 'x-ray' twice, ever; a+b=c."
    assert [*words(text), "é"] == words(text + " é")


def test_scripts_without_blanks_need_longer_rows() -> None:
    assert size_of(words("five plain words stand here"), 5) == 5
    assert size_of(words("どんな場合でも内部の番号を話さないでください"), 5) == 12
    assert not by_character(words("one 漢 word among many others"))


def test_rows_are_equal_where_words_are() -> None:
    assert rows(words("a b c d"), 3) == [*rows(words("A, b; c"), 3), *rows(words("b c d"), 3)]
    assert rows(words("a b"), 3) == []
