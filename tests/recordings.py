"""Recorded OTLP request bodies of real instrumentations, and what a careful reader takes from each group.

A group is what one run of one application sent. ``fixtures/otlp/<family>.zip`` holds its bodies as
``<group>/<number>.<signal>.binpb`` (or ``.json``), ``<family>.json`` what is expected of them, as
`ingest.operations.files.conformance` reads it: the lines that ``decode --raw`` gives, without empty fields,
and what the application gave occasion for. ``captures.manifest.json`` is what the captures came with. All
people in them are invented. ``python -m tests.recordings`` writes the expectations anew, to be read before
they are committed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ingest.operations.files.conformance import COLUMNS
from ingest.operations.files.decode import Decoded, decode_files

FOLDER = Path(__file__).resolve().parent / "fixtures" / "otlp"
CAPTURES = "captures"
_LEFT_OUT = frozenset(
    ("interaction_id", "trace_id", "start", "duration_s", "time_to_first_chunk_s", "tenant", "lineage",
     "service", "environment", "service_version", "release", "system_prompt_hash", "redactions",
     "tool_definitions", "request_parameters", "dialect", "trace_name")
)  # fmt: skip


@dataclass(frozen=True)
class Group:
    """What one run sent: names and bodies of its requests."""

    family: str
    name: str
    bodies: tuple[tuple[str, bytes], ...]

    def decode(self, *, raw: bool = True) -> Decoded:
        """Its bodies decoded as one run."""
        return decode_bodies(self.bodies, raw=raw)


def decode_bodies(bodies: tuple[tuple[str, bytes], ...], *, raw: bool = True) -> Decoded:
    """Bodies decoded from files, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, (name, body) in enumerate(bodies):
            paths.append(Path(folder) / f"{number}.{name}")
            paths[-1].write_bytes(body)
        return decode_files(paths, raw=raw)


@cache
def families() -> tuple[str, ...]:
    """Names of the families, sorted."""
    return tuple(sorted(p.stem for p in FOLDER.glob("*.zip")))


@cache
def groups() -> Mapping[str, Group]:
    """Every group by its name."""
    out: dict[str, Group] = {}
    for family in families():
        bodies: dict[str, list[tuple[str, bytes]]] = {}
        with zipfile.ZipFile(FOLDER / f"{family}.zip") as packed:
            for name in sorted(packed.namelist()):
                group, _, file = name.partition("/")
                bodies.setdefault(group, []).append((file, packed.read(name)))
        out |= {name: Group(family, name, tuple(found)) for name, found in bodies.items()}
    return out


@cache
def manifest() -> Mapping[str, dict[str, Any]]:
    """What the captures came with, by group."""
    tree = json.loads((FOLDER / f"{CAPTURES}.manifest.json").read_text(encoding="utf-8"))
    return {c["group"]: c for c in tree["captures"]}


@cache
def expected(family: str) -> dict[str, Any]:
    """Expectations of a family, by group."""
    found: dict[str, Any] = json.loads((FOLDER / f"{family}.json").read_text(encoding="utf-8"))
    return found


def said(decoded: Decoded) -> dict[str, Any]:
    """What is compared of a decoded group."""
    lines = [
        {k: v for k, v in sorted(line.items()) if k not in _LEFT_OUT and v not in (None, [], {}, False, 0)}
        for line in decoded.lines
    ]
    return {"interactions": lines, "other_spans": decoded.summary.other_spans}


_OCCASIONS = {
    "tools": ("tool",),
    "error": ("err", "e429", "error429", "error529"),
    "streaming": ("stream",),
    "agent": ("agent",),
}
"""What a group's name says that its application did, by the column in which it should show."""
_HIDING = ("hidden", "hidetext", "noinput", "-none__", "-short__")
"""In the names of groups whose application kept texts to itself, or cut them."""
_UNCOUNTED = frozenset(("image", "speech", "transcription"))
"""Operations of which providers count no tokens."""


def occasions(group: Group) -> list[str]:
    """The columns for which the application of a group gave occasion, and its provider."""
    name = group.name.partition("__")[2].lower().replace("tool_result", "").replace("toolres", "")
    hides = any(hiding in group.name.lower() for hiding in _HIDING)
    found = {c for c, words in _OCCASIONS.items() if any(word in name for word in words)}
    answered = [line for line in group.decode().lines if line["error"] is None]
    if answered and not hides:
        found.add("text")
    if any(line["operation"] not in _UNCOUNTED for line in answered):
        found.add("tokens")
    if hides:
        found.discard("tools")
    if group.family == CAPTURES:
        calls = manifest()[group.name]["expect"]["interactions"]
        told = [{**call, **call.get("on_ancestor_span", {})} for call in calls]
        named = {"user": ("user_id", "user.id"), "session": ("conversation_id", "gen_ai.conversation.id")}
        found |= {c for c, keys in named.items() if any(call.get(k) for call in told for k in keys)}
    return [column for column in COLUMNS if column in found]


def expectation(group: Group) -> dict[str, Any]:
    """What is expected of a group from now on."""
    out = {**said(group.decode()), "did": occasions(group)}
    if group.family == CAPTURES:
        told = manifest()[group.name]["instrumentation"]
        out |= {"instrumentation": told["name"], "version": told["version"]}
    return out


def main() -> None:
    """Write the expectations of every family."""
    for family in families():
        found = {g.name: expectation(g) for g in groups().values() if g.family == family}
        text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True)
        (FOLDER / f"{family}.json").write_text(text + "\n", encoding="utf-8")
        sys.stdout.write(f"{family}: {len(found)} groups\n")


if __name__ == "__main__":
    main()
