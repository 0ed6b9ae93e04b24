"""How digits are grouped in numbers as people write them: bounds, and the groupings looked at anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.redaction.cards import CARD_SHAPES
from detectors.redaction.national_ids import NATIONAL_SHAPES
from detectors.redaction.phones import DISTINCT_SHAPES

MAX_GROUPS, MAX_FREE_GROUPS = 8, 6
MIN_DIGITS, MAX_DIGITS = 7, 19
"""Bounds of one number; longer stretches are tables, in which only fixed groupings are looked at."""
FIXED_SHAPES = CARD_SHAPES | NATIONAL_SHAPES | DISTINCT_SHAPES
"""Lengths of groups that are looked at wherever they stand in a row of numbers."""


@dataclass(slots=True)
class Rows:
    """Digit groups of a text: where each begins and ends, the number of its row, and which to read."""

    starts: list[int]
    ends: list[int]
    row: list[int]
    look: list[int]
