"""Imports of real records in which something changes, or nothing does, at a time that is known."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ingest.operations.importing.importer import ImportJob
from ingest.operations.importing.options import read_plan

SERVICE = "shop-assistant"
START = datetime(2026, 9, 1, tzinfo=UTC)
CHANGE = datetime(2026, 9, 15, tzinfo=UTC)
"""Two weeks are learned, then something changes."""

BEFORE, AFTER = 4000, 2000
"""Interactions on either side."""
FLAPS = 1080
"""Interactions while models take turns: 15 an hour."""

REFUSALS = ("xstest_completions", "mistralinstruct", "llama2orig")
REPETITION = ("self_instruct_human_eval", "text-davinci-003_predictions", "davinci_predictions")
"""A source, the model that is learned, and the model that follows."""
SECRETS = "synth_secrets"
PLANTED = 0.02


@dataclass(frozen=True, slots=True)
class Import:
    """One call of ``lightship import``; ``more``: another follows into the same lineage."""

    path: Path
    start: datetime
    days: int
    seed: int
    draw: int | None = None
    where: tuple[str, str] | None = None
    more: bool = False
    maps: tuple[str, ...] = ()

    def job(self, lineage: str) -> ImportJob:
        """The import as the command makes it."""
        plan = read_plan(
            SERVICE,
            model_from="labels.model",
            start=self.start.isoformat(),
            span=f"{self.days}d",
            seed=self.seed,
            draw=self.draw,
            maps=self.maps,
            where=["=".join(self.where)] if self.where else [],
        )
        return ImportJob((self.path,), plan, lineage=lineage, more=self.more)

    def arguments(self, lineage: str) -> list[str]:
        """The command line."""
        optional = [
            *(("--draw", str(self.draw)) if self.draw else ()),
            *(("--where", "=".join(self.where)) if self.where else ()),
            *(("--more",) if self.more else ()),
            *(word for one in self.maps for word in ("--map", one)),
        ]
        return [
            "import", str(self.path), "--service", SERVICE, "--model-from", "labels.model",
            "--start", self.start.isoformat(), "--span", f"{self.days}d", "--seed", str(self.seed),
            "--lineage", lineage, *optional, "--json",
        ]  # fmt: skip


def pool(data_dir: Path, source: str) -> Path:
    """File of a source."""
    return data_dir / "pool" / f"{source}.jsonl.gz"


def of_model(data_dir: Path, source: str, model: str, seed: int = 0) -> Import:
    """All records of one model."""
    return Import(pool(data_dir, source), START, 1, seed, where=("labels.model", model))


def model_change(data_dir: Path, change: tuple[str, str, str], seed: int) -> Sequence[Import]:
    """4,000 answers of one model over 14 days, then 2,000 of another over 7."""
    source, before, after = change
    path = pool(data_dir, source)
    return (
        Import(path, START, 14, 2 * seed, BEFORE, ("labels.model", before), more=True),
        Import(path, CHANGE, 7, 2 * seed + 1, AFTER, ("labels.model", after)),
    )


def rolled_back(data_dir: Path, change: tuple[str, str, str], seed: int) -> Sequence[Import]:
    """Another model for two days, then the first one again."""
    source, before, after = change
    path, back = pool(data_dir, source), CHANGE + timedelta(days=2)
    return (
        Import(path, START, 14, 3 * seed, BEFORE, ("labels.model", before), more=True),
        Import(path, CHANGE, 2, 3 * seed + 1, AFTER // 4, ("labels.model", after), more=True),
        Import(path, back, 7, 3 * seed + 2, AFTER, ("labels.model", before)),
    )


def flapping(data_dir: Path, made: Path, change: tuple[str, str, str], seed: int) -> Sequence[Import]:
    """From a time on the two models take turns, each for two hours, for three days."""
    source, before, after = change
    path = pool(data_dir, source)
    rows = _rows(path)
    of = [[r for r in rows if r["labels"]["model"] == model] for model in (after, before)]
    draw = random.Random(seed)
    turns = [draw.choice(of[n * 36 // FLAPS % 2]) for n in range(FLAPS)]
    mixed = _written(made / f"flapping-{seed}.jsonl", turns)
    return (
        Import(path, START, 14, 2 * seed, BEFORE, ("labels.model", before), more=True),
        Import(mixed, CHANGE, 3, 2 * seed + 1),
    )


def one_model(data_dir: Path, source: str, model: str, seed: int) -> Sequence[Import]:
    """6,000 answers of one model over 21 days."""
    return (Import(pool(data_dir, source), START, 21, seed, BEFORE + AFTER, ("labels.model", model)),)


def no_secrets(data_dir: Path, seed: int) -> Sequence[Import]:
    """6,000 answers without secrets, many of which look as if they had some."""
    return (Import(pool(data_dir, SECRETS), START, 21, seed, BEFORE + AFTER, ("labels.secret", "0")),)


def planted_secrets(data_dir: Path, made: Path, seed: int) -> Sequence[Import]:
    """4,000 answers without secrets, then 2,000 of which 2 % have one, from a file put in ``made``."""
    path = pool(data_dir, SECRETS)
    rows = _rows(path)
    sides = [[r for r in rows if r["labels"]["secret"] == secret] for secret in (0, 1)]
    draw = random.Random(seed)
    chosen = [draw.choice(sides[draw.random() < PLANTED]) for _ in range(AFTER)]
    mixed = _written(made / f"secrets-{seed}.jsonl", chosen)
    return (
        Import(path, START, 14, 2 * seed, BEFORE, ("labels.secret", "0"), more=True),
        Import(mixed, CHANGE, 7, 2 * seed + 1),
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _written(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path
