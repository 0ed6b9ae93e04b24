"""Names are words that this field already has: files, packages and classes of the product."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("alerts", "dashboard", "detectors", "infra", "ingest")

SAY = {
    "said told tell hears spoken voice": "reported, notified, emitted, receives",
    "desk book": "incident service, incident state",
    "held keeper": "legal hold, evidence retention",
    "fold": "aggregate",
    "trail": "history",
    "twins": "duplicates",
    "people": "user cap, rate cap",
    "several": "multi-service",
    "grants spending doubt": "budget allocation, budget use, trust penalty",
    "doors door": "listeners, endpoints",
    "room rooms": "package, process, disk space",
    "own": "custom, internal",
    "pulse tether standing garden": "heartbeat, parent watch, status, example tree",
    "lacks glance": "missing instrumentation, overview",
    "odd": "outlier",
    "taken": "acknowledged",
    "lead": "primary finding",
    "echo": "correlated finding",
    "judgeable unmet met": "evaluation target, unmatched, matched",
    "obeyed hush bury": "applied, suppress, dead letter",
    "guarded sweep wander": "rate-limited, retention, drift in mean",
    "siblings": "pooled series",
    "util utils helper helpers manager common misc": "what it is",
}
"""Words that are not used, and what is said instead."""
INSTEAD = {word: say for words, say in SAY.items() for word in words.split()}


def words_of(name: str) -> list[str]:
    """The words of an identifier in snake or camel case."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def names() -> Iterator[tuple[str, str]]:
    """File and package names, and names of classes, each with its place."""
    for path in files():
        place = str(path.relative_to(ROOT))
        yield path.parent.name if path.name == "__init__.py" else path.stem, place
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield node.name, f"{place}:{node.lineno}"


def test_files_and_classes_have_names_of_this_field() -> None:
    found = [
        f"{place}: {name} ({word}: say {INSTEAD[word]})"
        for name, place in names()
        for word in words_of(name)
        if word in INSTEAD
    ]
    assert found == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("incident_state", ["incident", "state"]),
        ("TLSFront", ["tls", "front"]),
        ("OtlpDoor2", ["otlp", "door"]),
    ],
)
def test_an_identifier_is_read_word_by_word(name: str, words: list[str]) -> None:
    assert words_of(name) == words
