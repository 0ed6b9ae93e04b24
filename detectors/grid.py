"""Fixed grids on which scores are counted, so that observations of one score add up.

Cell numbers are part of the wire format: changing a grid is a new scorer generation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FlagGrid:
    """Two cells: 0 and 1."""

    cells: int = 2

    def cell(self, value: float) -> int:
        """Cell of ``value``; anything from 0.5 up is a hit."""
        return 1 if value >= 0.5 else 0

    def value(self, cell: int) -> float:
        """Value a cell stands for."""
        return float(cell)


@dataclass(frozen=True, slots=True)
class LogGrid:
    """Cell 0 is exactly zero (and below ``low``); then cells of equal ratio up to ``high``.

    ``low`` and ``high`` are in the score's unit, ``ratio`` is the width of a cell (1.02 = 2 %). Values are
    counted to within half a cell; above ``high`` they land in the last cell.
    """

    low: float
    high: float
    ratio: float = 1.02

    def __post_init__(self) -> None:
        if not (0 < self.low < self.high and self.ratio > 1):
            raise ValueError(f"need 0 < low < high and ratio > 1, got {self.low}, {self.high}, {self.ratio}")

    @property
    def cells(self) -> int:
        """Number of cells, with the one for zero."""
        return 2 + math.ceil(math.log(self.high / self.low) / math.log(self.ratio))

    def cell(self, value: float) -> int:
        """Cell of ``value``; not-a-number and negative values raise ``ValueError``."""
        if not value >= 0:
            raise ValueError(f"a positive score cannot be {value!r}")
        if value < self.low:
            return 0
        if value >= self.high:
            return self.cells - 1
        return 1 + round(math.log(value / self.low) / math.log(self.ratio))

    def value(self, cell: int) -> float:
        """Value in the middle of a cell."""
        return 0.0 if cell == 0 else self.low * self.ratio ** (cell - 1)


@dataclass(frozen=True, slots=True)
class LogitGrid:
    """For scores in 0..1: exact 0 and exact 1 have a cell each, ``inner`` logit-spaced cells between.

    The inner cells cover logits -``span`` to ``span``.
    """

    inner: int = 200
    span: float = 9.0

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.inner + 2

    def cell(self, value: float) -> int:
        """Cell of ``value``; values outside 0..1 raise ``ValueError``."""
        if not 0 <= value <= 1:
            raise ValueError(f"a bounded score cannot be {value!r}")
        if value in (0, 1):
            return 0 if value == 0 else self.inner + 1
        logit = min(max(math.log(value / (1 - value)), -self.span), self.span)
        return 1 + min(int((logit + self.span) / (2 * self.span) * self.inner), self.inner - 1)

    def value(self, cell: int) -> float:
        """Value in the middle of a cell."""
        if cell == 0:
            return 0.0
        if cell == self.inner + 1:
            return 1.0
        logit = (cell - 0.5) / self.inner * 2 * self.span - self.span
        return 1 / (1 + math.exp(-logit))


@dataclass(frozen=True, slots=True)
class SignedLogGrid:
    """For any finite number whose range nobody knows: cells of equal ratio on both sides of zero.

    A cell is ``2 ** (1 / steps)`` wide (``steps`` 35: 2 %), so 1, 2, 4, 1/2 and their negatives are counted
    exactly and every other value to within half a cell. Sizes below ``2 ** -octaves`` count as zero, those
    from ``2 ** octaves`` up land in the last cell of their side. Cells rise with the value.
    """

    steps: int = 35
    octaves: int = 24

    def __post_init__(self) -> None:
        if self.steps < 1 or self.octaves < 1:
            raise ValueError(f"need steps and octaves of at least 1, got {self.steps} and {self.octaves}")

    @property
    def zero(self) -> int:
        """The cell of zero; each side has as many, counted from 1."""
        return 2 * self.steps * self.octaves + 1

    @property
    def cells(self) -> int:
        """Number of cells."""
        return 2 * self.zero + 1

    def cell(self, value: float) -> int:
        """Cell of ``value``; what is not finite raises ``ValueError``."""
        if not math.isfinite(value):
            raise ValueError(f"a score cannot be {value!r}")
        if value == 0:
            return self.zero
        half = self.steps * self.octaves
        at = round(math.log2(abs(value)) * self.steps) + half
        if at < 0:
            return self.zero
        at = 1 + min(at, 2 * half)
        return self.zero + at if value > 0 else self.zero - at

    def value(self, cell: int) -> float:
        """Value in the middle of a cell."""
        if cell == self.zero:
            return 0.0
        away = abs(cell - self.zero) - 1 - self.steps * self.octaves
        size: float = 2.0 ** (away / self.steps)
        return size if cell > self.zero else -size


Grid = FlagGrid | LogGrid | LogitGrid | SignedLogGrid
"""Categories have no grid: their cell is the name."""
