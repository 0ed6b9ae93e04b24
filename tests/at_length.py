"""Cases of one claim: the first prove it in short, the others at length, where there is time for that.

How many a property is tried with is a profile of Hypothesis: all of them, or a third (``quick``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet


def at_length(cases: Iterable[Any], short: int = 1) -> list[ParameterSet]:
    """Values for ``parametrize``, or sets of them; all but the first ``short`` are marked ``long``."""
    marked = []
    for number, case in enumerate(cases):
        values = case if isinstance(case, tuple) else (case,)
        marked.append(pytest.param(*values, marks=[pytest.mark.long] if number >= short else []))
    return marked


def examples(usual: int) -> int:
    """How many to try where a hundred are not the right number; fewer in a profile that has fewer."""
    return max(1, usual * settings().max_examples // 100)
