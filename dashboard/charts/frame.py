"""What every chart shares: theme, size, axes, and the drawing with its alternative text.

The registered theme carries everything that does not depend on the mode (sizes, fonts, grid). Colours are
passed to each builder, because the theme registry belongs to the process while light or dark belongs to a
viewer. Stacked charts share a time axis by sharing `AXIS_WIDTH`, not by ``vconcat``, which does not stretch
to its container. Times enter with their zone written, so no browser's zone can move them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import altair as alt

from dashboard.measures.scale import Scale
from dashboard.palette import Palette

FONT = "Inter, sans-serif"
AXIS_WIDTH = 48
"""Pixels kept for y labels, so charts in one column line up."""
MAX_MARKS = 2_000
"""Rows a chart may hold; a browser stays quick below it."""

Row = Mapping[str, object]


class Drawing(NamedTuple):
    """A chart and what it says, for those who do not see it."""

    chart: alt.LayerChart
    alt: str


@alt.theme.register("lightship", enable=True)
def lightship_theme() -> alt.theme.ThemeConfig:
    """Sizes and fonts of every Lightship chart."""
    return alt.theme.ThemeConfig(
        config={
            "font": FONT,
            "view": {"stroke": None},
            "axis": {
                "labelFontSize": 12,
                "titleFontSize": 12,
                "titleFontWeight": 500,
                "labelPadding": 6,
                "ticks": False,
                "domain": False,
            },
            "axisX": {"grid": False, "labelFlush": True, "labelOverlap": "greedy"},
            "axisY": {
                "minExtent": AXIS_WIDTH,
                "maxExtent": AXIS_WIDTH,
                "tickCount": 4,
                "titleAngle": 0,
                "titleAlign": "left",
                "titleAnchor": "start",
            },
            "text": {"font": FONT, "fontSize": 12},
            "line": {"strokeWidth": 2, "strokeJoin": "round"},
            "legend": {"disable": True},
        }
    )


def instant(at: datetime) -> str:
    """A time as Vega reads it; in a scale's domain a number would be taken for something else."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def chart(rows: Sequence[Row]) -> alt.Chart:
    """A chart over rows given in place.

    Raises
    ------
    ValueError
        If there are more than `MAX_MARKS`: aggregate in the store first.
    """
    if len(rows) > MAX_MARKS:
        raise ValueError(f"{len(rows)} rows for one chart, at most {MAX_MARKS}: aggregate them in the store")
    values: Any = tuple(dict(row) for row in rows)  # a list would be copied, row by row, with every layer
    return alt.Chart(alt.InlineData(values=values))


def spec(drawn: alt.LayerChart) -> dict[str, Any]:
    """A chart as the browser is given it; not checked against Vega-Lite's schema, which tests do."""
    return dict(drawn.to_dict(validate=False))


def finish(layers: Sequence[alt.Chart | alt.LayerChart], palette: Palette, height: int) -> alt.LayerChart:
    """The chart of these layers, with the size, padding and mode colours that are the same for every chart.

    All is given at once: whatever is added to a chart, or said of it, copies it.
    """
    return alt.LayerChart(
        layer=list(layers),
        height=height,
        background="transparent",
        padding={"left": 0, "right": 8, "top": 4, "bottom": 6},
        config=alt.Config(
            axis=alt.AxisConfig(labelColor=palette.muted, titleColor=palette.muted, gridColor=palette.grid),
            view=alt.ViewConfig(stroke=None),
        ),
    )


def value_axis(scale: Scale, top: float) -> alt.Axis:
    """The y axis of values from 0 to ``top``, written by ``scale``."""
    decimals = 0 if top >= 0.04 else 1 if top >= 0.004 else 2
    return alt.Axis(format=f".{decimals}%" if scale.share else "~s", title=None)


def time_axis(labels: int, first: datetime, last: datetime) -> alt.X:
    """A UTC time axis from ``first`` to ``last`` with about ``labels`` round times or days."""
    hours = (last - first).total_seconds() / 3600
    return alt.X(
        "time:T",
        title=None,
        scale=alt.Scale(type="utc", nice=False, domain=[instant(first), instant(last)]),
        axis=alt.Axis(
            format="%H:%M" if hours <= 20 else "%a %H:%M" if hours <= 130 else "%d %b", tickCount=labels
        ),
    )
