"""Risk categories: a versioned table of which scores measure what, read from ``taxonomy.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dashboard.measures.scores import known
from detectors.scorers import taxonomy as places

_FILE = Path(__file__).with_name("taxonomy.toml")
WHOLE = -1
"""Grid cell that stands for "the score is a flag: every hit counts"."""


@dataclass(frozen=True, slots=True)
class Category:
    """One row of the heat map. ``at_least`` is for scores in 0..1; flags have none."""

    id: str
    title: str
    scores: tuple[str, ...]
    at_least: float | None
    owasp: tuple[str, ...]
    mlcommons: tuple[str, ...]
    nist: tuple[str, ...]

    @property
    def unit(self) -> str:
        """What is counted: interactions, or whole runs of an agent."""
        return known(self.scores[0]).counts

    @property
    def frameworks(self) -> str:
        """Where the category stands in public taxonomies, for the table."""
        return " · ".join((*self.owasp, *self.mlcommons, *self.nist))

    def counted(self) -> tuple[tuple[str, int], ...]:
        """Each score with the grid cell from which it counts; scores without a grid are left out."""
        out = []
        for name in self.scores:
            if self.at_least is None:
                out.append((name, WHOLE))
            elif (grid := known(name).grid) is not None:
                out.append((name, grid.cell(self.at_least)))
        return tuple(out)


@cache
def categories() -> tuple[Category, ...]:
    """All categories in their fixed order."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(
        Category(
            id=row["id"],
            title=row["title"],
            scores=tuple(row["scores"]),
            at_least=row.get("at_least"),
            owasp=_titles(row["scores"], "owasp"),
            mlcommons=_titles(row["scores"], "mlcommons"),
            nist=_titles(row["scores"], "nist"),
        )
        for row in data["category"]
    )


def _titles(scores: Sequence[str], framework: str) -> tuple[str, ...]:
    """What the scores of a category are in a framework, each once."""
    known = [found for score in scores if (found := places.place(score)) is not None]
    return tuple(dict.fromkeys(title for found in known for title in getattr(found, framework)))


@cache
def version() -> str:
    """Version of the categories and of the taxonomy of scores behind them; a change of a row raises one."""
    own = tomllib.loads(_FILE.read_text(encoding="utf-8"))["version"]
    return f"{own}.{places.version()}"


def counted() -> tuple[tuple[str, int], ...]:
    """`Category.counted` of all of them."""
    return tuple(pair for category in categories() for pair in category.counted())
