"""Small line charts as SVG text: panels one under another over one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WIDTH, HEIGHT, GAP, LEFT, TOP, RIGHT = 760, 150, 40, 56, 30, 14
MOST_POINTS = 240
INK, FAINT, LINE, ALARM, BAND = "#0f1728", "#7c879a", "#2457d6", "#cc3d0a", "#e9ecf2"


@dataclass(slots=True)
class Panel:
    """Lines, rules and bands in the unit of ``y``; ``x`` runs over ``span``."""

    title: str
    span: tuple[float, float]
    range: tuple[float, float]
    marks: list[str] = field(default_factory=list)

    def x(self, x: float) -> float:
        """Where a moment lies, in the picture's unit."""
        low, high = self.span
        return LEFT + (x - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def _y(self, y: float) -> float:
        low, high = self.range
        return HEIGHT - (min(max(y, low), high) - low) / (high - low) * HEIGHT

    def line(self, x: Floats, y: Floats, colour: str = LINE, width: float = 1.4) -> None:
        """A line through at most `MOST_POINTS` points: of each stretch its last one."""
        at = np.unique(np.linspace(0, len(x) - 1, min(MOST_POINTS, len(x))).astype(int))
        dots = " ".join(f"{self.x(x[i]):.1f},{self._y(y[i]):.1f}" for i in at)
        self.marks.append(f'<polyline points="{dots}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def dots(self, x: Sequence[float], y: Sequence[float], colour: str = ALARM) -> None:
        """Circles."""
        for a, b in zip(x, y, strict=True):
            self.marks.append(f'<circle cx="{self.x(a):.1f}" cy="{self._y(b):.1f}" r="4" fill="{colour}"/>')

    def band(self, low: float, high: float, label: str = "", colour: str = BAND) -> None:
        """A stretch of time."""
        left, right = self.x(low), self.x(high)
        self.marks.append(
            f'<rect x="{left:.1f}" width="{max(right - left, 1):.1f}" height="{HEIGHT}" fill="{colour}"/>'
        )
        self._text(left + 5, 14, label)

    def level(self, y: float, label: str, colour: str = ALARM) -> None:
        """A horizontal rule."""
        at = self._y(y)
        self.marks.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="{colour}" '
            'stroke-dasharray="5 4"/>'
        )
        self._text(WIDTH - RIGHT, at - 5, label, colour, "end")

    def rule(self, x: float, label: str = "", colour: str = ALARM, row: int = 0) -> None:
        """A moment."""
        at = self.x(x)
        self.marks.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y2="{HEIGHT}" stroke="{colour}"/>')
        end = at > 0.7 * WIDTH
        self._text(at + (-5 if end else 5), 14 + 15 * row, label, colour, "end" if end else "start")

    def _text(self, x: float, y: float, text: str, colour: str = INK, anchor: str = "start") -> None:
        if text:
            self.marks.append(
                f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'
            )

    def svg(self, ticks: Sequence[float]) -> str:
        """The panel with its axes; ``ticks`` are labelled on the left."""
        labels = "".join(
            f'<text x="{LEFT - 6}" y="{self._y(t) + 4:.1f}" text-anchor="end" fill="{FAINT}">{t:g}</text>'
            for t in ticks
        )
        frame = (
            f'<text x="{LEFT}" y="-8" font-weight="600" fill="{INK}">{escape(self.title)}</text>'
            f'<path d="M{LEFT} 0V{HEIGHT}H{WIDTH - RIGHT}" fill="none" stroke="{FAINT}"/>'
        )
        return "".join(self.marks) + frame + labels


def chart(panels: Sequence[tuple[Panel, Sequence[float]]], about: str) -> str:
    """Panels one under another, days below; ``about`` is what a reader who cannot see it is told."""
    low, high = panels[0][0].span
    days = np.arange(np.ceil(low), high + 1e-9, max(1.0, round((high - low) / 14)))
    height = TOP + len(panels) * (HEIGHT + GAP) + 8
    body = "".join(
        f'<g transform="translate(0 {TOP + i * (HEIGHT + GAP)})">{panel.svg(ticks)}</g>'
        for i, (panel, ticks) in enumerate(panels)
    )
    foot = height - GAP + 10
    axis = "".join(
        f'<text x="{panels[0][0].x(d):.1f}" y="{foot}" text-anchor="middle" fill="{FAINT}">{d:g}</text>'
        for d in days
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12"><title>{escape(about)}</title>'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{body}{axis}'
        f'<text x="{WIDTH - RIGHT}" y="{height - 4}" text-anchor="end" fill="{FAINT}">days</text></svg>\n'
    )
