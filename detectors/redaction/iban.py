"""International bank account numbers: country, length (SWIFT registry) and check digits (ISO 7064)."""

from __future__ import annotations

from collections.abc import Iterator

from detectors.redaction.hits import RANK_CHECKED, Hit
from detectors.redaction.matching import FREE, Pattern, free_after, free_before
from detectors.redaction.views import View

LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27,
    "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28,
    "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23,
    "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
    "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
    "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
    "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25,
    "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip

_NUMBERS = {c: str(int(c, 36)) for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_BEGIN_FORM = r"[A-Za-z]{2}\d{2}[ \-]?[A-Za-z0-9]{4}"
_BEGIN = Pattern(_BEGIN_FORM)
WORTH = FREE + _BEGIN_FORM
"""What no text with an IBAN lacks."""


def ibans(view: View) -> Iterator[Hit]:
    """Every IBAN, in groups of four or without blanks."""
    done = 0
    for match in _BEGIN.all(view.data, view.meter):
        start = match.start()
        if start < done or not free_before(view.data, start):
            continue
        length = LENGTHS.get(view.text[start : start + 2].upper())
        if length is None:
            continue
        end, canonical = _take(view.text, start, length)
        if len(canonical) == length and free_after(view.data, end) and has_check(canonical):
            done = end
            yield Hit(start, end, "iban", canonical, RANK_CHECKED)


def _take(text: str, start: int, length: int) -> tuple[int, str]:
    """End and characters of the ``length`` letters and digits from ``start``, single separators skipped."""
    whole = text[start : start + length]
    if whole.isascii() and whole.isalnum():
        return start + len(whole), whole.upper()
    taken: list[str] = []
    index = start
    while index < len(text) and len(taken) < length:
        character = text[index]
        if character.isascii() and character.isalnum():
            taken.append(character)
        elif character not in " -" or text[index - 1] in " -":
            break
        index += 1
    return index, "".join(taken).upper()


def has_check(iban: str) -> bool:
    """Whether the check digits of an upper-case IBAN without blanks are right."""
    return int("".join(map(_NUMBERS.__getitem__, iban[4:] + iban[:4]))) % 97 == 1
