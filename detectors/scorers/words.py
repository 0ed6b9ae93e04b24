"""Words of a text for comparing texts: lower case, without punctuation; rows of them as numbers.

Scripts that put no blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are read by character,
and a row of them is longer for telling as much.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u3190-\ua4cf\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_UNITS = re.compile(f"[{_UNSPACED}]|[^\\W{_UNSPACED}_]+")
"""One class a branch, so the search is linear."""
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_BLANK_OUT = {c: " " for c in range(128) if not chr(c).isalnum()}
_INVISIBLE = dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))

MOST_GROWTH = 2
LONGEST_FORM = 64
"""Of a text that compatibility forms unfold, so many times its length and characters more are read: one
character may become eighteen, and no ordinary text becomes twice as long."""

CHARACTERS_FOR_A_WORD = 2.5
"""Characters of an unspaced script that tell as much as a word."""


def words(text: str) -> list[str]:
    """Words of ``text`` in order, or its characters where its script has no blanks."""
    if text.isascii():
        return text.lower().translate(_BLANK_OUT).split()
    if not unicodedata.is_normalized("NFKC", text):
        most = MOST_GROWTH * len(text) + LONGEST_FORM
        text = unicodedata.normalize("NFKC", text)[:most]
    return _UNITS.findall(text.translate(_INVISIBLE).casefold())


def by_character(units: Sequence[str]) -> bool:
    """Whether most of ``units`` are characters of a script without blanks."""
    single = sum(1 for unit in units if len(unit) == 1 and _HAS_UNSPACED.match(unit))
    return 2 * single > len(units)


def size_of(units: Sequence[str], n_words: int) -> int:
    """How many of ``units`` tell as much as ``n_words`` words."""
    return round(n_words * CHARACTERS_FOR_A_WORD) if by_character(units) else n_words


def rows(units: Sequence[str], size: int) -> list[int]:
    """A number for every row of ``size`` units, in order; equal rows have equal numbers in this process."""
    return list(map(hash, zip(*(units[i:] for i in range(size)), strict=False)))
