"""The pictures of the documentation are drawn by the engine of today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.pictures import FOLDER, PICTURES
from tests.at_length import at_length

PAGE = FOLDER.parent / "decides.md"
NAMES = sorted(PICTURES)


def _words(svg: str) -> list[str]:
    return [re.sub(r"[\d.]+", "#", text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


@pytest.mark.parametrize("name", at_length(NAMES))
def test_a_picture_tells_the_same_story_today(name: str) -> None:
    """The same findings under the same words; delays in them may have changed with the engine."""
    kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert len(kept) < 32_768
    assert _words(PICTURES[name]()) == _words(kept), "run python -m bench.pictures"


def test_all_pictures_are_shown_and_no_other_exist() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert sorted(p.stem for p in Path(FOLDER).glob("*.svg")) == NAMES
    assert all(f"](pictures/{name}.svg)" in page for name in NAMES)
    screens = (FOLDER.parent / "analysis.md").read_text(encoding="utf-8")
    assert all(f"](pictures/{p.name})" in screens for p in Path(FOLDER).glob("*.png"))
    assert {p.suffix for p in Path(FOLDER).iterdir()} == {".svg", ".png"}
