"""The arrays of long texts find what reading number by number finds, and look at little that is none."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.tr import tckimlik

from detectors.redaction import numbers as read
from detectors.redaction.check_digits import is_cpf, is_idnr, is_tckimlik
from detectors.redaction.hits import Hit
from detectors.redaction.views import folded
from detectors.redaction.windows import rows
from tests.fuzz.hostile import text_of

SHAPES = [
    (11,), (3, 3, 3, 2), (2, 3, 3, 3), (6, 5), (2, 2, 2, 3, 2), (6, 3, 2), (3, 4, 4, 2), (4, 4, 4), (6, 4),
    (8, 4), (6, 3), (6, 7), (3, 2, 4), (18,), (15,), (13, 2), (1, 2, 2, 2, 3, 3, 2), (4, 4, 4, 4), (16,),
    (3, 3, 4), (10,), (9,), (5, 5), (2, 4, 4), (4, 6, 5), (1, 3, 3, 4), (3, 2, 2, 2),
]  # fmt: skip
KNOWN = [
    "4111 1111 1111 1111", "3782-822463-10005", "+44 20 7946 0958", "(415) 555-2671", "tel 2125551234",
    "+49 (0)30 123456", "078-05-1120", "ssn 123456789", "11144477735", "529.982.247-25", "44051401359",
    "00 44 2079460958", "8 (912) 345-67-89", "138-1234-5678", "650101-1234567", "1 84 12 76 451 089 46",
    "2234 5678 9012", "0171 2345678", "11-98765-4321", "86095742719", "112-233-445 95", "756.9217.0769.85",
    "11010519491231002X", "01017012345", "85.07.30-033.28",
]  # fmt: skip


def found(text: str, long: int, patch: pytest.MonkeyPatch) -> list[Hit]:
    patch.setattr(read, "LONG", long)
    return list(read.numbers(folded(text)))


@given(st.randoms(use_true_random=False))
def test_long_texts_have_the_numbers_of_short_ones(rng: random.Random) -> None:
    parts: list[str] = []
    for _ in range(rng.randrange(1, 60)):
        if rng.random() < 0.3:
            parts.append(rng.choice(KNOWN))
        else:
            gap = rng.choice(["-", " ", ".", "/", ") "])
            parts.append(gap.join(f"{rng.randrange(10**n):0{n}}" for n in rng.choice(SHAPES)))
        parts.append(
            rng.choice([" ", "  ", ", ", "; ", " and ", ",", "\n", " tel ", " ssn ", " +", " (", "x"])
        )
    text = "".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        assert found(text, 0, patch) == found(text, 1 << 30, patch)


def test_few_numbers_that_are_none_are_looked_at() -> None:
    """Of random numbers of eleven digits one in nineteen is somebody's id; each look costs as much as one."""
    text = text_of("ids of eleven digits", 1 << 18)
    looked = len(rows(text.encode(), None).look)
    assert looked < 1.5 * len(list(read.numbers(folded(text))))


@given(st.text("0123456789", min_size=9, max_size=9), st.integers(0, 9))
def test_our_own_checks_of_ids_decide_as_the_library_does(body: str, last: int) -> None:
    for end in range(100):
        digits = f"{body}{end:02}"
        assert is_cpf(digits) == cpf.is_valid(digits)
        assert is_tckimlik(digits) == tckimlik.is_valid(digits)
    counting = "".join(sorted("0123456789", key=f"{body}{last}".find))[:9] + f"{body[0]}"
    for digits in (f"{counting}{end}" for end in range(10)):
        assert is_idnr(digits) == idnr.is_valid(digits)
