"""What each score reads, what it is for, and where it stands in public taxonomies.

Frameworks: OWASP Top 10 for LLM applications (2025), MLCommons AILuminate hazards (1.0), NIST AI 600-1 risks
(2024). The table is ``taxonomy.toml``, which has a version; every score of the registry has a row in it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("taxonomy.toml")

READS = (
    "prompt", "output", "system_prompt", "context", "tool_result", "tool_call", "call", "trace",
    "conversation",
)  # fmt: skip
MODALITIES = ("text", "image", "audio", "mixed")
COSTS = ("stream", "sampled", "external")


@dataclass(frozen=True, slots=True)
class Place:
    """What one score reads, of calls of which modalities (empty: any), and what kind of work it takes.

    ``owasp``, ``mlcommons`` and ``nist`` are titles of what it measures, OWASP's with their numbers.
    """

    reads: tuple[str, ...]
    modalities: tuple[str, ...]
    cost: str
    owasp: tuple[str, ...] = ()
    mlcommons: tuple[str, ...] = ()
    nist: tuple[str, ...] = ()


@cache
def places() -> Mapping[str, Place]:
    """Every score of the table."""
    data = _data()
    return {name: _place(name, row, data) for name, row in data["score"].items()}


def place(score: str) -> Place | None:
    """Where a score stands; ``None`` for one that is not in the table, as a judgement or one's own."""
    return places().get(score)


def version() -> int:
    """Version of the table."""
    return int(_data()["version"])


@cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


def _place(name: str, row: Mapping[str, Any], data: Mapping[str, Any]) -> Place:
    found = Place(
        reads=tuple(row["reads"]),
        modalities=tuple(row.get("modalities", ())),
        cost=row.get("cost", "stream"),
        owasp=tuple(f"{number} {data['owasp'][number]}" for number in row.get("owasp", ())),
        mlcommons=tuple(data["mlcommons"][key] for key in row.get("mlcommons", ())),
        nist=tuple(data["nist"][key] for key in row.get("nist", ())),
    )
    if not found.reads or not set(found.reads) <= set(READS) or not set(found.modalities) <= set(MODALITIES):
        raise ValueError(f"taxonomy of {name!r}: reads {found.reads}, modalities {found.modalities}")
    if found.cost not in COSTS:
        raise ValueError(f"taxonomy of {name!r}: cost {found.cost!r} is none of {', '.join(COSTS)}")
    return found
