"""Where a series' baseline comes from: what makes one version of it follow another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

LEARNED, ACCEPTED, EXPECTED = "learned", "accepted", "expected"
REFRESHED, ADOPTED = "refreshed", "adopted"


@dataclass(frozen=True, slots=True)
class Origin:
    """Why a series is compared with the baseline it has: from which tick it counts, who said so and why.

    ``kind`` is *learned* (from a window of its own), *accepted* (a person took a change for the new level),
    *expected* (a change at a boundary that a person had announced), *adopted* (from another lineage) or
    *refreshed* (four weeks that do not
    differ from what was learned or accepted). ``by`` is empty while no person has said that the level is
    fine.
    """

    kind: str = LEARNED
    tick: int = 0
    by: str = ""
    reason: str = ""

    def packed(self) -> list[Any]:
        """Plain form for a snapshot."""
        return list(astuple(self))

    @classmethod
    def unpacked(cls, state: Sequence[Any]) -> Origin:
        """Inverse of `packed`."""
        return cls(*state)
