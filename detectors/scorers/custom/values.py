"""One value of a score of one's own, as its kind wants it."""

from __future__ import annotations

import math
from typing import Any

from detectors.scorers.protocol import Scores, ScoreSpec

LONGEST_NAME = 64


def scores_of(spec: ScoreSpec, value: Any) -> Scores:
    """``{name: value}``; empty for ``None``, which says that the score does not apply.

    Raises
    ------
    ValueError
        If the value is not of the score's kind.
    """
    if value is None:
        return {}
    if spec.grid is None:
        if not isinstance(value, str) or not value:
            raise ValueError(f"{spec.name} names a category, got {value!r:.60}")
        return {spec.name: value[:LONGEST_NAME]}
    if isinstance(value, str) or not isinstance(value, int | float):
        raise ValueError(f"{spec.name} is a number, got {value!r:.60}")
    number = float(value)
    if spec.kind == "flag" and number not in (0.0, 1.0):
        raise ValueError(f"{spec.name} is a flag, 0 or 1, got {value!r:.60}")
    if not math.isfinite(number):
        raise ValueError(f"{spec.name} is {number}")
    spec.grid.cell(number)
    return {spec.name: number}
