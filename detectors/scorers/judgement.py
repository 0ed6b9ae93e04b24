"""Scores that nobody declared: what evaluators and people say of an interaction, by the name they give it.

A judgement's name is known when it comes and not before, so what is counted follows from the score's name
alone, in every process and every later version. Numbers of ``helpfulness`` are the score
``judgement:helpfulness``, labels without a number ``judgement_label:helpfulness``: a name that is used for
both is two series, and neither can spoil the other. All numbers have one grid. Whether a score has only two
values, a few or many is for the baseline to see, which knows a fortnight of them: a first value of 1 may
begin a flag, a share or a rating.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from detectors.grid import SignedLogGrid
from detectors.observation import OTHER
from detectors.scorers.protocol import ScoreSpec

NUMBER, LABEL = "judgement:", "judgement_label:"
"""What the scores of judgements begin with; their grid and kind are those of generation 1."""

MAX_NAME = 64
"""Characters of a judgement's name that are kept."""

MAX_NAMES = 32
"""Names of judgements that are counted by themselves, in a message and in a service; the rest is `OTHER`."""

GRID = SignedLogGrid()


def is_judgement(score: str) -> bool:
    """Whether a score is a judgement's."""
    return score.startswith((NUMBER, LABEL))


def score_of(name: str | None, value: float | None, label: str | None) -> tuple[str, float | str] | None:
    """The score a judgement gives; ``None`` if it has neither a number nor a label.

    A label beside a number says what the number is called and is not counted.
    """
    if value is not None:
        return NUMBER + shown_name(name), value
    return (LABEL + shown_name(name), label) if label is not None else None


def shown_name(name: str | None) -> str:
    """A judgement's name in one line of `MAX_NAME` visible characters; `OTHER` if there is none."""
    if name is None:
        return OTHER
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name[: 4 * MAX_NAME])
    return " ".join(visible.split())[:MAX_NAME].rstrip() or OTHER


def bounded(score: str, taken: Mapping[str, object], most: int = MAX_NAMES) -> str:
    """``score``, or the one for the rest where ``taken`` holds ``most`` of its kind already."""
    if not is_judgement(score) or score in taken:
        return score
    prefix = NUMBER if score.startswith(NUMBER) else LABEL
    return prefix + OTHER if sum(1 for t in taken if t.startswith(prefix)) >= most else score


@dataclass(frozen=True, slots=True, eq=False)
class WithJudgements(Mapping[str, ScoreSpec]):
    """Specs by name: the declared ones, and any judgement's. Iterates over the declared ones only."""

    declared: Mapping[str, ScoreSpec]

    def __getitem__(self, name: str) -> ScoreSpec:
        """The spec of a score.

        Raises
        ------
        KeyError
            If it is neither declared nor a judgement's.
        """
        spec = self.declared.get(name)
        if spec is not None:
            return spec
        if not is_judgement(name):
            raise KeyError(name)
        return _spec(name)

    def __iter__(self) -> Iterator[str]:
        """Names of the declared scores."""
        return iter(self.declared)

    def __len__(self) -> int:
        """Number of declared scores."""
        return len(self.declared)


@lru_cache(1024)
def _spec(score: str) -> ScoreSpec:
    is_label = score.startswith(LABEL)
    name = score.removeprefix(LABEL if is_label else NUMBER)
    title = f"{'Label' if is_label else 'Score'} {name}"
    return ScoreSpec(score, title, "category" if is_label else "real", None if is_label else GRID)
