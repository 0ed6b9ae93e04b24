"""The JSON of a webhook as a published schema and as a page, both made from the types that write it.

``python -m alerts.notify.webhook_schema`` writes docs/webhook.schema.json and docs/webhook.md.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from alerts.briefs import render
from alerts.briefs.brief import Brief
from alerts.digests.digest import Period, Section
from alerts.notify import webhook
from alerts.notify.webhook_fields import BODY, DIGEST, FIELDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILE, PAGE = DOCS / "webhook.schema.json", DOCS / "webhook.md"
HEAD = """\
# What a webhook gets

The JSON that a receiver of kind `webhook` posts, field by field. [webhook.schema.json](webhook.schema.json)
is the same as a JSON Schema (2020-12), against which the tests hold every kind of message. `v` is the
version: within one, fields are added, but none is taken away or comes to mean something else, so take what
you know and leave the rest. Every field is there in each message; what is not known is `null` or empty.
Times are RFC 3339 in UTC. Headers, signature and retries: [Contracts](contracts.md#webhook).
"""
_JSON = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema() -> dict[str, Any]:
    """The JSON Schema of a message, either about an incident or a digest."""
    head = {"v": {"const": webhook.VERSION}}
    about = {
        **{name: {"type": type_, "description": says} for name, (type_, says) in BODY.items()},
        **head,
        "due_at": {"type": ["string", "null"], "format": "date-time", "description": BODY["due_at"][1]},
        "brief": _object(Brief, {"v": {"const": render.VERSION}}),
    }
    digest = {
        "v": {"const": 1},
        "headline": {"type": "string", "description": DIGEST["headline"]},
        "period": _object(Period),
        "sections": {"type": "array", "items": _object(Section)},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lightship webhook",
        "description": f"Version {webhook.VERSION}. Fields may be added within a version.",
        "oneOf": [
            {
                "title": "about an incident",
                "type": "object",
                "properties": about,
                "required": list(about),
            },
            {
                "title": "a digest",
                "type": "object",
                "properties": {
                    **head,
                    "dedup_key": {"type": "string", "description": BODY["dedup_key"][1]},
                    "kind": {"const": "digest"},
                    "digest": {"type": "object", "properties": digest, "required": list(digest)},
                },
                "required": ["v", "dedup_key", "kind", "digest"],
            },
        ],
    }


def _object(cls: type, more: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with the fields of a dataclass."""
    hints = typing.get_type_hints(cls)
    properties = dict(more or {})
    for f in fields(cls):
        properties[f.name] = {**_type(hints[f.name]), "description": FIELDS[cls.__name__][f.name]}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _type(hint: Any) -> dict[str, Any]:
    if hint is datetime:
        return {"type": "string", "format": "date-time"}
    if hint in _JSON:
        return {"type": _JSON[hint]}
    if isinstance(hint, type) and is_dataclass(hint):
        return _object(hint)
    arguments = typing.get_args(hint)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (inner,) = (a for a in arguments if a is not type(None))
        return {"anyOf": [_type(inner), {"type": "null"}]}
    return {"type": "array", "items": _type(arguments[0])}


def page() -> str:
    """The page, in Markdown."""
    lines = [HEAD]
    lines += _table("A message about an incident", ((n, t, says) for n, (t, says) in BODY.items()))
    lines += _tables(Brief, "`brief`")
    lines += _table(
        "A digest",
        (("headline", "string", DIGEST["headline"]), ("period", "object", ""), ("sections", "list", "")),
    )
    lines += [*_tables(Period, "`digest.period`"), *_tables(Section, "`digest.sections[]`")]
    return "\n".join(lines).rstrip("\n") + "\n"


def _tables(cls: type, heading: str) -> list[str]:
    """A table for a dataclass, and those of what stands in it."""
    hints = typing.get_type_hints(cls)
    rows, below = [], []
    for f in fields(cls):
        inner = next(iter(_inside(hints[f.name])), None)
        rows.append((f.name, _name(hints[f.name]), FIELDS[cls.__name__][f.name]))
        if inner is not None:
            suffix = "[]" if _name(hints[f.name]).startswith("list") else ""
            below += _tables(inner, f"{heading[:-1]}.{f.name}{suffix}`")
    return [*_table(heading, rows), *below]


def _inside(hint: Any) -> Iterator[type]:
    """Dataclasses in a type."""
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for argument in typing.get_args(hint):
        yield from _inside(argument)


def _name(hint: Any) -> str:
    """A type in words."""
    made = _type(hint)
    if "anyOf" in made:
        return f"{_named(made['anyOf'][0])} or null"
    return _named(made)


def _named(made: dict[str, Any]) -> str:
    if made["type"] == "array":
        return "list of objects" if made["items"]["type"] == "object" else f"list of {made['items']['type']}s"
    return "time" if made.get("format") == "date-time" else str(made["type"])


def _table(heading: str, rows: typing.Iterable[tuple[str, str, str]]) -> list[str]:
    cells = [f"| `{name}` | {type_} | {says} |" for name, type_, says in rows]
    return [f"## {heading}", "", "| field | type | meaning |", "|---|---|---|", *cells, ""]


def main() -> None:
    """Write both files."""
    FILE.write_text(json.dumps(schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
