"""Language of a text, by CLD2 (pycld2).

ISO 639-1 codes where there are any, else CLD2's; ``und`` for texts of fewer than 20 letters, for code, and
where CLD2 is unsure. Fenced code is not read.
"""

from __future__ import annotations

import pycld2

from detectors.scorers.text_parts import has_letters

UNDETERMINED = "und"
MIN_LETTERS = 20
CLEAR_PERCENT = 40
"""Share of the text, by CLD2's own count, from which its guess stands although it calls itself unsure."""

_CODES = {"zh-Hant": "zh", "iw": "he", "jw": "jv", "no": "nb", "un": UNDETERMINED, "tlh": UNDETERMINED}
_FENCE = "```"


def language(text: str) -> str:
    """Code of the language most of ``text`` is in."""
    prose = _without_code(text)
    if not has_letters(prose, MIN_LETTERS):
        return UNDETERMINED
    code = _detected(prose)
    return _CODES.get(code, code)


def _without_code(text: str) -> str:
    if _FENCE not in text:
        return text
    prose = "\n".join(text.split(_FENCE)[::2])
    return prose if has_letters(prose, MIN_LETTERS) else text


def _detected(text: str) -> str:
    found = _cld2(text)
    if found is None:  # control characters and the like
        found = _cld2("".join(c if c.isprintable() else " " for c in text))
    return UNDETERMINED if found is None else found


def _cld2(text: str) -> str | None:
    try:
        reliable, _, details = pycld2.detect(_utf8(text), isPlainText=True, bestEffort=True)
    except pycld2.error:
        return None
    _, code, percent, _ = details[0]
    return str(code) if reliable or percent >= CLEAR_PERCENT else UNDETERMINED


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
