"""``python -m infra.settings_page > docs/settings.md``: the reference of settings, from their definitions."""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from infra.settings import ALIASES, Settings
from infra.typed_table import is_table, key_of

HEAD = """\
# Settings

`lightship.toml` in the working directory, or the file `LIGHTSHIP_CONFIG` names. `lightship config check`
says what is wrong with it, `lightship config show` prints what is in force. An unknown key is an error that
names the nearest known one. Secrets never stand in the file: keys that end in `_file` name a file to read,
if relative from where the settings lie.

A variable `LIGHTSHIP_<SECTION>_<KEY>`, such as `LIGHTSHIP_GATEWAY_PORT`, overrides one key of a section;
lists are separated by commas, an empty variable counts as not set, and one that names no key is an error. (In
Kubernetes set `enableServiceLinks: false`: it would add variables of such names for every service.)

| variable | meaning |
|---|---|
"""
VARIABLES = (
    ("LIGHTSHIP_HOME", "data directory; `.lightship` by default"),
    ("LIGHTSHIP_CONFIG", "path of the settings file"),
    *((name, f"`{section}.{key}`") for name, section, key in ALIASES),
    ("LIGHTSHIP_INGEST_KEY", "ingest key that `lightship env` and `lightship run` give to applications"),
    ("LIGHTSHIP_TENANT", "whose data a dashboard without sign-in shows; `default` by default"),
    (
        "LIGHTSHIP_ROLE",
        "what its viewers may do: `viewer`, `analyst`, `responder` (by default, on loopback) or `admin`",
    ),
    ("LIGHTSHIP_DATA", "directory of data for tests"),
)
"""Variables that are not keys of a section."""
TAIL = """
Tables and keys of the file follow. A table of the form `[[name]]` may stand several times.
"""
KEYS: Mapping[str, str] = {
    "redaction": "tenant",
    "scorers.own": "score",
    "judge": "name",
    "time_interval": "name",
}
"""What tables are kept by, where it is not what they are called."""
SHAPES: Mapping[Any, str] = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def render() -> str:
    """The page, in Markdown."""
    lines = [HEAD.rstrip("\n"), *(f"| `{name}` | {says} |" for name, says in VARIABLES), TAIL]
    for heading, cls in tables():
        doc = " ".join((cls.__doc__ or "").split())
        lines += [
            f"## `{heading}`",
            "",
            doc,
            "",
            "| key | default | allowed | meaning |",
            "|---|---|---|---|",
        ]
        lines += [_row(cls, f) for f in fields(cls) if f.metadata]  # else a table of its own
        lines.append("")
    return "\n".join(lines)


def tables() -> Iterator[tuple[str, Any]]:
    """Heading and dataclass of every table of the file."""
    yield from _tables_of(Settings, "")


def _tables_of(cls: Any, above: str) -> Iterator[tuple[str, Any]]:
    for key, hint in typing.get_type_hints(cls).items():
        name = f"{above}{key.removesuffix('_')}"
        inner = typing.get_args(hint)
        if is_dataclass(hint):
            yield f"[{name}]", hint
            yield from _tables_of(hint, f"{name}.")
        elif typing.get_origin(hint) is tuple and is_dataclass(inner[0]):
            yield f"[[{name}]]", inner[0]
            yield from _tables_of(inner[0], f"{name}.")
        elif is_table(hint):
            yield f"[{name}.<{KEYS.get(name, name)}>]", inner[1]


def _row(cls: Any, f: Field[Any]) -> str:
    default = "required" if f.default is MISSING else f"`{_toml(f.default)}`"
    return f"| `{key_of(f)}` | {default} | {_allowed(typing.get_type_hints(cls)[f.name], f)} | {_says(f)} |"


def _says(f: Field[Any]) -> str:
    return str(f.metadata["says"])


def _allowed(hint: Any, f: Field[Any]) -> str:
    within, one_of = f.metadata["within"], f.metadata["one_of"]
    is_list = typing.get_origin(hint) is tuple
    if one_of:
        words = ", ".join(f"`{one or _toml(one)}`" for one in one_of)
        return f"list of {words}" if is_list else words
    if within:
        low, high = within
        return f"{low:g} to {high:,g}".replace(",", " ")
    return "list of text" if is_list else SHAPES[hint]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return f'"{value}"' if isinstance(value, str) else f"{value}"


if __name__ == "__main__":
    sys.stdout.write(render())
