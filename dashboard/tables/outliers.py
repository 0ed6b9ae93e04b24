"""Single outputs that are odd, ranked: a list to look through, never an alert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.queries.outputs import Output
from detectors.anomaly.conformal import Reference, combined, discoveries
from detectors.anomaly.half_space import oddity
from detectors.scorers.protocol import ScoreSpec

Floats = NDArray[np.float64]
LEAST_REFERENCE = 100
"""Values of a score that must have been seen before one can be odd."""
MOST_LEARNED = 2_000
"""Outputs before that the trees learn, the last ones."""
MOST_NAMED = 3
NAMED_P = 0.05


@dataclass(frozen=True, slots=True)
class Outlier:
    """``p`` of one output, ``q`` of its place in the list (Benjamini-Yekutieli), and what was odd in it.

    ``trees`` is the rank that half-space trees give it among all outputs, 1 the oddest; None where there were
    no outputs before to learn.
    """

    output: Output
    p: float
    q: float
    trees: int | None
    because: tuple[tuple[str, float, float], ...]
    """Score, value and its own p, the oddest first."""


def ranked(
    rows: Sequence[Output],
    before: Sequence[Output],
    cells: Mapping[str, Mapping[int, int]],
    specs: Mapping[str, ScoreSpec],
) -> list[Outlier]:
    """``rows`` from the oddest on; ``cells`` counts what scores were before, ``before`` are outputs then."""
    references = {
        name: reference
        for name in sorted(cells)
        if name in specs and (reference := _reference(specs[name], cells[name])) is not None
    }
    if not rows or not references:
        return []
    p = _p_values(rows, references, specs)
    whole = combined(list(p))
    q = discoveries(whole)
    trees: list[int] | None = None
    if before:
        learned = _p_values(before[-MOST_LEARNED:], references, specs)
        odd = oddity(1 - learned.T, 1 - p.T)
        trees = (np.argsort(np.argsort(-odd, kind="stable"), kind="stable") + 1).tolist()
    names = list(references)
    return [
        Outlier(
            rows[i],
            float(whole[i]),
            float(q[i]),
            None if trees is None else trees[i],
            tuple(
                (names[k], rows[i].scores[names[k]], float(p[k, i]))
                for k in np.argsort(p[:, i], kind="stable")[:MOST_NAMED]
                if p[k, i] <= NAMED_P
            ),
        )
        for i in np.argsort(whole, kind="stable").tolist()
    ]


def _reference(spec: ScoreSpec, cells: Mapping[int, int]) -> Reference | None:
    if spec.grid is None or spec.unit != "interaction" or sum(cells.values()) < LEAST_REFERENCE:
        return None
    known = sorted(cells)
    return Reference(
        np.array([spec.grid.value(c) for c in known], dtype=float),
        np.array([cells[c] for c in known], dtype=float),
    )


def _p_values(
    rows: Sequence[Output], references: Mapping[str, Reference], specs: Mapping[str, ScoreSpec]
) -> Floats:
    """(scores, outputs); NaN where a score does not apply."""
    out = np.full((len(references), len(rows)), np.nan)
    for k, (name, reference) in enumerate(references.items()):
        spec = specs[name]
        assert spec.grid is not None  # noqa: S101 - it has a reference
        at = [i for i, row in enumerate(rows) if name in row.scores]
        x = np.array([spec.grid.value(spec.grid.cell(rows[i].scores[name])) for i in at], dtype=float)
        if spec.harmful > 0:
            p = reference.p_high(x)
        elif spec.harmful < 0:
            p = reference.mirrored().p_high(-x)
        else:
            p = reference.p_either(x)
        out[k, at] = p
    return out
