"""A stack as its table of ``*.toml`` describes it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
COLUMNS = ("text", "tokens", "tools", "user", "session", "error", "streaming", "agent")
"""What is looked for in the calls of a stack, besides that all of them arrive."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One application.

    ``files`` by their names, ``install`` its packages, ``run`` the command that ``lightship env`` prepares,
    ``lacks`` the columns that its instrumentation does not send, each with the reason, and ``untold`` how
    many calls of the provider no span tells of.
    """

    name: str
    kind: str
    run: str
    install: tuple[str, ...]
    files: Mapping[str, str]
    lacks: Mapping[str, str] = field(default_factory=dict)
    untold: int = 0
    build: str = ""


def stacks() -> dict[str, Stack]:
    """All of them by name, in the order of the files."""
    found = {}
    for file in sorted(HERE.glob("*.toml")):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        for name, one in data["stack"].items():
            found[name] = _stack(name, one, data)
    return found


def _stack(name: str, one: Mapping[str, Any], data: Mapping[str, Any]) -> Stack:
    base = data["runtime"][one.get("runtime", "default")]
    apps = data.get("app", {})
    files = dict(base.get("files", {}))
    start, path = one.get("start", ""), one.get("path", base["app"])
    files[path] = "\n".join(
        (base.get("head", ""), start, apps[one["app"]]["code"] if "app" in one else one["code"])
    )
    files[path] += "\n" + one.get("end", "")
    lacks = {**apps.get(one.get("app"), {}).get("lacks", {}), **one.get("lacks", {})}
    return Stack(
        name,
        base["kind"],
        one.get("run", base["run"]),
        (*(() if one.get("bare") else base.get("install", ())), *one["install"]),
        {**files, **one.get("files", {})},
        {column: why for column, why in lacks.items() if column not in one.get("has", ())},
        one.get("untold", 0),
        one.get("build", base.get("build", "")),
    )
