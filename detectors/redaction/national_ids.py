"""Numbers that states give to people, told by form and check digits.

Forms that other numbers share (one check digit over nine to eleven plain digits) count only after a word
that names them. Checks come from python-stdnum where one digit is not enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from stdnum.be import nn as be_nn
from stdnum.bg import egn as bg_egn
from stdnum.ch import ssn as ch_ssn
from stdnum.cl import rut as cl_rut
from stdnum.cz import rc as cz_rc
from stdnum.es import dni as es_dni
from stdnum.es import nie as es_nie
from stdnum.fi import hetu as fi_hetu
from stdnum.fr import nir as fr_nir
from stdnum.gb import nhs as gb_nhs
from stdnum.it import codicefiscale as it_cf
from stdnum.mx import curp as mx_curp
from stdnum.nl import bsn as nl_bsn
from stdnum.no import fodselsnummer as no_fnr
from stdnum.pl import pesel as pl_pesel
from stdnum.pt import nif as pt_nif
from stdnum.ro import cnp as ro_cnp
from stdnum.za import idnr as za_idnr

from detectors.redaction.cards import luhn
from detectors.redaction.check_digits import (
    both,
    is_cpf,
    is_idnr,
    is_tckimlik,
    may_be_fodselsnummer,
    may_be_nn,
    may_be_pesel,
)
from detectors.redaction.hits import RANK_CHECKED, RANK_NUMBER, Hit
from detectors.redaction.matching import FREE, Match, Pattern, Words, free_after, free_before
from detectors.redaction.number import BEFORE, Number
from detectors.redaction.phones import is_named
from detectors.redaction.views import View

_NAMED = Words(
    r"\b(?:ssn|social security|national id\w*|identity|identification|id (?:number|no|card)|tax id|itin|tin"
    r"|cpf|bsn|burgerservice\w*|sofi\w*|pesel|nif|dni|nie|nhs|nino|national insurance|sin|social insurance"
    r"|aadhaa?r|pan|personnummer|f\x{F8}dselsnummer|henkil\x{F6}tunnus|steuer\w*|\w*ausweis\w*|kimlik|tc no"
    r"|codice fiscale|s\x{E9}curit\x{E9} sociale|insee|curp|rut|egn|cnp|oib|teudat|tfn|tax file|citizen\w*"
    r"|passport)\b"
    r"|身份证|身份證|주민|マイナンバー|個人番号|снилс|инн|паспорт|आधार|รหัสบัตร|תעודת זהות|رقم الهوية"
)
"""A word for national ids before a number."""


@dataclass(frozen=True, slots=True)
class Form:
    """Digit groups of one national id: ``shapes`` with ``gaps``, and its check.

    ``named`` words must stand before it (``""``: any word for national ids), ``None``: none need to.
    """

    shapes: frozenset[tuple[int, ...]]
    check: Callable[[str], bool]
    gaps: frozenset[tuple[str, ...]] = field(default_factory=frozenset)
    named: str | None = None
    type: str = "national_id"


def _date(digits: str, year: int, month: int, day: int) -> bool:
    """Whether month and day at these places of ``digits`` can be; ``year`` is where its two digits are."""
    return (
        digits[year : year + 2].isdigit()
        and 1 <= int(digits[month : month + 2]) <= 12
        and 1 <= int(digits[day : day + 2]) <= 31
    )


def is_us_ssn(digits: str) -> bool:
    """Whether nine digits can be a US social security number or taxpayer number."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if serial == "0000" or group == "00" or area in ("000", "666") or len(set(digits)) < 3:
        return False
    return area[0] != "9" or 50 <= int(group) <= 65 or 70 <= int(group) <= 99


def is_chinese_id(number: str) -> bool:
    """Whether 17 digits and a check digit or X are a resident identity number (GB 11643)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = "10X98765432"[sum(w * int(d) for w, d in zip(weights, number, strict=False)) % 11]
    return number[6:8] in ("18", "19", "20") and _date(number, 8, 10, 12) and check == number[17].upper()


def _korean(digits: str) -> bool:
    return _date(digits, 0, 2, 4) and digits[6] in "12345678"


def _snils(digits: str) -> bool:
    total = sum(int(d) * (9 - i) for i, d in enumerate(digits[:9])) % 101
    return (0 if total == 100 else total) == int(digits[9:])


def _swedish(digits: str) -> bool:
    return _date(digits, len(digits) - 10, len(digits) - 8, len(digits) - 6) and luhn(digits[-10:])


def _dated_luhn(digits: str) -> bool:
    return _date(digits, 0, 2, 4) and luhn(digits)


VERHOEFF_TIMES = tuple(
    tuple(int(c) for c in row)
    for row in (
        "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
        "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
    )
)  # fmt: skip
VERHOEFF_TURNED = tuple(
    tuple(int(c) for c in row)
    for row in (
        "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415",
        "7046913258",
    )
)  # fmt: skip


def _aadhaar(digits: str) -> bool:
    """Whether twelve digits can be an Indian id: the check of Verhoeff, not the same read backwards."""
    if digits[0] in "01" or digits == digits[::-1]:
        return False
    check = 0
    for index, digit in enumerate(reversed(digits)):
        check = VERHOEFF_TIMES[check][VERHOEFF_TURNED[index % 8][ord(digit) - 48]]
    return check == 0


def _valid(check: Callable[[str], bool], digits: str) -> bool:
    try:
        return bool(check(digits))
    except (ValueError, IndexError, KeyError):
        return False


def _shapes(*shapes: tuple[int, ...]) -> frozenset[tuple[int, ...]]:
    return frozenset(shapes)


def _gaps(*gaps: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset(gaps)


MIN_DIFFERENT_DIGITS, MIN_DIFFERENT_WRITTEN = 4, 3
"""Numbers of fewer different digits are binary or filler unless a word says otherwise. Those that are written
with the separators of their form need fewer: of random numbers of nine digits one in 400 has but three."""

_FORMS = (
    Form(_shapes((3, 2, 4)), is_us_ssn, _gaps(("-", "-")), type="us_ssn"),
    Form(_shapes((3, 2, 4), (9,)), is_us_ssn, named="social|ssn|itin", type="us_ssn"),
    Form(_shapes((18,)), is_chinese_id),
    Form(_shapes((6, 7)), _korean, _gaps(("-",))),
    Form(_shapes((15,), (1, 2, 2, 2, 3, 3, 2), (13, 2)), fr_nir.is_valid),
    Form(_shapes((3, 3, 3, 2)), is_cpf, _gaps((".", ".", "-"))),
    Form(_shapes((3, 3, 3, 2)), _snils, _gaps(("-", "-", " "), ("-", "-", "-"))),
    Form(_shapes((11,)), is_cpf),
    Form(_shapes((11,)), is_tckimlik),
    Form(_shapes((11,)), both(may_be_pesel, pl_pesel.is_valid)),
    Form(_shapes((11,), (2, 3, 3, 3)), is_idnr),
    Form(_shapes((11,), (6, 5)), both(may_be_fodselsnummer, no_fnr.is_valid)),
    Form(_shapes((11,), (2, 2, 2, 3, 2), (6, 3, 2)), both(may_be_nn, be_nn.is_valid)),
    Form(_shapes((3, 4, 4, 2)), ch_ssn.is_valid),
    Form(_shapes((4, 4, 4)), _aadhaar),
    Form(_shapes((6, 4), (8, 4)), _swedish, _gaps(("-",), ("+",))),
    Form(_shapes((6, 4), (6, 3)), cz_rc.is_valid, _gaps(("/",))),
    Form(_shapes((6, 4)), partial(_date, year=4, month=2, day=0), _gaps(("-",)), named=""),
    Form(_shapes((9,), (3, 3, 3), (4, 2, 3)), nl_bsn.is_valid, named=""),
    Form(_shapes((9,), (3, 3, 3)), luhn, named=""),
    Form(_shapes((9,), (3, 3, 3)), pt_nif.is_valid, named=""),
    Form(_shapes((10,), (3, 3, 4)), gb_nhs.is_valid, named=""),
    Form(_shapes((10,)), bg_egn.is_valid, named=""),
    Form(_shapes((12,)), _aadhaar, named=""),
    Form(_shapes((13,), (6, 4, 2, 1), (6, 4, 3)), za_idnr.is_valid, named=""),
    Form(_shapes((13,)), ro_cnp.is_valid, named=""),
    Form(_shapes((11,)), _dated_luhn, named=""),
)
_BY_SHAPE: dict[tuple[int, ...], list[Form]] = {}
for _form in _FORMS:
    for _shape in _form.shapes:
        _BY_SHAPE.setdefault(_shape, []).append(_form)
_WITHOUT_NAME = {s: tuple(f for f in forms if f.named is None) for s, forms in _BY_SHAPE.items()}
NATIONAL_SHAPES = frozenset(_BY_SHAPE)
"""Lengths of the digit groups of every form."""


def national_number(item: Number) -> Hit | None:
    """The national id that ``item``, digits alone, is."""
    forms: Sequence[Form] | None = _BY_SHAPE.get(item.shape)
    if forms is None or item.plus:
        return None
    if any(len(gap) > 1 for gap in item.gaps):
        return None
    named = _is_named(item.before)
    if not named:
        forms = _WITHOUT_NAME.get(item.shape, ())
    valid = [f for f in forms if (not f.gaps or item.gaps in f.gaps) and _valid(f.check, item.digits)]
    if not valid:
        return None
    least = MIN_DIFFERENT_WRITTEN if any(f.gaps for f in valid) else MIN_DIFFERENT_DIGITS
    if not named and (
        is_named(item)  # a telephone number with the check digits of an id
        or len(set(item.digits)) < least
    ):
        return None
    for form in valid:
        if form.named is None or (named and _has_one(form.named, item.before)):
            loose = not named and item.plain
            return Hit(item.start, item.end, form.type, item.digits, RANK_NUMBER, loose=loose)
    return None


def _taiwanese(number: str) -> bool:
    letter = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(number[0]) + 10
    digits = [letter // 10, letter % 10, *map(int, number[1:])]
    return sum(w * d for w, d in zip((1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), digits, strict=True)) % 10 == 0


_CHINESE_X = Pattern(r"\d{17}[Xx]")
_LETTERED_FORMS: tuple[tuple[str, Callable[[str], bool], bool], ...] = (
    (r"(?i:[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z])", it_cf.is_valid, False),
    (r"(?i:[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d)", mx_curp.is_valid, False),
    (r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-DFMPT]", lambda _: True, False),
    (r"\d{8}-?[A-HJ-NP-TV-Z]", es_dni.is_valid, False),
    (r"[XYZ]-?\d{7}-?[A-Z]", es_nie.is_valid, False),
    (r"\d{6}[-+ABCDEFYXWVU]\d{3}[0-9A-Y]", fi_hetu.is_valid, False),
    (r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", cl_rut.is_valid, False),
    (r"[1-4]\d{4}2[AB]\d{6}(?:\d{2})?", fr_nir.is_valid, False),
    (r"[A-Z]{3}[PCHFATBLJG][A-Z]\d{4}[A-Z]", lambda _: True, True),
    (r"[A-Z][12]\d{8}", _taiwanese, False),
    (r"[STFGM]\d{7}[A-Z]", lambda _: True, True),
)
_LETTERED = tuple((Pattern(form), check, must_be_named) for form, check, must_be_named in _LETTERED_FORMS)

_SURE_LENGTH = 16
"""Characters of a form of letters and digits in fixed places that no id, version or name has by chance."""

WORTH = FREE + "(?:" + "|".join([r"\d{17}[Xx]", *(form for form, _, _ in _LETTERED_FORMS)]) + ")"
"""What no text with such an id lacks."""


def lettered_ids(view: View) -> Iterator[Hit]:
    """National ids with letters in them."""
    data = view.data
    for match in _CHINESE_X.all(data, view.meter):
        if _alone(view, match) and is_chinese_id(match.group().decode()):
            yield Hit(match.start(), match.end(), "national_id", match.group().decode().upper(), RANK_CHECKED)
    for pattern, check, must_be_named in _LETTERED:
        for match in pattern.all(data, view.meter):
            value = "".join(c for c in match.group().decode("latin-1") if c.isalnum()).upper()
            if not _alone(view, match) or not _valid(check, value):
                continue
            named = _is_named(view.text[max(0, match.start() - BEFORE) : match.start()].lower())
            if named or not must_be_named:
                loose = not named and len(value) < _SURE_LENGTH
                yield Hit(match.start(), match.end(), "national_id", value, RANK_CHECKED, loose=loose)


def _has_one(words: str, before: str) -> bool:
    return any(word in before for word in words.split("|"))


def _is_named(before: str) -> bool:
    return _NAMED.found(before)


def _alone(view: View, match: Match) -> bool:
    start, end = match.span()
    return free_before(view.data, start) and free_after(view.data, end)
