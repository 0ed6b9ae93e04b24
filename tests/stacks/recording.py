"""What a stack sent, as a recording of the suite that ``lightship decode --conformance`` reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from infra.kafka import LOGS
from tests.recordings import decode_bodies, said
from tests.stacks.site import Outcome
from tests.stacks.stack import COLUMNS

FAMILY = "stacks"
NOT_DONE = (
    "not given", "not asked", "not run", "there is none", "no argument for it", "the client knows none",
)  # fmt: skip
"""Beginnings of reasons for a column to be empty that lie with the application, not with what records it."""


def record(folder: Path, one: Outcome) -> None:
    """Put what a stack sent, and what was read of it, into the family ``stacks`` of a folder."""
    place = folder / FAMILY / one.stack.name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    bodies = tuple(
        (f"{number:02}.{'logs' if topic == LOGS.name else 'traces'}.binpb", body)
        for number, (topic, body) in enumerate(one.bodies, 1)
    )
    for name, body in bodies:
        (place / name).write_bytes(body)
    path = folder / f"{FAMILY}.json"
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[one.stack.name] = {**said(decode_bodies(bodies)), "made": one.asked, "did": did(one)}
    text = json.dumps(known, ensure_ascii=False, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def did(one: Outcome) -> list[str]:
    """The columns for which the application gave occasion: what arrived, and what is lost on the way."""
    lost = {column for column, why in one.stack.lacks.items() if not why.startswith(NOT_DONE)}
    return [column for column in COLUMNS if column in lost | one.has or column not in one.stack.lacks]
