"""How the evidence against "nothing changed" grew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import altair as alt

from dashboard import formats
from dashboard.charts.change import Change
from dashboard.charts.frame import Drawing, chart, finish, instant, time_axis
from dashboard.charts.trend import Span
from dashboard.palette import Palette

HEIGHT = 150


def growth(
    points: Sequence[tuple[datetime, float]],
    threshold: float | None,
    palette: Palette,
    *,
    span: Span,
    changes: Sequence[Change],
) -> Drawing:
    """Line and area under it, the dashed threshold, and when findings were made; powers of ten."""
    rows = [{"time": instant(at), "value": value} for at, value in points]
    top = max([value for _, value in points] + [threshold or 0.0, 1.0]) * 1.15
    bottom = min(0.0, *(value for _, value in points))
    scale = alt.Scale(domain=[bottom, top], nice=False)
    x = time_axis(6, span.first, span.last)
    y = alt.Y("value:Q", scale=scale, axis=alt.Axis(title=None, tickCount=3))
    layers: list[alt.Chart] = [
        chart(rows).mark_area(color=palette.current, opacity=0.16).encode(x=x, y=y),
        chart(rows).mark_line(color=palette.current, strokeWidth=1.75).encode(x=x, y=y),
    ]
    if threshold is not None:
        at = chart([{"time": instant(span.first), "value": threshold}])
        words = f"threshold {formats.number(threshold, 1)}"
        layers += [
            at.mark_rule(color=palette.text, strokeDash=[4, 3]).encode(y=y),
            at.mark_text(align="left", baseline="bottom", dx=2, dy=-4, color=palette.muted).encode(
                x="time:T", y=y, text=alt.value(words)
            ),
        ]
    fired = [c.fired for c in changes if c.fired is not None and span.first <= c.fired <= span.last]
    if fired:
        marks = chart([{"time": instant(at), "said": f"found {at:%H:%M}"} for at in fired])
        layers += [
            marks.mark_rule(color=palette.text, strokeWidth=1.5).encode(x="time:T"),
            marks.mark_text(align="right", baseline="top", dx=-6, fontWeight=600, color=palette.text).encode(
                x="time:T", y=alt.value(2), text="said:N"
            ),
        ]
    last = points[-1][1]
    limit = f", the threshold is {formats.number(threshold, 1)}" if threshold is not None else ""
    most = formats.number(max(value for _, value in points), 1)
    return Drawing(
        finish(layers, palette, HEIGHT),
        f"Evidence over time as a power of ten: at most {most}, at the end {formats.number(last, 1)}{limit}.",
    )
