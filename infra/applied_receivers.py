"""Receivers, routes and escalations beside those of the settings file: `receivers apply` keeps them.

Each set is a file of its own in the data directory, which whoever reads the settings reads as well: its
tables come after those of the settings file, in the order of the sets' names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.errors import Misconfigured
from infra.private_files import private_directory, write_private

SECTIONS = ("receiver", "route", "escalation", "time_interval")
"""Tables that a set may have; the last one is named, the others are lists."""
FORMAT = 1


def folder_of(home: Path) -> Path:
    """Where the sets are."""
    return home / "alerts" / "receivers"


def sets_in(home: Path) -> dict[str, dict[str, Any]]:
    """The sets by name, each with ``tables``, ``actor``, ``reason`` and ``at``.

    Raises
    ------
    Misconfigured
        If one cannot be read.
    """
    found = {}
    for path in sorted(folder_of(home).glob("*.json")):
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            if body["v"] != FORMAT or not isinstance(body["tables"], dict):
                raise ValueError("it is of another format")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Misconfigured(
                f"cannot read {path}: {error}; remedy: apply its file again, or remove it"
            ) from error
        found[path.stem] = body
    return found


def put_set(home: Path, name: str, tables: Mapping[str, Any], actor: str, reason: str, at: str) -> None:
    """Keep a set in place of what was kept under its name; one without tables is removed.

    Raises
    ------
    Misconfigured
        If the data directory cannot be written.
    """
    path = folder_of(home) / f"{name}.json"
    body = {"v": FORMAT, "actor": actor, "reason": reason, "at": at, "tables": tables}
    try:
        private_directory(path.parent)
        if any(tables.values()):
            write_private(path, json.dumps(body, indent=1))
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error.strerror}") from error


def with_sets(tables: Mapping[str, Any], sets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Tables of a settings file with those of the sets after them.

    Raises
    ------
    Misconfigured
        If a time interval is in two of them.
    """
    out = dict(tables)
    for name in sorted(sets):
        for section, given in sets[name]["tables"].items():
            if section != "time_interval":
                out[section] = [*out.get(section, ()), *given]
                continue
            for twice in set(out.get(section, ())) & set(given):
                raise Misconfigured(f"time_interval.{twice} of set {name!r} is in the settings already")
            out[section] = {**out.get(section, {}), **given}
    return out
