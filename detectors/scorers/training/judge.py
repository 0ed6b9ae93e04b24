"""What a head is worth, measured on groups of rows it has not seen: the figures of its model card."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from detectors.scorers.normalise import normalise
from detectors.scorers.training.disguises import DISGUISES
from detectors.scorers.training.fit import Labels, Vector
from detectors.scorers.training.measure import auc, hits_at, threshold
from detectors.scorers.training.pool import Example

LONG_PROMPTS = ("arena_hard_v01.prompt", "arena_hard_v2_prompts.prompt")
FEWEST = 20
"""Rows of a slice that a figure is given for."""
MOST_DISGUISED = 600

Margins = Callable[[Sequence[str]], Vector]
Figures = dict[str, Any]


def rounded(value: float, digits: int = 3) -> float | None:
    """A figure as it is printed; ``None`` for one that does not exist."""
    return None if math.isnan(value) else round(value, digits)


def quality(values: Vector, labels: Labels) -> Figures:
    """Size, area under the curve, hits at 1 and 5 % false alarms."""
    return {
        "n": len(labels),
        "positives": int(labels.sum()),
        "auc": rounded(auc(values, labels)),
        "hits_at_1": rounded(hits_at(values, labels, 0.01)),
        "hits_at_5": rounded(hits_at(values, labels, 0.05)),
    }


def held_figures(examples: Sequence[Example], values: Vector, labels: Labels) -> Figures:
    """All that is said of held rows: in all, by source, by language, of long prompts."""
    labelled = np.array([e.labelled for e in examples])
    real = np.array([not e.is_synthetic for e in examples])
    misses = values[real & (labels == 0)]
    level = threshold(misses, 0.01)
    found: Figures = {
        "labelled": quality(values[labelled], labels[labelled]),
        "with_ordinary": quality(values[real], labels[real]),
        "sources": _slices([e.source for e in examples], values, labels, level, misses),
        "languages": _slices(
            [e.language if e.label or e.labelled else "" for e in examples], values, labels, level, misses
        ),
    }
    long = np.array([e.source in LONG_PROMPTS for e in examples]) & (labels == 0)
    if long.sum() >= FEWEST:
        found["long_prompts"] = {
            "n": int(long.sum()),
            "false_alarms_at_1": rounded(float((values[long] > level).mean())),
        }
    return found


def _slices(
    names: Sequence[str], values: Vector, labels: Labels, level: float, misses: Vector
) -> list[Figures]:
    """Hits and false alarms at the level of 1 % over all, and the area against all misses."""
    found = []
    for name in sorted(set(names) - {"", "und"}):
        chosen = np.array([n == name for n in names])
        hits, passes = values[chosen & (labels > 0)], values[chosen & (labels == 0)]
        if len(hits) + len(passes) < FEWEST:
            continue
        others = passes if len(passes) >= FEWEST else misses
        found.append(
            {
                "name": name,
                "positives": len(hits),
                "negatives": len(passes),
                "auc": against(hits, others)["auc"] if len(hits) >= FEWEST else None,
                "hits_at_1": rounded(float((hits > level).mean())) if len(hits) >= FEWEST else None,
                "false_alarms_at_1": rounded(float((passes > level).mean()))
                if len(passes) >= FEWEST
                else None,
            }
        )
    return found


def against(hits: Vector, misses: Vector) -> Figures:
    """`quality` of hits against misses."""
    labels = np.concatenate([np.ones(len(hits), dtype=np.int64), np.zeros(len(misses), dtype=np.int64)])
    return quality(np.concatenate([hits, misses]), labels)


def disguised(hits: Sequence[Example], misses: Vector, margins: Margins, seed: int) -> Mapping[str, Figures]:
    """Quality for English hits under each disguise, against undisguised misses; the highest part counts."""
    rng = random.Random(seed)
    english = [e.text[:1_500] for e in hits if e.language == "en"]
    chosen = rng.sample(english, min(MOST_DISGUISED, len(english)))
    found = {"none": against(margins(chosen), misses)}
    for name, disguise in DISGUISES.items():
        read = [normalise(disguise(text, rng)) for text in chosen]
        owners = [i for i, r in enumerate(read) for _ in (r.text, *r.parts)]
        values = margins([text for r in read for text in (r.text, *r.parts)])
        best = np.full(len(chosen), -np.inf)
        np.maximum.at(best, owners, values)
        found[name] = against(best, misses)
    return found
