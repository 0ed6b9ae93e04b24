"""What a change deserves, where an operator says otherwise than the scorer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from detectors.scorers.protocol import ScoreSpec


def with_severities(specs: Mapping[str, ScoreSpec], chosen: Mapping[str, str]) -> Mapping[str, ScoreSpec]:
    """``specs`` with the severities of ``chosen`` by score; the same object if none is chosen.

    Raises
    ------
    KeyError
        If one is chosen for a score that does not exist.
    """
    known = {name: replace(specs[name], severity=severity) for name, severity in chosen.items()}
    return _Chosen(specs, known) if known else specs


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen(Mapping[str, ScoreSpec]):
    """Specs that answer as the ones behind them, judgements included."""

    specs: Mapping[str, ScoreSpec]
    chosen: Mapping[str, ScoreSpec]

    def __getitem__(self, name: str) -> ScoreSpec:
        """The spec of a score.

        Raises
        ------
        KeyError
            If there is none.
        """
        return self.chosen[name] if name in self.chosen else self.specs[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the declared scores."""
        return iter(self.specs)

    def __len__(self) -> int:
        """Number of declared scores."""
        return len(self.specs)
