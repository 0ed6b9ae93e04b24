"""A change at a glance: the card-sized drawing of the fleet page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import altair as alt

from dashboard import formats
from dashboard.charts.change import Tick
from dashboard.charts.frame import Drawing, chart, finish, instant, time_axis
from dashboard.measures.intervals import Interval
from dashboard.measures.scale import Scale
from dashboard.palette import Palette


def overview(
    ticks: Sequence[Tick],
    since: datetime,
    band: Interval,
    palette: Palette,
    *,
    ends: datetime,
    silent: bool,
    scale: Scale,
) -> Drawing:
    """A card-sized change chart: band, line, a rule at ``since``; silence is drawn as silence."""
    first = ticks[0].time
    x = time_axis(3, first, ends)
    values = [t.value for t in ticks] + [band.low, band.high]
    pad = 0.06 * (max(values) - min(values)) or 0.01
    y_scale = alt.Scale(domain=[max(0.0, min(values) - pad), max(values) + pad], nice=False)
    axis = alt.Axis(
        format=_glance_format(scale, max(values) - min(values)),
        title=None,
        tickCount=3,
        minExtent=34,
        maxExtent=34,
    )
    y = alt.Y("value:Q", scale=y_scale, axis=axis)
    rows = [{"time": instant(t.time), "value": t.value} for t in ticks]
    outside = [
        {"time": instant(t.time), "value": t.value}
        for t in ticks
        if t.time >= since and band.excludes(t.value)
    ]
    edges = [{"time": instant(at), "low": band.low, "high": band.high} for at in (first, ends)]
    shade = (
        chart(edges)
        .mark_area(color=palette.baseline, opacity=0.18)
        .encode(x=x, y=alt.Y("low:Q", scale=y_scale, axis=axis), y2="high:Q")
    )
    line = chart(rows).mark_line(color=palette.baseline, strokeWidth=1.5).encode(x=x, y=y)
    start = chart([{"time": instant(since)}])
    if silent:
        late = (since - first) > 0.6 * (ends - first)
        rule = start.mark_rule(color=palette.text, strokeDash=[3, 3]).encode(x="time:T")
        words = start.mark_text(
            align="right" if late else "left",
            dx=-8 if late else 8,
            color=palette.text,
            fontWeight=500,
        ).encode(x="time:T", text=alt.value(f"no data since {since:%H:%M}"))
        layers = [shade, line, rule, words]
    else:
        layers = [shade, line, start.mark_rule(color=palette.changed).encode(x="time:T")]
        if outside:
            layers.append(
                chart(outside).mark_circle(color=palette.changed, size=30, opacity=1).encode(x=x, y=y)
            )
    return Drawing(
        finish(layers, palette, 110),
        f"{'No data' if silent else 'Change'} since {formats.clock(since)}; baseline "
        f"{scale.words(band.low)} to {scale.words(band.high)}, last value {scale.words(ticks[-1].value)}.",
    )


def _glance_format(scale: Scale, reach: float) -> str:
    if not scale.share:
        return "~s"
    return ".0%" if reach >= 0.03 else ".1%" if reach >= 0.003 else ".2%"
