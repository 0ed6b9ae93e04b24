"""Pages by week: how many, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from dashboard import formats
from dashboard.charts.frame import Drawing, chart, finish
from dashboard.palette import Palette
from dashboard.tables.oncall import PageWeek

ACTED, IGNORED, FALSE = "acted on", "no action", "false alarm"


def by_week(weeks: Sequence[PageWeek], palette: Palette) -> Drawing:
    """Stacked bars on whole numbers; false alarms lie at the bottom, where it can be compared."""
    parts = ((FALSE, "false"), (ACTED, "acted"), (IGNORED, "ignored"))
    rows = [
        {
            "week": formats.short_day(w.week),
            "what": what,
            "pages": getattr(w, name),
            "order": order,
            "all": w.pages,
        }
        for w in weeks
        for order, (what, name) in enumerate(parts)
    ]
    most = max((w.pages for w in weeks), default=0)
    x = alt.X(
        "week:N",
        title=None,
        sort=[formats.short_day(w.week) for w in weeks],
        axis=alt.Axis(labelAngle=0, labelOverlap="greedy"),
        scale=alt.Scale(paddingInner=0.6, paddingOuter=0.3),
    )
    y = alt.Y(
        "pages:Q",
        title=None,
        stack="zero",
        scale=alt.Scale(domain=[0, max(4, most + 1)], nice=False),
        axis=alt.Axis(format="d", tickCount=min(4, max(2, most)), tickMinStep=1),
    )
    color = alt.Color(
        "what:N",
        scale=alt.Scale(
            domain=[FALSE, ACTED, IGNORED], range=[palette.changed, palette.current, palette.baseline]
        ),
    )
    tooltip = [alt.Tooltip("week:N", title="week of"), alt.Tooltip("what:N"), alt.Tooltip("pages:Q")]
    bars = (
        chart(rows)
        .mark_bar(opacity=0.85)
        .encode(x=x, y=y, color=color, order=alt.Order("order:Q"), tooltip=tooltip)
    )
    totals = [{"week": formats.short_day(w.week), "pages": w.pages} for w in weeks if w.pages]
    layers = [bars]
    if totals:
        layers.append(
            chart(totals)
            .mark_text(dy=-8, color=palette.text)
            .encode(x=x, y=alt.Y("pages:Q", stack=None), text="pages:Q")
        )
    told = sum(w.pages for w in weeks)
    return Drawing(
        finish(layers, palette, 180),
        f"Pages in {len(weeks)} weeks: {told}, of which {sum(w.false for w in weeks)} {FALSE}s, "
        f"{sum(w.acted for w in weeks)} {ACTED}, {sum(w.ignored for w in weeks)} with {IGNORED}.",
    )
