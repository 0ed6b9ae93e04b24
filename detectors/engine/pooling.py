"""What the dispersion of like series says about one's own: variances moderated by those of siblings.

A fortnight shows a series fourteen days, and so few make its long horizons dear (see `price`). Series of
one service live in the same traffic. If their dispersions agree beyond what chance explains, each may count
some of the others' blocks as its own: under a scaled inverse chi-square prior (d0, s0) the predictive of a
variance stays Student's t, with d0 + d degrees of freedom about (d0 s0 + d k) / (d0 + d): empirical Bayes,
as Smyth does for genes (Stat. Appl. Genet. Mol. Biol. 3(1), 2004). The false-alarm budget then holds over
the siblings together, which is what an operator's budget is of; where they disagree, d0 is small and each
pays for itself.

Three things keep it honest. The excess of a dispersion grows with traffic, so a series learns only from those
whose ticks hold at least half as much information as its own. Series of one group (slices of one score) see
the same days and count as one. And rare flags, whose cycle nobody removed, learn from rare flags only.

The assumption that breaks first: that siblings are like each other in what the learning period did not show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from detectors.engine.baseline import DAY_INDEX, Baseline
from detectors.engine.ticks import Floats, single

LEAST_GROUPS = 4
"""Fewer groups say nothing about how much siblings differ."""
LIKE = 0.5
"""Siblings have at least so much of a row's information a tick."""
RARE_BLOCKS, RARE_OWN = 30, 30
"""Days and own events from which a rare flag's dispersion counts as measured."""


def moderated(baseline: Baseline, groups: Sequence[Hashable]) -> Baseline:
    """``baseline`` with the dispersions that its rows and their siblings, the other rows, give together.

    ``groups`` names the group of each row. Rows without enough siblings stay as they are.

    Raises
    ------
    ValueError
        If there is not one group a row.
    """
    if len(groups) != len(baseline):
        raise ValueError(f"{len(groups)} groups for {len(baseline)} rows")
    kappa, df = baseline.block_kappa.astype(float), baseline.block_df.astype(float)
    rare = baseline.rare.copy()
    for kind in (True, False):
        rows = np.flatnonzero(baseline.rare == kind)
        rows = rows[np.argsort(-baseline.info[rows], kind="stable")]
        if len(rows) < LEAST_GROUPS:
            continue
        weight = _weights([groups[int(i)] for i in rows])
        info, events = baseline.info[rows], np.maximum(baseline.events[rows], 1.0)
        for horizon in range(kappa.shape[1]):
            kappa[rows, horizon], df[rows, horizon] = _shrunk(
                kappa[rows, horizon], df[rows, horizon], events, info, weight
            )
        if kind:
            known = (df[rows, DAY_INDEX] >= RARE_BLOCKS) & (events >= RARE_OWN)
            rare[rows[known]] = False
    return replace(baseline, block_kappa=single(kappa), block_df=single(df), rare=rare)


def _weights(groups: Sequence[Hashable]) -> Floats:
    """Each group weighs one, shared among its rows."""
    sizes = Counter(groups)
    return np.array([1 / sizes[group] for group in groups])


def _shrunk(kappa: Floats, df: Floats, events: Floats, info: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Dispersion and degrees of freedom of rows in order of falling information.

    What is known of the prior are its mean and the spread of dispersions about it, of which that of chance
    (2 / d) is taken off. It cannot be known better than from the blocks of the other groups together.
    """
    seen = df > 0
    own = np.where(seen, 1 / (1 / np.maximum(df, 1e-9) + 1 / events), 0.0)
    w = np.where(seen, weight, 0.0)
    last = np.searchsorted(-info, -LIKE * info, side="right") - 1

    def over_siblings(x: Floats) -> Floats:
        return np.asarray(np.cumsum(w * x)[last], dtype=float)

    n = over_siblings(np.ones_like(w))
    some = seen & (n >= LEAST_GROUPS)
    n = np.maximum(n, 2.0)
    mean = np.maximum(over_siblings(kappa) / n, 1e-9)
    square = over_siblings(kappa**2) / n
    chance = over_siblings(2 / np.maximum(own, 1.0)) / n
    spread = (square / mean**2 / (1 + chance) - 1) * n / (n - 1)
    alike = np.where(spread > 0, 2 / np.maximum(spread, 1e-9) + 4, np.inf)
    blocks = (n - 1) * over_siblings(own) / n
    d0 = 1 / (1 / alike + 1 / np.maximum(blocks, 1e-9))
    total = own + d0
    together = (own * kappa + d0 * mean) / np.maximum(total, 1e-9)
    return np.where(some, together, kappa), np.where(some, total, df)
