"""Text in the form in which phrases are written: lower case, plain apostrophes, plain blanks."""

from __future__ import annotations

_PLAIN = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u200c": None, "\u00a0": " "})


def phrase_text(text: str) -> str:
    """``text`` in that form; zero-width non-joiners, which people type or leave out, are gone."""
    return text.lower().translate(_PLAIN)
