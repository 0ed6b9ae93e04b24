"""The steps of a run as lines of a tree. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.views.outputs.outputs_query import Step

DEEPEST = 12
"""Levels that are drawn; what lies deeper stands there."""


@dataclass(frozen=True, slots=True)
class Line:
    """A step with the branches before it."""

    branch: str
    step: Step


def lines(steps: Sequence[Step]) -> list[Line]:
    """Parents before their children, in order of begin; a step whose parent is not there is a root.

    Parents that name each other in a circle (nobody checks what an application sends) are roots as well.
    """
    known = {step.span_id for step in steps}
    children: dict[str, list[Step]] = {}
    for step in steps:
        parent = step.parent if step.parent in known and step.parent != step.span_id else ""
        children.setdefault(parent, []).append(step)
    out: list[Line] = []
    seen: set[str] = set()
    for root in children.get("", []):
        _walk(root, children, out, seen)
    for step in steps:  # circles have no root
        if step.span_id not in seen:
            _walk(step, children, out, seen)
    return out


def _walk(root: Step, children: dict[str, list[Step]], out: list[Line], seen: set[str]) -> None:
    todo = [(root, "", "")]
    while todo:
        step, branch, rest = todo.pop()
        if step.span_id in seen:
            continue
        seen.add(step.span_id)
        out.append(Line(branch, step))
        below = children.get(step.span_id, [])
        for place, child in reversed(list(enumerate(below))):
            last = place == len(below) - 1
            deep = len(rest) >= 3 * DEEPEST
            todo.append(
                (
                    child,
                    rest + ("└─ " if last else "├─ "),
                    rest if deep else rest + ("   " if last else "│  "),
                )
            )
