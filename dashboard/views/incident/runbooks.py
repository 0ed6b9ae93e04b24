"""Runbooks beside an incident: first checks on the page, the whole text one click away."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from alerts.briefs import runbook
from alerts.errors import Defect


@dataclass(frozen=True, slots=True)
class Shown:
    """``checks`` are plain lines, ``text`` is our own markdown without its title."""

    title: str
    checks: tuple[str, ...]
    text: str


@cache
def load(name: str) -> Shown | None:
    """A runbook by the name an incident carries; ``None`` if there is none of that name."""
    known = {path.stem: path for path in runbook.FOLDER.glob("*.md")}
    if name not in known:
        return None
    text = known[name].read_text(encoding="utf-8")
    try:
        found = runbook.parse(name, text)
    except Defect:
        return None
    body = text.partition("\n")[2].strip()
    # headings inside a popover would stand outside the page's own order
    lines = [f"**{line[3:]}**\n" if line.startswith("## ") else line for line in body.splitlines()]
    return Shown(found.title, found.checks, "\n".join(lines))
