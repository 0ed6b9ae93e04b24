"""Which digit groups of a long text are worth a closer look, found for all of them at once.

A table of a hundred thousand numbers has a million ways to be read as cards, ids and telephone numbers, and
nearly all fail a check digit. Here the conditions that every such number meets (lengths, first digits,
Luhn by running sums, weighted check digits) are tested on arrays; what remains is read one by one. Nothing
that `detectors.redaction.numbers` would find is left out: each test is necessary, none is sufficient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.redaction.budget import Meter
from detectors.redaction.cards import CARD_SHAPES, issuer_length
from detectors.redaction.grouping import (
    FIXED_SHAPES,
    MAX_DIGITS,
    MAX_FREE_GROUPS,
    MAX_GROUPS,
    MIN_DIGITS,
    Rows,
)
from detectors.redaction.matching import Pattern
from detectors.redaction.national_ids import NATIONAL_SHAPES, VERHOEFF_TIMES, VERHOEFF_TURNED
from detectors.redaction.phones import DISTINCT_SHAPES, lengths_by_code

Ints = NDArray[Any]
Flags = NDArray[np.bool_]

_BASE = 20
_NEAR = 49
_NEAR_US = 2
_BLOCK = 1024
"""Bytes that are looked through together for a name."""

_DIGIT = np.zeros(256, bool)
_DIGIT[48:58] = True
_SEPARATOR = np.zeros(256, bool)
_SEPARATOR[list(b" ().-/")] = True
_JOINT = np.zeros(256, bool)
_JOINT[list(b".,-/")] = True
_WORD = np.zeros(256, bool)
_WORD[list(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_\x01")] = True
_ENDS = _WORD.copy()
_ENDS[list(b"xXeE")] = False  # a telephone extension may follow
_DOUBLE = np.array((0, 2, 4, 6, 8, 1, 3, 5, 7, 9), np.int32)

_NAMED = Pattern(
    r"\?|phone|tel|call|mob|cell|whats|fax|text|sms|dial|hotline|desk|landl|ring|reach|contact|num|m[o\xf3]vil"
    r"|ll[a\xe1]m|celul|n[u\xfa]mero|t[e\xe9]l|portable|appele|joindre|handy|anrufen|chiam|lig|nummer|bel|kom"
    r"|zadz|cep|puh|hp|ph|simu|tlf|ssn|social|national|ident|id |tax|itin|tin|cpf|bsn|burger|sofi|pesel|nif"
    r"|dni|nie|nhs|nino|sin|aadha|pan|person|f\xf8d|henkil|steuer|ausweis|kimlik|tc no|fiscale|insee|curp|rut"
    r"|egn|cnp|oib|teudat|tfn|citizen|passport|curit\xe9",
    ignore_case=True,
)
"""A superset of the words that name telephone numbers and national ids; other scripts are ``?``."""


@dataclass(slots=True)
class _Candidates:
    """Some windows of groups, as arrays of one length.

    ``at`` is the first group, ``count`` the number of groups, ``code`` their lengths in base 20, ``n`` the
    number of digits, ``offset`` where they begin among all digits; ``first`` says that it begins a row,
    ``gap`` and ``last_gap`` are the first and last sign between groups.
    """

    at: Ints
    count: Ints
    code: Ints
    n: Ints
    offset: Ints
    start: Ints
    end: Ints
    first: Flags
    plus: Flags
    marked: Flags
    gap: Ints
    last_gap: Ints

    def where(self, mask: Flags) -> _Candidates:
        """Those for which ``mask`` holds."""
        return _Candidates(*(getattr(self, name)[mask] for name in self.__slots__))


def code_of(shape: tuple[int, ...]) -> int:
    """Lengths of groups as one number."""
    code = 0
    for length in shape:
        code = code * _BASE + length
    return code


def _codes(shapes: Any) -> dict[int, Ints]:
    """Codes by the number of groups."""
    out: dict[int, list[int]] = {}
    for shape in shapes:
        out.setdefault(len(shape), []).append(code_of(shape))
    return {count: np.array(codes) for count, codes in out.items()}


_FIXED_CODES = _codes(FIXED_SHAPES)
_CARD_CODES = np.array([code_of(shape) for shape in CARD_SHAPES])


def rows(data: bytes, meter: Meter | None) -> Rows:
    """The digit groups of ``data``, one byte a character, and which of them may begin a number."""
    signs = np.frombuffer(data, np.uint8)
    is_digit = _DIGIT[signs]
    edges = np.flatnonzero(np.diff(is_digit.view(np.int8), prepend=0, append=0))
    starts, ends = edges[0::2], edges[1::2]
    padded = np.concatenate([signs, np.zeros(4, np.uint8)])
    row = np.concatenate([[0], np.cumsum(~_joined(padded, starts, ends))]) if len(starts) else starts
    digits = (signs[is_digit] - 48).astype(np.int32)
    found = _windows(padded, starts, ends, row)
    look = np.unique(found.at[_possible(found, digits, data, meter)]) if len(found.at) else found.at
    return Rows(starts.tolist(), ends.tolist(), row.tolist(), look.tolist())


def _joined(padded: Ints, starts: Ints, ends: Ints) -> Flags:
    """Whether each group but the last is in one row with the next."""
    gap = starts[1:] - ends[:-1]
    at = ends[:-1]
    joined: Flags = gap <= 3
    for step in range(3):
        joined &= (gap <= step) | _SEPARATOR[padded[np.minimum(at + step, len(padded) - 1)]]
    return joined


def _windows(padded: Ints, starts: Ints, ends: Ints, row: Ints) -> _Candidates:
    """Every window that its grouping does not rule out, and that nothing touches."""
    size = len(starts)
    length = np.minimum(ends - starts, MAX_DIGITS + 1)
    offset = np.concatenate([[0], np.cumsum(ends - starts)])
    before = np.where(starts > 0, padded[starts - 1], 0) if size else starts
    plus = (before == 43) | ((before == 40) & (starts > 1) & (padded[starts - 2] == 43))
    marked = (before == 43) | (before == 40)
    first = np.ones(size, bool)
    first[1:] = row[1:] != row[:-1]
    free = ~_WORD[before] & ~(_JOINT[before] & (starts > 1) & _DIGIT[padded[starts - 2]])
    after = padded[ends] if size else ends
    closed = _ENDS[after]
    joint = _JOINT[after] & _DIGIT[padded[np.minimum(ends + 1, len(padded) - 1)]]
    whole = joint & ~((after == 46) & (padded[np.minimum(ends + 1, len(padded) - 1)] == 48))
    parts: list[_Candidates] = []
    live = np.flatnonzero(free & (length <= MAX_DIGITS))
    code = length[live].astype(np.int64)
    for more in range(MAX_GROUPS):
        if more:
            inside = live + more < size
            live, code = live[inside], code[inside]
            inside = row[live + more] == row[live]
            live, code = live[inside], code[inside]
            code = code * _BASE + length[live + more]
        last = live + more
        n = offset[last + 1] - offset[live]
        inside = n <= MAX_DIGITS
        live, code, last, n = live[inside], code[inside], last[inside], n[inside]
        if not len(live):
            break
        count = more + 1
        good = n >= MIN_DIGITS
        if more:
            good &= ~joint[last]
            shaped = (
                np.isin(code, _FIXED_CODES[count]) if count in _FIXED_CODES else np.zeros(len(live), bool)
            )
            good &= shaped | ((first[live] | marked[live]) if count <= MAX_FREE_GROUPS else shaped)
        else:
            good &= ~whole[last]
        good &= ~closed[last]
        at, last = live[good], last[good]
        gap, last_gap = padded[ends[at]], padded[np.maximum(starts[last] - 1, 0)]
        some = (at, np.full(len(at), count), code[good], n[good], offset[at], starts[at], ends[last])
        parts.append(_Candidates(*some, first[at], plus[at], marked[at], gap, last_gap))
    if not parts:
        none: Any = np.zeros(0, np.int64)
        return _Candidates(*([none] * len(_Candidates.__slots__)))
    return _Candidates(*(np.concatenate([getattr(p, s) for p in parts]) for s in _Candidates.__slots__))


def _possible(found: _Candidates, digits: Ints, data: bytes, meter: Meter | None) -> Flags:
    """Which windows may be a number of some kind."""
    padded = np.concatenate([digits, np.zeros(MAX_DIGITS + 1, np.int32)])
    luhn = _luhn(found, digits)
    good = _card(found, padded, luhn)
    ids, named_ids = _national(found, padded)
    telephone, named_telephone = _telephone(found, padded)
    good |= ids | telephone
    unnamed = np.flatnonzero((named_ids | named_telephone) & ~good)
    for index in unnamed[_near_a_name(found.start[unnamed], data)].tolist():
        if meter is not None:
            meter.spend(_NEAR_US)
        start = int(found.start[index])
        good[index] = _NAMED.found(data[max(0, start - _NEAR) : start])
    return good


def _near_a_name(starts: Ints, data: bytes) -> Flags:
    """Whether a name stands anywhere near the block each start is in: in a table of numbers none does.

    The pattern has no anchors, so what occurs in a part occurs in the whole: where the block and the
    ``_NEAR`` bytes before it have no name, nothing in it has one before it.
    """
    blocks, which = np.unique(starts // _BLOCK, return_inverse=True)
    named = [_NAMED.found(data[max(0, b * _BLOCK - _NEAR) : (b + 1) * _BLOCK]) for b in blocks.tolist()]
    near: Flags = np.array(named, bool)[which]
    return near


def _luhn(found: _Candidates, digits: Ints) -> Flags:
    """Whether each window passes the check, from two running sums: doubled at even, and at odd places."""
    odd = (np.arange(len(digits)) & 1).astype(bool)
    doubled = _DOUBLE[digits]
    at_odd = np.concatenate([[0], np.cumsum(np.where(odd, doubled, digits))])
    at_even = np.concatenate([[0], np.cumsum(np.where(odd, digits, doubled))])
    start, end = found.offset, found.offset + found.n
    last_is_even = ((end - 1) & 1) == 0
    total = np.where(last_is_even, at_odd[end] - at_odd[start], at_even[end] - at_even[start])
    passed: Flags = total % 10 == 0
    return passed


@cache
def _issuers() -> Flags:
    """Whether an issuer gives a card with these first four digits this length, from 12."""
    return np.array(
        [[issuer_length(f"{p:04}" + "0" * (n - 4)) for n in range(12, 20)] for p in range(10_000)]
    )


def _prefix(found: _Candidates, padded: Ints, length: int, skip: int = 0) -> Ints:
    """The first digits of each window as a number."""
    value = np.zeros(len(found.at), np.int64)
    for place in range(skip, skip + length):
        value = value * 10 + padded[found.offset + place]
    return value


def _card(found: _Candidates, padded: Ints, luhn: Flags) -> Flags:
    good: Flags = luhn & (found.n >= 12) & ((found.count == 1) | np.isin(found.code, _CARD_CODES))
    some = found.where(good)
    good[good] = _issuers()[_prefix(some, padded, 4), some.n - 12]
    return good


def _date(some: Ints, month: int, day: int) -> Flags:
    m = some[:, month] * 10 + some[:, month + 1]
    d = some[:, day] * 10 + some[:, day + 1]
    fits: Flags = (m >= 1) & (m <= 12) & (d >= 1) & (d <= 31)
    return fits


def _sum(some: Ints, *weights: int) -> Ints:
    total: Ints = some[:, : len(weights)] @ np.array(weights, some.dtype)
    return total


def _value(some: Ints, start: int, end: int) -> Ints:
    total = np.zeros(len(some), np.int64)
    for place in range(start, end):
        total = total * 10 + some[:, place]
    return total


def _cpf(some: Ints) -> Flags:
    one = (11 - _sum(some, *range(10, 1, -1)) % 11) % 11 % 10
    fits: Flags = one == some[:, 9]
    return fits


def _tckimlik(some: Ints) -> Flags:
    one = (10 - _sum(some, 3, 1, 3, 1, 3, 1, 3, 1, 3)) % 10
    fits: Flags = (one == some[:, 9]) & ((one + some[:, :9].sum(axis=1)) % 10 == some[:, 10])
    fits &= some[:, 0] > 0
    return fits


def _pesel(some: Ints) -> Flags:
    month, day = _value(some, 2, 4) % 20, _value(some, 4, 6)
    fits: Flags = _sum(some, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1) % 10 == 0
    fits &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    return fits


def _german(some: Ints) -> Flags:
    """ISO 7064 mod 11,10; among the first ten digits one or two are missing."""
    check = np.full(len(some), 5, np.int64)
    for place in range(some.shape[1] - 1):
        check = (np.where(check == 0, 10, check) * 2 % 11 + some[:, place]) % 10
    fits: Flags = (np.where(check == 0, 10, check) * 2 % 11 + some[:, -1]) % 10 == 1
    kinds = sum((some[:, :10] == digit).any(axis=1).astype(np.int64) for digit in range(10))
    fits &= (kinds >= 8) & (kinds <= 9)
    return fits


def _fodselsnummer(some: Ints) -> Flags:
    one = (11 - _sum(some, 3, 7, 6, 1, 8, 9, 4, 5, 2) % 11) % 11
    two = (11 - _sum(some, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11) % 11
    fits: Flags = (one == some[:, 9]) & (two == some[:, 10])
    return fits


def _belgian(some: Ints) -> Flags:
    body, check = _value(some, 0, 9), _value(some, 9, 11)
    fits: Flags = (97 - body % 97 == check) | (97 - (2_000_000_000 + body) % 97 == check)
    return fits


def _snils(some: Ints) -> Flags:
    total = _sum(some, *range(9, 0, -1)) % 101 % 100
    fits: Flags = total == _value(some, 9, 11)
    return fits


def _french(some: Ints) -> Flags:
    fits: Flags = 97 - _value(some, 0, 13) % 97 == _value(some, 13, 15)
    return fits


_CHINESE_CHECK = np.array((1, 0, 99, 9, 8, 7, 6, 5, 4, 3, 2))


def _chinese(some: Ints) -> Flags:
    total = _sum(some, 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2) % 11
    fits: Flags = _CHINESE_CHECK[total] == some[:, 17]
    return fits


_TIMES, _TURNED = np.array(VERHOEFF_TIMES), np.array(VERHOEFF_TURNED)


def _verhoeff(some: Ints) -> Flags:
    check = np.zeros(len(some), np.int64)
    for index in range(some.shape[1]):
        check = _TIMES[check, _TURNED[index % 8][some[:, -1 - index]]]
    fits: Flags = (check == 0) & (some[:, 0] > 1)
    return fits


def _any(some: Ints) -> Flags:
    return np.ones(len(some), bool)


@dataclass(frozen=True, slots=True)
class _Check:
    """What the digits of a national id must meet where no word names it; ``gap``: the first sign."""

    shape: tuple[int, ...]
    test: Callable[[Ints], Flags]
    gap: bytes = b""


_CHECKS = (
    _Check((18,), _chinese),
    *(_Check(shape, _french) for shape in ((15,), (1, 2, 2, 2, 3, 3, 2), (13, 2))),
    *(_Check((11,), test) for test in (_cpf, _tckimlik, _pesel, _german, _fodselsnummer, _belgian)),
    _Check((3, 3, 3, 2), _cpf, b"."),
    _Check((3, 3, 3, 2), _snils, b"-"),
    _Check((2, 3, 3, 3), _german),
    _Check((6, 5), _fodselsnummer),
    *(_Check(shape, _belgian) for shape in ((2, 2, 2, 3, 2), (6, 3, 2))),
    _Check((3, 4, 4, 2), lambda some: _sum(some, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1) % 10 == 0),
    _Check((4, 4, 4), _verhoeff),
    _Check((6, 4), lambda some: _date(some, 2, 4), b"-+"),
    _Check((6, 4), _any, b"/"),
    _Check((8, 4), lambda some: _date(some, 4, 6), b"-+"),
    _Check((6, 3), _any, b"/"),
    _Check((6, 7), lambda some: _date(some, 2, 4), b"-"),
    _Check((3, 2, 4), _any, b"-"),
)
_NATIONAL_CODES = np.array([code_of(shape) for shape in NATIONAL_SHAPES])


def _national(found: _Candidates, padded: Ints) -> tuple[Flags, Flags]:
    """Which windows may be national ids as they are, and which only where a word names them."""
    shaped = np.isin(found.code, _NATIONAL_CODES)
    good = np.zeros(len(found.at), bool)
    for check in _CHECKS:
        chosen = (found.code == code_of(check.shape)) & ~good
        if check.gap:
            chosen &= np.isin(found.gap, list(check.gap))
        where = np.flatnonzero(chosen)
        if len(where):
            some = padded[found.offset[where][:, None] + np.arange(sum(check.shape))]
            good[where] = check.test(some)
    return good, shaped


@cache
def _international() -> tuple[Ints, Ints]:
    """Shortest and longest number with a country code, by its first three digits."""
    bounds = np.array([lengths_by_code(f"{p:03}") for p in range(1000)])
    return bounds[:, 0], bounds[:, 1]


def _telephone(found: _Candidates, padded: Ints) -> tuple[Flags, Flags]:
    """Which windows may be telephone numbers as they are, and which only where a word names them."""
    n, count, code, first = found.n, found.count, found.code, found.first
    one, two = padded[found.offset], padded[found.offset + 1]
    shortest, longest = _international()
    prefix = _prefix(found, padded, 3)
    good = found.plus & (n >= shortest[prefix]) & (n <= longest[prefix] + 1)
    after = _prefix(found, padded, 3, skip=2)
    distinct = np.isin(code, [code_of(shape) for shape in DISTINCT_SHAPES])
    first = first | distinct
    good |= first & (one == 0) & (two == 0) & (n - 2 >= shortest[after]) & (n - 2 <= longest[after] + 1)
    american = (code == code_of((3, 3, 4))) | (code == code_of((1, 3, 3, 4)))
    good |= (code == code_of((3, 3, 4))) & _filler(found, padded)
    single = (found.gap == 32) & (found.last_gap == 32) & (found.end - found.start == n + count - 1)
    good |= american & ~((code == code_of((3, 3, 4))) & single)
    plain = (n == 11) & (one == 1) & (two >= 3)
    plain |= ((n == 10) | (n == 11)) & (one == 0) & (two > 0)
    good |= first & (count == 1) & plain
    good |= (count > 1) & (n >= 9) & (n <= 12) & (one == 0) & (two > 0) & first
    good |= (count > 2) & (n == 11) & (one == 8) & first
    good |= (code == code_of((3, 4, 4))) & (one == 1) & (two >= 3)
    for brazilian in ((2, 4, 4), (2, 5, 4)):
        good |= (code == code_of(brazilian)) & (one > 0) & (found.last_gap == 45)
    for shape in ((3, 2, 2, 2), (2, 3, 2, 2)):
        good |= first & (code == code_of(shape)) & (one >= 2)
    good |= first & (code == code_of((3, 3, 3))) & (one >= 6) & (found.gap == 45)
    good |= first & (code == code_of((5, 5))) & (one >= 6)
    named = first & (n <= 13) & (count <= MAX_FREE_GROUPS)
    good &= n <= 16
    return good, named


def _filler(found: _Candidates, padded: Ints) -> Flags:
    """Whether the ten digits of a window are a form's: of two kinds at most, or counting."""
    out = np.zeros(len(found.at), bool)
    where = np.flatnonzero(found.n == 10)
    some = padded[found.offset[where][:, None] + np.arange(10)]
    kinds = np.bitwise_or.reduce(1 << some, axis=1)
    few = kinds & (kinds - 1)
    step = np.diff(some, axis=1) % 10
    counting = (step == 1).all(axis=1) | (step == 9).all(axis=1)
    out[where] = (few & (few - 1) == 0) | counting
    return out
