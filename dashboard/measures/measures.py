"""What a finding measured of a score: the score itself, or the share of values with some property.

A detector watches numbers through several channels; findings name the channel in a note ("share of values
above 12"). A note that is not understood falls back to the score's own level, a share or a median.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboard import formats
from dashboard.measures.scale import Scale
from dashboard.measures.scores import Score

FLAG, MEDIAN, ABOVE, BELOW, CATEGORY = "flag", "median", "above", "below", "category"

_NOTES = (
    ("share of values above ", ABOVE),
    ("share of values below ", BELOW),
    ("share of values outside the commonest", CATEGORY),
    ("share of ", CATEGORY),
)
RELATIVE = frozenset({"ratio", "relative"})
SHARE = frozenset({"rate", "share", "pp"})


@dataclass(frozen=True, slots=True)
class Measure:
    """``cell`` bounds `ABOVE` and `BELOW` on the score's grid; ``name`` is the value or category in words."""

    score: Score
    what: str
    name: str = ""
    cell: int = 0
    unit: str | None = None

    @property
    def is_share(self) -> bool:
        """Whether its level is a share of outputs."""
        return self.what != MEDIAN

    @property
    def title(self) -> str:
        """``Latency, share above 12 s``."""
        own = f"{self.name}{formats.THIN}{self.score.unit}" if self.score.unit else self.name
        if self.what in {ABOVE, BELOW}:
            return f"{self.score.title}, share {self.what} {own}"
        if self.what == CATEGORY and self.name:
            return f"{self.score.title}, share of {self.name}"
        return self.score.title

    @property
    def scale(self) -> Scale:
        """How its values are drawn."""
        return Scale(share=self.is_share, unit=self.score.unit)

    def step(self, before: float, after: float) -> str:
        """``2.1 → 6.4 %`` or ``312 → 341 characters``."""
        if self.is_share:
            return formats.share_step(before, after)
        return formats.measure_step(before, after, self.score.unit)

    def level(self, value: float) -> str:
        """One value."""
        return self.scale.words(value)

    def change(self, effect: float, low: float | None, high: float | None) -> str:
        """An effect with its interval, in the unit it was stated in."""
        if self.unit in RELATIVE:
            return formats.relative(effect, low, high)
        if self.is_share:
            return formats.points(effect, low, high)
        return formats.difference(effect, low, high, self.score.unit)


def measured(score: Score, unit: str | None, notes: tuple[str, ...]) -> Measure:
    """What a finding in ``unit`` with ``notes`` measured."""
    for note in notes:
        for prefix, what in _NOTES:
            if note.startswith(prefix):
                found = _of_note(score, what, note.removeprefix(prefix), unit)
                if found is not None:
                    return found
    if score.kind == "category":
        return Measure(score, CATEGORY, unit=unit)
    return Measure(score, FLAG if score.kind == "flag" else MEDIAN, unit=unit)


def _of_note(score: Score, what: str, rest: str, unit: str | None) -> Measure | None:
    if what == CATEGORY:
        return Measure(score, CATEGORY, rest, unit=unit) if score.kind == "category" else None
    if score.grid is None:
        return None
    try:
        cell = score.grid.cell(float(rest))
    except ValueError:
        return None
    return Measure(score, what, rest, cell, unit)
