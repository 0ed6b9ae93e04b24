"""What a scorer is: named values with a kind and a grid, computed by a pure function over a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from detectors.grid import Grid
from detectors.record import Record

KINDS = ("flag", "bounded", "positive", "real", "category")

Scores = dict[str, float | str]
"""Values of one record; a score that does not apply is left out."""


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """One named value a scorer gives.

    ``harmful`` is the direction that hurts users: 1 a rise, -1 a fall, 0 neither. ``severity`` is what a
    change in it deserves by default: ``page`` for rates of harm to users, ``ticket`` for distributions.
    ``generation`` changes when values stop being comparable with older ones. ``usual`` is the highest rate of
    a flag that is nothing unusual in any service: a gross rise over it is told before anything is learned.
    """

    name: str
    title: str
    kind: str
    grid: Grid | None
    unit: str = "interaction"
    harmful: int = 0
    severity: str = "ticket"
    generation: int = 1
    value_unit: str = ""
    usual: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(
                f"score {self.name!r} has kind {self.kind!r}, expected one of {', '.join(KINDS)}"
            )
        if (self.grid is None) != (self.kind == "category"):
            raise ValueError(f"score {self.name!r}: categories have no grid, every other kind has one")
        if self.harmful not in (-1, 0, 1) or self.severity not in ("page", "ticket"):
            raise ValueError(f"score {self.name!r}: harmful {self.harmful!r}, severity {self.severity!r}")


class Scorer(Protocol):
    """A pure function over a batch of records.

    ``score`` returns one mapping per record, in order, whose keys are names of ``specs``. It must not keep
    state between calls, and must take time linear in the length of the texts.
    """

    @property
    def name(self) -> str:
        """Name of the scorer, unique in the registry."""

    @property
    def version(self) -> str:
        """Version of the code and data behind the values."""

    @property
    def specs(self) -> tuple[ScoreSpec, ...]:
        """The scores it gives."""

    def score(self, records: Sequence[Record]) -> list[Scores]:
        """Values of each record."""
