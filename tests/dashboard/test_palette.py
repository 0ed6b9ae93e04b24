from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import dashboard
from dashboard.palette import DARK, LIGHT, STATES, Palette

THEME = tomllib.loads((Path(dashboard.__file__).parent / ".streamlit/config.toml").read_text())["theme"]
HUES = ("red", "orange", "violet", "blue", "green", "gray")


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two ``#rrggbb`` colours."""

    def luminance(color: str) -> float:
        channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("mode", "palette"), [("light", LIGHT), ("dark", DARK)])
def test_every_text_and_mark_is_readable_on_its_ground(mode: str, palette: Palette) -> None:
    colors: dict[str, Any] = THEME[mode]
    page, panel = colors["backgroundColor"], colors["secondaryBackgroundColor"]
    pairs = [
        ("text", colors["textColor"], page, 4.5),
        ("link", colors["linkColor"], page, 4.5),
        ("gray text", colors["grayTextColor"], page, 4.5),
        ("gray text on panel", colors["grayTextColor"], panel, 4.5),
        ("chart text", palette.muted, page, 4.5),
        ("chart labels", palette.changed, page, 4.5),
        ("release labels", palette.release, page, 4.5),
        ("baseline", palette.baseline, page, 3.0),
        ("current", palette.current, page, 3.0),
        ("primary button", palette.background, colors["primaryColor"], 4.5),
    ]
    pairs += [(f"{h} badge", colors[f"{h}TextColor"], colors[f"{h}BackgroundColor"], 4.5) for h in HUES]
    pairs += [(f"on {n}", palette.text, getattr(palette, n), 4.5) for n in ("better", "neutral", "worse")]
    assert [(n, round(contrast(a, b), 2)) for n, a, b, least in pairs if contrast(a, b) < least] == []


def test_the_page_behind_a_chart_is_the_charts_own_ground() -> None:
    assert (THEME["light"]["backgroundColor"], THEME["dark"]["backgroundColor"]) == (
        LIGHT.background,
        DARK.background,
    )


def test_states_differ_in_word_icon_and_shape_not_only_in_colour() -> None:
    for part in ("word", "icon", "glyph"):
        assert len({getattr(state, part) for state in STATES}) == len(STATES)


def test_the_theme_loads_nothing_from_elsewhere() -> None:
    assert all(face["url"].startswith("app/static/") for face in THEME["fontFaces"])
    static = Path(dashboard.__file__).parent / "static"
    assert all((static / face["url"].removeprefix("app/static/")).is_file() for face in THEME["fontFaces"])
