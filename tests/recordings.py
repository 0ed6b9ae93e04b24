"""Recorded OTLP request bodies of real instrumentations, and what a careful reader takes from each group.

A group is what one run of one application sent. ``fixtures/otlp/<family>.zip`` holds its bodies as
``<group>/<number>.<signal>.binpb`` (or ``.json``), ``<family>.json`` what is expected of them: of
``captures`` the manifest they came with, of the others the lines that ``decode --raw`` gives, without empty
fields. All people in them are invented. ``python -m tests.recordings`` writes the lines anew, to be read
before they are committed.
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

from ingest.files.decode import Decoded, decode_files

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
    tree = json.loads((FOLDER / f"{CAPTURES}.json").read_text(encoding="utf-8"))
    return {c["group"]: c for c in tree["captures"]}


@cache
def expected(family: str) -> dict[str, Any]:
    """Expectations of a family that is not `CAPTURES`, by group."""
    found: dict[str, Any] = json.loads((FOLDER / f"{family}.json").read_text(encoding="utf-8"))
    return found


def said(decoded: Decoded) -> dict[str, Any]:
    """What is compared of a decoded group."""
    lines = [
        {k: v for k, v in sorted(line.items()) if k not in _LEFT_OUT and v not in (None, [], {}, False, 0)}
        for line in decoded.lines
    ]
    return {"interactions": lines, "other_spans": decoded.summary.other_spans}


def own() -> list[Group]:
    """Groups that are not of the captures."""
    return [g for g in groups().values() if g.family != CAPTURES]


def main() -> None:
    """Write the expectations of every family but the captures."""
    for family in families():
        if family == CAPTURES:
            continue
        found = {g.name: said(g.decode()) for g in own() if g.family == family}
        text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True)
        (FOLDER / f"{family}.json").write_text(text + "\n", encoding="utf-8")
        sys.stdout.write(f"{family}: {len(found)} groups\n")


if __name__ == "__main__":
    main()
