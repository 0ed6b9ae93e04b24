"""What is to be done so that what is in force is what a file says: rules, silences. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

ADD, CHANGE, REMOVE, UNCHANGED = "add", "change", "remove", "unchanged"
ACTIONS = (ADD, CHANGE, REMOVE, UNCHANGED)
DEFAULT_SET = "default"
"""The set of a file that names none."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Application:
    """Who applies a file as which set, for which tenant, why and when (ns since 1970 UTC, wall clock)."""

    tenant: str
    set_: str
    actor: str
    reason: str
    now_ns: int


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """One thing: as it is to be (``new``) and as it is (``old``), each absent where there is none.

    ``why`` says what is particular about it.
    """

    new: T | None
    old: T | None
    is_same: bool = False
    why: str = ""

    @property
    def action(self) -> str:
        """What is to be done."""
        if self.is_same:
            return UNCHANGED
        if self.old is None:
            return ADD
        return REMOVE if self.new is None else CHANGE


@dataclass(frozen=True, slots=True)
class Plan(Generic[T]):
    """Steps in the order of the file, then what is to be removed; and what else a person should know."""

    steps: Sequence[Step[T]]
    warnings: Sequence[str] = ()

    @property
    def to_do(self) -> list[Step[T]]:
        """The steps that change something."""
        return [step for step in self.steps if step.action != UNCHANGED]

    def report(self, by: Application, rows: Iterable[Mapping[str, Any]], *, applied: bool) -> dict[str, Any]:
        """As the API gives it; ``rows`` say what each step is about."""
        counted = Counter(step.action for step in self.steps)
        told = [
            {"action": step.action, **row} | ({"why": step.why} if step.why else {})
            for step, row in zip(self.steps, rows, strict=True)
        ]
        return {
            "v": 1,
            "set": by.set_,
            "applied": applied,
            "counts": {action: counted[action] for action in ACTIONS},
            "steps": told,
            "warnings": list(self.warnings),
        }


def whose(applied: str, actor: str) -> str:
    """Who has something that a set does not have."""
    return f"of set {applied!r}" if applied else f"made by hand, by {actor}"
