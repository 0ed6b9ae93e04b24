"""No test lies where no stage of the test command looks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.places import NOT_UNIT, TESTS, paths, strays


@dataclass(frozen=True)
class Item:
    """A collected test."""

    at: str
    marks: frozenset[str] = field(default_factory=frozenset)

    @property
    def nodeid(self) -> str:
        return self.at

    @property
    def path(self) -> Path:
        return TESTS / self.at

    def get_closest_marker(self, name: str) -> object | None:
        return name if name in self.marks else None


@pytest.mark.parametrize(
    ("at", "marks"),
    [
        ("ingest/test_relay.py", {"integration"}),
        ("integration/test_relay.py", {"integration", "browser"}),
        ("integration/test_relay.py", ()),
    ],
)
def test_what_nobody_would_run_is_named(at: str, marks: set[str]) -> None:
    (said,) = strays([Item("ingest/test_relay.py"), Item(at, frozenset(marks))])
    assert said.startswith(at)


def test_what_somebody_runs_is_left_in_peace() -> None:
    here = [Item("integration/test_relay.py", frozenset({"integration", "kafka"})), Item("test_house.py")]
    assert list(strays([*here, Item("ingest/test_importer.py", frozenset({"data"}))])) == []


def test_what_is_named_is_there() -> None:
    root = TESTS.parent
    assert all((root / path).exists() for marker in ("integration", "data", "live") for path in paths(marker))
    assert all((TESTS / place).is_dir() for place in NOT_UNIT)
