"""river's half-space trees over the scores of single outputs: which combinations are odd.

Purpose: a second order beside the combined p-value, for outputs whose scores are ordinary one by one and odd
together. Input (outputs, scores): how far out each score lies, 0..1 (1 - p), NaN where it does not apply.
No error control at all: it ranks, and never decides. Breaks first when oddities come in crowds, as they then
are mass like any other (Tan, Ting, Liu 2011). Seeded, and fed in the order given: the same rows give the same
ranks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import anomaly  # noqa: TID253 - of one command alone

Floats = NDArray[np.float64]
TREES, HEIGHT, WINDOW, SEED = 25, 8, 250, 1
MIDDLE = 0.5
"""Stands for a score that does not apply."""


def oddity(reference: Floats, outputs: Floats) -> Floats:
    """Score of each output in 0..1, higher is odder, after the reference was learned; nothing else is.

    Raises
    ------
    ValueError
        If the numbers of scores differ or values lie outside 0..1.
    """
    if reference.ndim != 2 or outputs.ndim != 2 or reference.shape[1] != outputs.shape[1]:
        raise ValueError(f"expected (outputs, scores) twice, got {reference.shape} and {outputs.shape}")
    for rows in (reference, outputs):
        known = rows[np.isfinite(rows)]
        if np.any(known < 0) or np.any(known > 1):
            raise ValueError("how far out a score lies is between 0 and 1")
    trees: Any = anomaly.HalfSpaceTrees  # the library has no types
    made = trees(n_trees=TREES, height=HEIGHT, window_size=WINDOW, seed=SEED)
    for row in _rows(reference):
        made.learn_one(row)
    return np.array([made.score_one(row) for row in _rows(outputs)])


def _rows(x: Floats) -> list[dict[int, float]]:
    return [dict(enumerate(row)) for row in np.where(np.isfinite(x), x, MIDDLE).tolist()]
