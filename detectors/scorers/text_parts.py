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


def letters(text: str) -> int:
    """Letters in ``text``; a Chinese, Japanese or Korean character counts three, as it tells as much."""
    return sum(3 if c >= "\u2e80" else 1 for c in text if c.isalpha())
