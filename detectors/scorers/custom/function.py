"""A score of one's own by a function of a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from detectors.record import Record
from detectors.scorers.custom.values import scores_of
from detectors.scorers.protocol import Scores, ScoreSpec


class CustomFunction:
    """Implements `Scorer`. The function gives a value of the score's kind, or ``None``: it does not apply.

    Parameters
    ----------
    spec
        The score.
    function
        Called once a record.
    version
        Of the code behind it.
    """

    def __init__(self, spec: ScoreSpec, function: Callable[[Record], Any], version: str) -> None:
        self.name = spec.name
        self.specs = (spec,)
        self.version = version
        self._spec, self._function = spec, function

    def score(self, records: Sequence[Record]) -> list[Scores]:
        """Values of each record; raises what the function raises, and ``ValueError`` for a wrong value."""
        return [scores_of(self._spec, self._function(record)) for record in records]
