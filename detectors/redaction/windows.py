"""Which digit groups of a long text are worth a closer look, found for all of them at once.

A table of a hundred thousand numbers has a million ways to be read as cards, ids and telephone numbers, and
nearly all fail a check digit. Here the conditions that every such number meets (lengths, first digits,
Luhn by running sums, weighted check digits) are tested on arrays; what remains is read one by one. Nothing
that `detectors.redaction.numbers` would find is left out: each test is necessary, none is sufficient.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from detectors.redaction.budget import Meter
from detectors.redaction.cards import CARD_SHAPES, issuer_length
from detectors.redaction.check_digit_arrays import BY_SHAPE, Flags, Ints
from detectors.redaction.grouping import (
    FIXED_SHAPES,
    MAX_DIGITS,
    MAX_FREE_GROUPS,
    MAX_GROUPS,
    MIN_DIGITS,
    Rows,
)
from detectors.redaction.matching import Pattern
from detectors.redaction.national_ids import NATIONAL_SHAPES
from detectors.redaction.phones import DISTINCT_SHAPES, lengths_by_code

_BASE = 20
_NEAR = 49
_NEAR_US = 2
_GROUPS_PER_US = 2
"""Speed of the arrays: with the shortest of groups nearly all the time goes there."""
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
    if meter is not None:
        meter.spend(len(starts) // _GROUPS_PER_US)
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


_NATIONAL_CODES = np.array([code_of(shape) for shape in NATIONAL_SHAPES])


def _national(found: _Candidates, padded: Ints) -> tuple[Flags, Flags]:
    """Which windows may be national ids as they are, and which only where a word names them."""
    shaped = np.isin(found.code, _NATIONAL_CODES)
    good = np.zeros(len(found.at), bool)
    for shape, checks in BY_SHAPE.items():
        where = np.flatnonzero(found.code == code_of(shape))
        if not len(where):
            continue
        digits = [padded[found.offset[where] + place] for place in range(sum(shape))]
        for check in checks:
            passed = check.test(digits)
            if check.gap:
                passed &= np.isin(found.gap[where], list(check.gap))
            good[where] |= passed
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
