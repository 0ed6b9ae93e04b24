"""``lightship rules|silences|receivers apply``: what a file says and what is in force, planned and done."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from getpass import getuser
from pathlib import Path
from typing import Any, Protocol

from alerts.apply_plan import ACTIONS, ADD, CHANGE, REMOVE, UNCHANGED
from alerts.commands.client import post
from infra.errors import Misconfigured
from infra.typed_table import unknown

STDIN = Path("-")
NOTHING, SOMETHING = 0, 1
"""Exit codes of a plan: what is in force is what the file says; it is not."""


class Run(Protocol):
    """Applies a file, or only says what that would do; gives the report."""

    def __call__(self, *, plan: bool) -> dict[str, Any]:
        """Do it, unless it is to be planned only."""


_MARKS = {ADD: "+", CHANGE: "~", REMOVE: "-", UNCHANGED: " "}


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """What a person wants of an application of a file."""

    file: Path
    set_: str
    actor: str | None
    reason: str | None
    tenant: str | None
    prune: bool
    plan: bool
    yes: bool

    def who(self) -> tuple[str, str]:
        """Who applies it and why, where that was not said: the user here, and that the file says so."""
        name = self.file.name if self.file != STDIN else "the file"
        return self.actor or getuser(), self.reason or f"as {name} says"


def applied(
    config: Path | None,
    asked: ApplyOptions,
    kind: str,
    others: Collection[str],
    show: Callable[[str], None],
    confirm: Callable[[str], bool],
) -> tuple[dict[str, Any], int]:
    """Plan, ask, apply: the report and the exit code.

    Parameters
    ----------
    kind
        Which tables of the file: ``rule`` or ``silence``.
    others
        Names of other tables the file may hold, which are left alone.
    show
        Takes the plan in words before the person is asked.
    confirm
        Asks the person.

    Raises
    ------
    Misconfigured
        If the file cannot be used, or nobody can be asked.
    Unavailable
        If the alerts service does not answer, or cannot reach what it needs.
    """
    found = read(asked.file, kind, others)
    tables, whole = found[kind], len(found) > 1
    actor, reason = asked.who()
    named: dict[str, str | None] = {
        "tables": json.dumps(tables, ensure_ascii=False, default=_plain),
        "set": asked.set_,
        "tenant": asked.tenant,
        "prune": "yes" if asked.prune else None,
        "whole": "yes" if whole and kind == "rule" else None,
    }

    def run(*, plan: bool) -> dict[str, Any]:
        only = {"plan": "yes"} if plan else {}
        return post(config, f"/{kind}s/apply", actor, reason, **only, **named)

    return agreed(asked, run, show, confirm)


def agreed(
    asked: ApplyOptions, run: Run, show: Callable[[str], None], confirm: Callable[[str], bool]
) -> tuple[dict[str, Any], int]:
    """Plan, ask where nobody said yes, do: the report and the exit code.

    Raises
    ------
    Misconfigured
        If nobody can be asked.
    """
    plan = run(plan=True)
    to_do = any(plan["counts"][action] for action in (ADD, CHANGE, REMOVE))
    if asked.plan or not to_do:
        return plan, SOMETHING if to_do and asked.plan else NOTHING
    if not asked.yes:
        if not sys.stdin.isatty() or asked.file == STDIN:
            raise Misconfigured(
                "nobody can be asked here: give --yes to apply it, or --plan to see what it would do"
            )
        show(show_plan(plan))
        if not confirm("Apply this?"):
            return plan, SOMETHING
    return run(plan=False), NOTHING


def read(file: Path, kind: str, others: Collection[str]) -> dict[str, Any]:
    """The tables of a file that holds those of a kind, and may hold others.

    Raises
    ------
    Misconfigured
        If it cannot be used.
    """
    try:
        text = sys.stdin.read() if file == STDIN else file.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise Misconfigured(f"cannot read {file}: {error}") from error
    for name in found:
        if name not in {kind, *others}:
            raise unknown(f"table in {file}:", name, {kind, *others})
    tables = found.get(kind)
    if tables is None:
        raise Misconfigured(f"{file} holds no [[{kind}]]; to remove all of the set write {kind} = []")
    if not isinstance(tables, list):
        raise Misconfigured(f"{file}: write [[{kind}]], in double brackets")
    return found


def _plain(value: object) -> str:
    """A time of TOML as text."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def show_plan(report: Mapping[str, Any]) -> str:
    """A plan, or what was done, a line a step that changes something."""
    lines = [_line(step) for step in report["steps"] if step["action"] != UNCHANGED]
    lines += [f"! {warning}" for warning in report["warnings"]]
    counts = ", ".join(f"{report['counts'][action]} {_done(action, report)}" for action in ACTIONS)
    return "\n".join([*lines, f"{report['set']}: {counts}"])


def _done(action: str, report: Mapping[str, Any]) -> str:
    if action == UNCHANGED:
        return action
    return f"{action.removesuffix('e')}ed" if report["applied"] else f"to {action}"


def _line(step: Mapping[str, Any]) -> str:
    where = " · ".join(step[name] for name in ("service", "environment") if step.get(name))
    name = f"{step['name']}: " if step.get("name") else ""
    was = f" (was: {step['was']})" if step.get("was") else ""
    why = f" [{step['why']}]" if step.get("why") else ""
    return f"{_MARKS[step['action']]} {where}  {name}{step['text']}{was}{why}"
