"""Where tests of each kind lie, so that a stage of the test command collects only what it may run.

To collect all of them is ten seconds of a processor, and every worker of every stage does it for itself. The
check below runs whenever tests are collected: what lay elsewhere would be run by nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

TESTS = Path(__file__).resolve().parent

PLACES: Mapping[str, tuple[str, ...]] = {
    "integration": ("integration", "chaos", "data"),
    "chaos": ("chaos",),
    "kafka": ("integration", "chaos"),
    "alertmanager": ("integration",),
    "browser": ("browser",),
    "live": ("live",),
    "data": ("data", "ingest/test_importer.py"),
    "collector": ("integration",),
    "stacks": ("stacks",),
}
"""Folders and files under ``tests`` by the marker of what they need; all others need nothing."""
NOT_UNIT = tuple(sorted({place for places in PLACES.values() for place in places if "." not in place}))
"""Folders in which every test needs something."""


class Collected(Protocol):
    """What is asked of a collected test."""

    @property
    def nodeid(self) -> str:
        """Its name."""

    @property
    def path(self) -> Path:
        """Its file."""

    def get_closest_marker(self, name: str) -> object | None:
        """The mark of this name, if it has one."""


def paths(marker: str) -> tuple[str, ...]:
    """What to collect for the tests with a marker, from the root of the project."""
    return tuple(f"tests/{place}" for place in PLACES[marker])


def strays(items: Iterable[Collected]) -> Iterator[str]:
    """Tests that lie where no stage looks for them."""
    for item in items:
        marks = [marker for marker in PLACES if item.get_closest_marker(marker)]
        for marker in marks:
            if not any(item.path.is_relative_to(TESTS / place) for place in PLACES[marker]):
                yield f"{item.nodeid} is marked {marker} and lies in none of {', '.join(PLACES[marker])}"
        if not marks and any(item.path.is_relative_to(TESTS / place) for place in NOT_UNIT):
            yield f"{item.nodeid} has no marker, and lies where tests have one"
