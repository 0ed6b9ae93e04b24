"""The pictures of the documentation are drawn by the engine of today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.pictures import FOLDER, PICTURES

PAGE = FOLDER.parent / "decides.md"
NAMES = sorted(PICTURES)


def _words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_says_what_the_engine_says(name: str) -> None:
    """Words, with the numbers in them, not strokes: those may differ by the last digit of another machine."""
    kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert len(kept) < 32_768
    assert _words(PICTURES[name]()) == _words(kept), "run python -m bench.pictures"


def test_all_pictures_are_shown_and_no_other_exist() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert sorted(p.stem for p in Path(FOLDER).iterdir()) == NAMES
    assert all(f"](pictures/{name}.svg)" in page for name in NAMES)
