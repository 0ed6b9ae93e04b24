"""Phone numbers: international ones by country code and length, national ones by their usual shapes.

A shape that other numbers share counts only after a word such as ``phone`` or ``mobile`` in one of many
languages. Lengths follow ITU-T E.164 and national numbering plans, rounded outwards.
"""

from __future__ import annotations

from itertools import pairwise

from detectors.redaction.hits import RANK_NUMBER, Hit
from detectors.redaction.matching import Words
from detectors.redaction.number import Number

_DEFAULT_LENGTH = (6, 12)
_NATIONAL_LENGTH = {
    "1": (10, 10), "7": (10, 10), "20": (8, 10), "27": (9, 9), "30": (10, 10), "31": (9, 9), "32": (8, 9),
    "33": (9, 9), "34": (9, 9), "36": (8, 9), "39": (6, 11), "40": (9, 9), "41": (9, 9), "43": (5, 13),
    "44": (9, 10), "45": (8, 8), "46": (7, 10), "47": (8, 8), "48": (9, 9), "49": (6, 12), "51": (8, 9),
    "52": (10, 11), "54": (10, 11), "55": (10, 11), "56": (9, 9), "57": (8, 10), "58": (10, 10),
    "60": (8, 10), "61": (9, 9), "62": (7, 12), "63": (8, 10), "64": (8, 10), "65": (8, 8), "66": (8, 9),
    "81": (9, 10), "82": (8, 11), "84": (9, 10), "86": (9, 12), "90": (10, 10), "91": (10, 10), "92": (9, 10),
    "93": (9, 9), "94": (9, 9), "95": (7, 10), "98": (10, 10),
}  # fmt: skip
_THREE_DIGIT_CODES = frozenset({
    "2", "3", "4", "5", "6", "8", "9",
})  # fmt: skip
_THREE_DIGIT_SECOND = {
    "2": "1234569", "3": "578", "4": "2", "5": "09", "6": "789", "8": "058", "9": "679",
}  # fmt: skip

_NAMED = Words(
    r"(?:\b(?:(?:tele|smart|i)?phones?|tel|telephone|call(?:ing)?(?: (?:me|us|him|her))?(?: (?:at|on|back))?"
    r"|mobiles?|cell|cellphone|whatsapp|fax|text (?:me|us)(?: at)?|sms|dial|hotline|desk|landline"
    r"|(?:ring|reach|contact)(?: (?:me|us))?(?: (?:at|on))?|my number|our number"
    r"|tel[e\x{E9}]fono|m[o\x{F3}]vil|ll[a\x{E1}]m(?:a|ar|e|ame|enos|anos)|celular|mi n[u\x{FA}]mero"
    r"|meu n[u\x{FA}]mero|t[e\x{E9}]l[e\x{E9}]phone|t[e\x{E9}]l|portable|appele[rz](?:-moi)?|joindre"
    r"|mon num[e\x{E9}]ro|handy(?:nummer)?|rufnummer|mobil(?:nummer|telefon)?|telefon(?:nummer|o|u|em|um)?"
    r"|anrufen|meine nummer|cellulare|chiam(?:a|ate|ami|are)|mio numero|ligue|ligar|telefone|mijn nummer"
    r"|telefoon(?:nummer)?|mobiel|bel(?: me)?|kom[o\x{F3}]rk\w*|zadzwo\w*|m[o\x{F3}]j numer|cep(?: telefonu)?"
    r"|numaram|puhelin\w*|puh|telepon|hp|ph|simu|tlf|mob)\b"
    r"|телефон|тел\.|позвони|звоните|мой номер|моб\.|电话|電話|手机|手機|致电|致電|联系|聯絡|我的号码|携帯"
    r"|連絡先|전화|연락처|휴대폰|내 번호|फोन|फ़ोन|मोबाइल|मेरा नंबर|هاتف|جوال|اتصل|تلفن|رقمي|טלפון|נייד"
    r"|điện thoại|โทร|เบอร์|τηλ)[^\d\n]{0,24}$"
)
"""A word for telephones shortly before a number, in some thirty languages."""

_NOT_WORDS = Words(
    r"(?:\b(?:isbn|issn|doi|order|invoice|tracking|version|ticket|case|sku|part|serial|account|iban|ref|reference|id|uuid|port|year"
    r"|zip|postcode|bestell\w*|rechnung\w*|commande|pedido|ordine|pmid|arxiv|patent|rfc|epoch|timestamp|model|item|row|line|code)\b"
    r"|заказ|订单|注文|주문)[^\d\n]{0,12}$|[/=#$€£¥_%~^*<]\s?$"
)
"""A word or sign shortly before a number that says it is something else."""


DISTINCT_SHAPES = frozenset({(3, 3, 4), (2, 5, 4), (3, 4, 4)})
"""Shapes in which phone numbers are taken from the middle of a row of numbers."""


def phone(item: Number) -> Hit | None:
    """The phone number that ``item`` is; ``template_phone`` for those of forms and examples."""
    if len(item.digits) > 16 or _is_date(item):
        return None
    if not item.varied:
        if item.shape != (3, 3, 4) or item.gaps[1] == " ":
            return None
        return Hit(item.start, item.end, "template_phone", item.digits, RANK_NUMBER, loose=True)
    canonical, loose = _canonical(item)
    if canonical is None:
        return None
    type_ = "service_phone" if _is_toll_free(item) else "phone"
    return Hit(item.start, item.extension_end, type_, canonical, RANK_NUMBER, loose=loose)


def _is_toll_free(item: Number) -> bool:
    """Whether ``item`` is a number that callers need not pay for: an office's, nobody's own."""
    if item.digits.startswith(("0800", "00800", "800")) and not item.plain:
        return True
    national = item.digits[-10:]
    american = item.shape[-3:] == (3, 3, 4) or (
        item.plus and item.digits[0] == "1" and len(item.digits) == 11
    )
    return american and national[:3] in ("800", "888", "877", "866", "855", "844", "833")


def _canonical(item: Number) -> tuple[str | None, bool]:
    if item.plus:
        return _international(_without_trunk_zero(item)), False
    if item.follows and item.shape not in DISTINCT_SHAPES:
        return None, True  # a row of numbers
    if item.digits.startswith("00") and item.digits[2:3] not in ("", "0"):
        number = _international(_without_trunk_zero(item)[2:])
        if number is not None:
            return number, item.plain
    plausible, national = _plausible(item), _national(item)
    if not (plausible or national):
        return None, True
    loose = not _is_spaced(item)
    if is_named(item):
        return (item.digits, loose) if plausible else (None, True)
    if not national or _NOT_WORDS.found(item.before):
        return None, True
    return item.digits, loose


def _is_spaced(item: Number) -> bool:
    """Whether blanks or brackets part the groups, as in no id, version or name of a service."""
    return any(" " in gap or ")" in gap for gap in item.gaps)


def is_named(item: Number) -> bool:
    """Whether a word for telephones stands shortly before ``item``."""
    return _NAMED.found(item.before)


def _plausible(item: Number) -> bool:
    """Whether a number after a word for telephones is one: no range of years, no decimals."""
    if not 7 <= len(item.digits) <= 13 or len(item.shape) > 6 or any(len(gap) > 2 for gap in item.gaps):
        return False
    if item.shape == (4, 4) and all(1800 <= int(part) <= 2200 for part in _parts(item)):
        return False
    return not (len(item.shape) == 2 and item.gaps[0] == ".")


def _without_trunk_zero(item: Number) -> str:
    """Digits without the zero of ``+44 (0)20``."""
    at = 0
    for index, (length, (gap, following)) in enumerate(zip(item.shape, pairwise(item.gaps), strict=False)):
        at += length
        if gap.endswith("(") and following.startswith(")") and _parts(item)[index + 1] == "0":
            return item.digits[:at] + item.digits[at + 1 :]
    return item.digits


def _international(digits: str) -> str | None:
    code = country_code(digits)
    if code is None:
        return None
    shortest, longest = _NATIONAL_LENGTH.get(code, _DEFAULT_LENGTH)
    national = len(digits) - len(code)
    if digits[len(code) : len(code) + 1] == "0" and code != "39":
        longest += 1  # a trunk zero left in
    return "+" + digits if shortest <= national <= longest else None


def lengths_by_code(digits: str) -> tuple[int, int]:
    """Fewest and most digits of a number, country code included, by its first three; zeros if none."""
    code = country_code(digits)
    if code is None:
        return 0, 0
    shortest, longest = _NATIONAL_LENGTH.get(code, _DEFAULT_LENGTH)
    return shortest + len(code), longest + len(code) + 1


def country_code(digits: str) -> str | None:
    """Country code that ``digits`` begin with (ITU-T E.164), ``None`` if there is none such."""
    if digits[:1] in ("1", "7"):
        return digits[0]
    if digits[:1] in _THREE_DIGIT_CODES and digits[1:2] in _THREE_DIGIT_SECOND[digits[0]]:
        return digits[:3]
    return digits[:2] if digits[:2] in _NATIONAL_LENGTH else None


_DATES = frozenset({(4, 2, 2), (2, 2, 4), (1, 2, 4), (2, 1, 4), (1, 1, 4)})
"""Lengths of year, month and day, either way round."""


def _is_date(item: Number) -> bool:
    shape = item.shape
    if shape[:3] not in _DATES or item.gaps[0] != item.gaps[1] or item.gaps[0] not in ("-", "/", ".", " "):
        return False
    a, b, c = (int(part) for part in _parts(item)[:3])
    if shape[0] == 4:
        return 1800 <= a <= 2200 and 1 <= b <= 12 and 1 <= c <= 31
    return min(a, b) >= 1 and max(a, b) <= 31 and min(a, b) <= 12 and 1800 <= c <= 2200


def _parts(item: Number) -> list[str]:
    parts, at = [], 0
    for length in item.shape:
        parts.append(item.digits[at : at + length])
        at += length
    return parts


def _national(item: Number) -> bool:
    digits, shape, gaps = item.digits, item.shape, item.gaps
    if any(len(gap) > 2 for gap in gaps) or len(shape) > 5:
        return False
    if item.plain:
        return _plain(digits)
    spaced = all(gap == " " for gap in gaps)
    if shape in ((3, 3, 4), (1, 3, 3, 4)) and _is_nanp(digits):
        return not spaced
    if digits[0] == "0" and digits[1] != "0":
        return _trunk(item, spaced=spaced)
    if digits[0] == "8" and shape[0] == 1 and len(digits) == 11 and len(shape) >= 3:
        return digits[1] in "3489"  # Russia
    if shape == (3, 4, 4) and digits[0] == "1" and digits[1] in "3456789":
        return len(set(gaps)) == 1  # China, mobile
    if shape in ((2, 4, 4), (2, 5, 4)) and digits[0] != "0" and gaps[1] == "-":
        return gaps[0] in (" ", ") ", ")")  # Brazil
    if shape in ((3, 2, 2, 2), (2, 3, 2, 2)) and len(set(gaps)) == 1 and gaps[0] in (" ", "-"):
        return digits[0] in "2345689"  # Spain, Poland
    if shape == (3, 3, 3) and gaps[0] == gaps[1]:
        return digits[0] in "679" and gaps[0] == "-"
    return shape == (5, 5) and digits[0] in "6789" and gaps[0] in (" ", "-")  # India, mobile


def _plain(digits: str) -> bool:
    if len(set(digits)) < 4 or digits.endswith("0000"):
        return False
    if len(digits) == 11 and digits[0] == "1":
        return digits[1] in "3456789"  # China, mobile
    return digits[0] == "0" and digits[1] != "0" and len(digits) in (10, 11)


def _is_nanp(digits: str) -> bool:
    digits = digits[-10:]
    return digits[0] in "23456789" and digits[1:3] != "11"  # examples often have a wrong exchange


def _trunk(item: Number, *, spaced: bool) -> bool:
    """National numbers with the trunk zero: most of Europe, Asia, Africa and Oceania."""
    shape = item.shape
    if not (10 if spaced else 9) <= len(item.digits) <= 12 or not 2 <= shape[0] <= 5 or min(shape) < 2:
        return False
    if item.gaps[0] == "." and len(set(item.gaps)) == 1 and len(shape) < 4:
        return False  # a decimal or a version
    if spaced and shape[0] == 2:
        return shape in ((2, 2, 2, 2, 2), (2, 7), (2, 8), (2, 3, 2, 2))
    return True
