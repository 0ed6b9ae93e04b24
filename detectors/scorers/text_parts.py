"""Which part of a text scorers read: all of a short one, both ends of a long one."""

from __future__ import annotations

from detectors.redaction.pseudonyms import for_scorers

END_CHARACTERS = 2048
"""Characters read from each end of a side; scoring costs grow with the text, and ends say most."""

_MARK = "\n"


def scored(text: str | None) -> str | None:
    """``text`` as scorers see it: placeholders as ``[email]``, the middle of long texts left out."""
    if text is None:
        return None
    if len(text) > 2 * END_CHARACTERS:
        text = text[:END_CHARACTERS] + _MARK + text[-END_CHARACTERS:]
    return for_scorers(text)


def both_ends(text: str, most: int) -> str:
    """``text``, or half of ``most`` characters from each end of a longer one."""
    return text if len(text) <= most else text[: most // 2] + _MARK + text[-(most // 2) :]


def has_letters(text: str, n: int) -> bool:
    """Whether ``text`` has ``n`` letters or more.

    A Chinese, Japanese or Korean character counts three, as it tells as much; marks of scripts that write
    vowels with them count one.
    """
    for character in text:
        if character.isalpha() or character > _LAST_SPACING_LATIN:
            n -= 3 if character >= _FIRST_CJK else 0 if character.isspace() else 1
            if n <= 0:
                return True
    return n <= 0


_LAST_SPACING_LATIN = "\u02ff"
_FIRST_CJK = "\u2e80"
