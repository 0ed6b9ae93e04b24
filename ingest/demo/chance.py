"""Random draws that depend on what is drawn for, never on the order in which things happen."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chance:
    """Draws keyed by labels: the same seed and labels give the same value in every run."""

    seed: int

    def number(self, *labels: object) -> int:
        """64 random bits."""
        text = "\x1f".join([str(self.seed), *map(str, labels)])
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")

    def uniform(self, *labels: object) -> float:
        """A number in 0..1, 1 excluded."""
        return self.number(*labels) / 2**64

    def happens(self, share: float, *labels: object) -> bool:
        """True for ``share`` (0..1) of all labels."""
        return self.uniform(*labels) < share

    def stream(self, *labels: object) -> random.Random:
        """A generator of its own for many draws."""
        return random.Random(self.number(*labels))
