"""What chosen lessons of a head teach, by its recipe: a fit of them all, and a plain one of the real rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.scorers.training.fit import Fit, Labels, Vector, fit
from detectors.scorers.training.lessons import Recipe

Chosen = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Learner:
    """A recipe and all lessons: features ``x``, labels, weights, and which are rows of the pool."""

    recipe: Recipe
    x: Any
    labels: Labels
    weights: Vector
    of_the_pool: Chosen

    def __call__(self, chosen: Chosen) -> Fit:
        """What the chosen lessons teach."""
        recipe, plain = self.recipe, chosen & self.of_the_pool
        own = fit(self.x[chosen], self.labels[chosen], recipe.c, self.weights[chosen], rarity=recipe.rarity)
        other = fit(self.x[plain], self.labels[plain], recipe.c, rarity=0.0)
        return own.plus(other, recipe.plain, self.x[plain])
