from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from dashboard.safe_text import LIMIT, clean, escape

JOINER = "\u2060"


@given(st.text())
def test_cleaned_text_is_one_bounded_line_without_hidden_or_steering_characters(text: str) -> None:
    shown = clean(text)
    assert len(shown) <= 2 * LIMIT + 1
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Co", "Cn"} for c in shown)
    assert not set(shown) & set("\u200b\u2060\ufeff\u200e\u200f\u061c\n\r")
    assert not any(0x202A <= ord(c) <= 0x202E or 0x2066 <= ord(c) <= 0x2069 for c in shown)


@given(st.text(alphabet=st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=LIMIT))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert clean(text) == text


@given(st.text())
def test_an_escaped_label_reads_as_the_cleaned_text(text: str) -> None:
    label = escape(text)
    read, escaped = [], False
    for character in label:
        if character == "\\" and not escaped:
            escaped = True
            continue
        # every ASCII mark stands behind a backslash, so none of them can mean anything
        mark = character.isascii() and not character.isalnum() and character != " "
        assert escaped == mark
        escaped = False
        if character != JOINER:
            read.append(character)
    assert "".join(read) == clean(text)


def test_addresses_and_emoji_names_are_broken_where_an_escape_does_not_help() -> None:
    for text in ("https://evil.example", "wWw.evil.example", "a@evil.example", ":smile:", "mailto:a@b.c"):
        seen = escape(text).replace("\\", "")
        assert JOINER in seen
        assert text not in seen


def test_a_name_that_is_too_long_is_cut_and_says_so() -> None:
    assert clean("a" * 10_000) == "a" * LIMIT + "…"
    assert len(clean("\u202e" * 10_000)) <= LIMIT + 1
