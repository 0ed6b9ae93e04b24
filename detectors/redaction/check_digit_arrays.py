"""Check digits of national ids for many numbers at once, as arrays.

Every number that `detectors.redaction.national_ids` finds without a word before it passes; of others few do.
A test is given the digits by their place: the first of all numbers, the second of all, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.redaction.national_ids import VERHOEFF_TIMES, VERHOEFF_TURNED

Ints = NDArray[Any]
Flags = NDArray[np.bool_]
Places = Sequence[Ints]
"""For each place in a number the digit that each of the numbers has there."""


@dataclass(frozen=True, slots=True)
class Check:
    """What the digits of a national id must meet where no word names it; ``gap``: the first sign, if any."""

    shape: tuple[int, ...]
    test: Callable[[Places], Flags]
    gap: bytes = b""


def _sum(some: Places, *weights: int) -> Ints:
    total = some[0] * weights[0]
    for digits, weight in zip(some[1:], weights[1:], strict=False):
        total = total + digits * weight
    return total


def _value(some: Places, start: int, end: int) -> Ints:
    total = some[start].astype(np.int64)
    for digits in some[start + 1 : end]:
        total = total * 10 + digits
    return total


def _date(some: Places, month: int, day: int) -> Flags:
    m, d = _value(some, month, month + 2), _value(some, day, day + 2)
    fits: Flags = (m >= 1) & (m <= 12) & (d >= 1) & (d <= 31)
    return fits


def _cpf(some: Places) -> Flags:
    one = (11 - _sum(some, *range(10, 1, -1)) % 11) % 11 % 10
    two = (11 - (_sum(some, *range(11, 2, -1)) + 2 * one) % 11) % 11 % 10
    fits: Flags = (one == some[9]) & (two == some[10])
    return fits


def _tckimlik(some: Places) -> Flags:
    one = (10 - _sum(some, 3, 1, 3, 1, 3, 1, 3, 1, 3)) % 10
    fits: Flags = (one == some[9]) & ((one + _sum(some, *[1] * 9)) % 10 == some[10]) & (some[0] > 0)
    return fits


def _pesel(some: Places) -> Flags:
    month, day = _value(some, 2, 4) % 20, _value(some, 4, 6)
    fits: Flags = _sum(some, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1) % 10 == 0
    fits &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    return fits


def _german(some: Places) -> Flags:
    """ISO 7064 mod 11,10; among the first ten digits one stands two or three times, and no other does."""
    check = np.full(len(some[0]), 5, np.int64)
    for digits in some[:-1]:
        check = (np.where(check == 0, 10, check) * 2 % 11 + digits) % 10
    fits: Flags = (np.where(check == 0, 10, check) * 2 % 11 + some[-1]) % 10 == 1
    seen = np.zeros(len(some[0]), np.int64)
    for digits in some[:10]:
        seen += 1 << (digits.astype(np.int64) * 4)
    twice = seen & 0x2222222222
    kinds = sum(((seen >> (4 * digit)) & 15 > 0).astype(np.int64) for digit in range(10))
    fits &= (kinds >= 8) & (kinds <= 9) & (twice & (twice - 1) == 0)
    return fits


def _fodselsnummer(some: Places) -> Flags:
    one = (11 - _sum(some, 3, 7, 6, 1, 8, 9, 4, 5, 2) % 11) % 11
    two = (11 - _sum(some, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11) % 11
    fits: Flags = (one == some[9]) & (two == some[10])
    return fits


def _belgian(some: Places) -> Flags:
    body, check = _value(some, 0, 9), _value(some, 9, 11)
    fits: Flags = (97 - body % 97 == check) | (97 - (2_000_000_000 + body) % 97 == check)
    return fits


def _snils(some: Places) -> Flags:
    total = _sum(some, *range(9, 0, -1)) % 101 % 100
    fits: Flags = total == _value(some, 9, 11)
    return fits


def _french(some: Places) -> Flags:
    fits: Flags = 97 - _value(some, 0, 13) % 97 == _value(some, 13, 15)
    return fits


_CHINESE_CHECK = np.array((1, 0, 99, 9, 8, 7, 6, 5, 4, 3, 2))


def _chinese(some: Places) -> Flags:
    total = _sum(some, 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2) % 11
    fits: Flags = _CHINESE_CHECK[total] == some[17]
    return fits


_TIMES, _TURNED = np.array(VERHOEFF_TIMES), np.array(VERHOEFF_TURNED)


def _verhoeff(some: Places) -> Flags:
    check = np.zeros(len(some[0]), np.int64)
    for index, digits in enumerate(reversed(some)):
        check = _TIMES[check, _TURNED[index % 8][digits]]
    fits: Flags = (check == 0) & (some[0] > 1)
    return fits


def _swiss(some: Places) -> Flags:
    fits: Flags = _sum(some, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1) % 10 == 0
    return fits


def _any(some: Places) -> Flags:
    return np.ones(len(some[0]), bool)


_CHECKS = (
    Check((18,), _chinese),
    *(Check(shape, _french) for shape in ((15,), (1, 2, 2, 2, 3, 3, 2), (13, 2))),
    *(Check((11,), test) for test in (_cpf, _tckimlik, _pesel, _german, _fodselsnummer, _belgian)),
    Check((3, 3, 3, 2), _cpf, b"."),
    Check((3, 3, 3, 2), _snils, b"-"),
    Check((2, 3, 3, 3), _german),
    Check((6, 5), _fodselsnummer),
    *(Check(shape, _belgian) for shape in ((2, 2, 2, 3, 2), (6, 3, 2))),
    Check((3, 4, 4, 2), _swiss),
    Check((4, 4, 4), _verhoeff),
    Check((6, 4), lambda some: _date(some, 2, 4), b"-+"),
    Check((6, 4), _any, b"/"),
    Check((8, 4), lambda some: _date(some, 4, 6), b"-+"),
    Check((6, 3), _any, b"/"),
    Check((6, 7), lambda some: _date(some, 2, 4), b"-"),
    Check((3, 2, 4), _any, b"-"),
)


def _shape(check: Check) -> tuple[int, ...]:
    return check.shape


BY_SHAPE = {shape: tuple(checks) for shape, checks in groupby(sorted(_CHECKS, key=_shape), _shape)}
"""The checks by the lengths of a number's groups."""
