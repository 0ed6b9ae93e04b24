"""Rows of a bank that reached their level with one tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from detectors.engine.ticks import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Crossings:
    """Rows at or above their ticket level after one tick.

    ``log_evidence`` is log(sum_j S_j / w): compare with ``threshold`` = log(1 / w). ``page`` says whether
    the page threshold itself is reached. ``direction`` is +1 or -1 and ``alternative`` the odds or shift
    that leads.
    """

    rows: Ints
    log_evidence: Floats
    threshold: Floats
    page: Bools
    direction: Ints
    alternative: Floats

    def __len__(self) -> int:
        return len(self.rows)


_EMPTY = np.zeros(0)
NONE = Crossings(_EMPTY.astype(np.int64), _EMPTY, _EMPTY, _EMPTY > 0, _EMPTY.astype(np.int64), _EMPTY)
"""No row at all."""


def joined(parts: Sequence[Crossings]) -> Crossings:
    """Crossings of consecutive rows."""
    if len(parts) == 1:
        return parts[0]
    columns = ([getattr(p, f.name) for p in (NONE, *parts)] for f in fields(Crossings))
    return Crossings(*(np.concatenate(c) for c in columns))
