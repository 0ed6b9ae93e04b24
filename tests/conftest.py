"""Fixtures every room shares."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.places import strays

settings.register_profile("lightship", deadline=None)  # on a busy machine an example takes what it takes
settings.register_profile("quick", settings.get_profile("lightship"), max_examples=33)
settings.load_profile("lightship")

pytest_plugins = ["tests.embedded_pair"]

ROOT = Path(__file__).resolve().parent.parent


SERVERS = ("integration", "kafka", "browser", "chaos", "collector")
LEFT_OPEN = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""kafka-python leaves sockets of connections that were refused to the collector of cycles."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No test may lie where no stage of `tests.run` looks for it."""
    if lost := list(strays(items)):
        raise pytest.UsageError("\n".join(lost))
    for item in items:
        if any(item.get_closest_marker(name) for name in SERVERS):
            item.add_marker(LEFT_OPEN)


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the collector of cycles need not walk it time and again."""
    gc.freeze()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Directory of real prompts and outputs: ``LIGHTSHIP_DATA``, or the one beside the project."""
    named = os.environ.get("LIGHTSHIP_DATA")
    path = Path(named) if named else ROOT.parent / "shared" / "data"
    if not (path / "pool").is_dir():
        pytest.fail(f"no data in {path}: set LIGHTSHIP_DATA to a directory with a pool/ folder")
    return path
