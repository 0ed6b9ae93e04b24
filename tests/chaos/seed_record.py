"""Results of chaos seeds, one JSON line each, and the table of them.

The file is `RECORD`, or what ``LIGHTSHIP_CHAOS_RECORD`` names. A seed is written down as it ends, so that a
run that was broken off can go on with the rest (``python -m tests.chaos``).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.conftest import ROOT

RECORD = ROOT / "build" / "chaos.jsonl"
PASSED = "passed"
HEAD = ("broker", "seed", "interactions", "result", "seconds", "refused", "commit", "phases, in seconds")


@dataclass(frozen=True, slots=True)
class SeedRun:
    """One seed on one broker. ``result`` is `PASSED`, or how it failed in one line."""

    broker: str
    seed: int
    interactions: int
    result: str
    seconds: int
    refused: int
    """Requests that the senders had to repeat."""
    commit: str
    phases_s: Mapping[str, int] = field(default_factory=dict)
    disturbances: Mapping[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, doubled or changed."""
        return self.result == PASSED

    @property
    def place(self) -> tuple[str, int]:
        """Broker and seed."""
        return self.broker, self.seed


def record_file() -> Path:
    """Where results are kept."""
    return Path(os.environ.get("LIGHTSHIP_CHAOS_RECORD") or RECORD)


def append(run: SeedRun, path: Path) -> None:
    """Write one down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(run)) + "\n")


def read(path: Path) -> list[SeedRun]:
    """All that were written down, the oldest first; none if there is no such file."""
    if not path.exists():
        return []
    return [SeedRun(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def newest(runs: Sequence[SeedRun]) -> dict[tuple[str, int], SeedRun]:
    """The last result of each broker and seed."""
    return {run.place: run for run in runs}


def commit() -> str:
    """Short hash of what is checked out, with ``+`` if files differ from it; empty where there is none."""
    asked = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def table(runs: Sequence[SeedRun]) -> Iterator[str]:
    """Lines of equal columns."""
    rows: list[Sequence[str]] = [HEAD]
    for r in runs:
        phases = ", ".join(f"{name} {seconds}" for name, seconds in r.phases_s.items())
        cells = (r.broker, r.seed, r.interactions, r.result, r.seconds, r.refused, r.commit, phases)
        rows.append([str(cell) for cell in cells])
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
