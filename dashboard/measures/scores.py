"""What is known of a score by its name: title, kind, grid, how its values are written.

The registry of scorers is the source; a score it does not know (a plug-in's, or an old generation's) is
shown by its name with the kind its series was stored with.
"""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.safe_text import clean
from detectors.grid import Grid
from detectors.scorers import SPECS

VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Score:
    """How a score is read and written.

    ``harmful`` is 1 if a rise hurts, -1 if a fall does, else 0; ``unit`` is the value's, ``counts`` says what
    has one.
    """

    name: str
    title: str
    kind: str
    grid: Grid | None
    unit: str
    harmful: int
    pages: bool
    counts: str = "interaction"


def known(name: str, kind: str = "flag") -> Score:
    """The score of this name; ``kind`` is used where the registry does not have it."""
    spec = SPECS.get(name)
    if spec is None:
        title = clean(name.replace("_", " ").capitalize() or "Score")
        return Score(name, title, kind, None, "", 0, pages=False)
    return Score(
        spec.name,
        clean(spec.title),
        spec.kind,
        spec.grid,
        spec.value_unit,
        spec.harmful,
        pages=spec.severity == "page",
        counts=spec.unit,
    )
