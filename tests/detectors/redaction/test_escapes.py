"""Escapes of a long text, undone at once, are those of a short one, and lead back to the same places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor, redact_text, views
from detectors.redaction.views import View, folded, unescaped

PARTS = (
    *("\\", "\\\\", "\\\\\\", '"', "'", "n", "u", "x", "/", "a", "1", " ", "@", "?", "b"),
    *("\\u0041", "\\u00e9", "\\u6f22", "\\x41", "\\xe9", "\\ud83d", "\\ude00", "\\uD83D\\uDE00", "\\u005c"),
    *("0041", "é", "漢", "\U0001f600", "\ud83d", "\ude00", "\u200b", "\uff11", '{"a":"', "\\u00"),
)
REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(b"a key for escapes, 32 bytes long"))


def levels(text: str, long: int) -> list[tuple[str, list[tuple[int, int]]]]:
    """The text on each level, and where its characters, alone and in pairs, come from."""
    out: list[tuple[str, list[tuple[int, int]]]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "LONG", long)
        view: View | None = folded(text)
        while view is not None:
            size = len(view.text)
            spans = [view.span(a, b) for a in range(size) for b in (a + 1, a + 2) if b <= size]
            out.append((view.text, spans))
            view = unescaped(view)
    return out


@given(st.lists(st.sampled_from(PARTS), max_size=30).map("".join))
def test_a_long_text_is_unescaped_as_a_short_one(text: str) -> None:
    assert levels(text, 0) == levels(text, 1 << 30)


@given(st.lists(st.sampled_from((*PARTS, "bob\\u0040example.com", "4111 1111 1111 1111")), max_size=30))
def test_a_long_text_is_redacted_as_a_short_one(parts: list[str]) -> None:
    text = "".join(parts)
    short = redact_text(text, REDACTOR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "LONG", 0)
        assert redact_text(text, REDACTOR) == short
