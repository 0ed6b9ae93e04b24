"""Two levels with their intervals, one over the other: all the shape a flag has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt

from dashboard.charts.frame import Drawing, chart, finish, value_axis
from dashboard.measures.scale import Scale
from dashboard.palette import Palette

LABELS = 96
"""Pixels kept for the names of the sides."""


class Side(NamedTuple):
    """A level with its interval, its name, and how many outputs it rests on."""

    name: str
    value: float
    low: float
    high: float
    n: int


def level_pair(reference: Side, current: Side, palette: Palette, scale: Scale, *, moved: bool) -> Drawing:
    """A dot and its interval for each side, on one axis from zero."""
    sides: Sequence[Side] = (reference, current)
    top = max(side.high for side in sides) * 1.12 or 1.0
    strong = palette.changed if moved else palette.current
    rows = [{**side._asdict(), "said": scale.words(side.value)} for side in sides]
    names = [side.name for side in sides]
    x_scale = alt.Scale(domain=[0, top], nice=False)
    axis = value_axis(scale, top)
    axis.grid = True
    axis.tickCount = 3
    axis.labelFlush = False
    x = alt.X("value:Q", scale=x_scale, axis=axis)
    y = alt.Y(
        "name:N",
        sort=names,
        title=None,
        axis=alt.Axis(minExtent=LABELS, maxExtent=LABELS, labelColor=palette.text),
    )
    color = alt.Color("name:N", scale=alt.Scale(domain=names, range=[palette.baseline, strong]))
    tooltip = [
        alt.Tooltip("name:N"),
        alt.Tooltip("value:Q", format=scale.number),
        alt.Tooltip("low:Q", format=scale.number),
        alt.Tooltip("high:Q", format=scale.number),
        alt.Tooltip("n:Q", format=","),
    ]
    rules = (
        chart(rows)
        .mark_rule(strokeWidth=3, opacity=0.5)
        .encode(x=alt.X("low:Q", scale=x_scale), x2="high:Q", y=y, color=color)
    )
    dots = chart(rows).mark_circle(size=110, opacity=1).encode(x=x, y=y, color=color, tooltip=tooltip)
    words = chart(rows).mark_text(dy=-14, fontWeight=500).encode(x=x, y=y, text="said:N", color=color)
    spans = [
        f"{s.name} {scale.words(s.value)} ({scale.words(s.low)} to {scale.words(s.high)})" for s in sides
    ]
    return Drawing(finish([rules, dots, words], palette, 190), f"{'; '.join(spans)}.")
