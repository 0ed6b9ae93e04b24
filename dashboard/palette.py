"""Colours and state words: the one place where either is decided.

Widgets take their colours from ``.streamlit/config.toml``; charts take theirs from here. Both hold the same
values, because Streamlit hands no theme colour to Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BadgeColor = Literal["red", "orange", "violet", "blue", "green", "gray"]


@dataclass(frozen=True, slots=True)
class Palette:
    """Chart colours of one mode; a role, never a hue, names each."""

    background: str
    text: str
    muted: str
    grid: str
    baseline: str
    current: str
    changed: str
    release: str
    better: str
    neutral: str
    worse: str


LIGHT = Palette(
    background="#ffffff",
    text="#0f1728",
    muted="#535e70",
    grid="#e9ecf2",
    baseline="#7c879a",
    current="#2457d6",
    changed="#cc3d0a",
    release="#6b34b8",
    better="#6aaedb",
    neutral="#eef1f5",
    worse="#f0905f",
)

DARK = Palette(
    background="#0d1320",
    text="#e8ecf4",
    muted="#a4b0c3",
    grid="#1e2739",
    baseline="#8c98ad",
    current="#7ea3ff",
    changed="#ff8a5c",
    release="#cfb0ff",
    better="#1c649e",
    neutral="#1d2638",
    worse="#a8421a",
)


@dataclass(frozen=True, slots=True)
class State:
    """A state as people see it: word, icon, badge colour, and a glyph of its own shape for grids."""

    word: str
    icon: str
    color: BadgeColor
    glyph: str

    @property
    def label(self) -> str:
        """Glyph and word, for places that draw text only."""
        return f"{self.glyph} {self.word}"


PAGE = State("Page", ":material/notifications_active:", "red", "▲")
TICKET = State("Ticket", ":material/confirmation_number:", "orange", "◆")
FAILED = State("Error", ":material/error:", "orange", "✗")
NO_DATA = State("No data", ":material/cloud_off:", "gray", "□")
PENDING = State("Pending", ":material/hourglass_top:", "violet", "◇")
RECOVERING = State("Recovering", ":material/trending_down:", "blue", "↘")
LEARNING = State("Learning", ":material/school:", "gray", "○")
OK = State("OK", ":material/check:", "green", "✓")

STATES = (PAGE, TICKET, FAILED, NO_DATA, PENDING, RECOVERING, LEARNING, OK)
"""Most urgent first."""
