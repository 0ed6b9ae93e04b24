"""Cases of one claim: the first prove it in short, the others at length, where there is time for that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet


def at_length(cases: Iterable[Any], short: int = 1) -> list[ParameterSet]:
    """Values for ``parametrize``, or sets of them; all but the first ``short`` are marked ``long``."""
    marked = []
    for number, case in enumerate(cases):
        values = case if isinstance(case, tuple) else (case,)
        marked.append(pytest.param(*values, marks=[pytest.mark.long] if number >= short else []))
    return marked
