"""A level over time with its interval, beside what it is held against."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import altair as alt

from dashboard import formats
from dashboard.charts.change import Mark, Tick
from dashboard.charts.frame import Drawing, chart, finish, instant, time_axis, value_axis
from dashboard.measures.intervals import Interval
from dashboard.measures.scale import Scale
from dashboard.palette import Palette

HEIGHT = 280


class ComparisonLevel(NamedTuple):
    """The reference: its level with its interval, and what it is called."""

    value: float
    interval: Interval
    name: str


class Span(NamedTuple):
    """From where to where the chart reaches."""

    first: datetime
    last: datetime


def level_over_time(
    ticks: Sequence[Tick],
    held: ComparisonLevel | None,
    palette: Palette,
    *,
    apart: Collection[datetime],
    span: Span,
    width: timedelta,
    title: str,
    scale: Scale,
    marks: Sequence[Mark] = (),
) -> Drawing:
    """Line and the interval of every point; ``apart`` are the times of points that differ from the reference.

    ``width`` is that of a bucket: points farther apart than that are not joined. Gaps stay gaps.
    """
    rows = _rows(ticks, apart, width)
    reach = [t.high for t in ticks] + ([held.interval.high] if held else [])
    bottom = _bottom([t.low for t in ticks] + ([held.interval.low] if held else []), max(reach), scale)
    y_scale = alt.Scale(domain=[bottom, max(reach) + 0.12 * ((max(reach) - bottom) or 1.0)], nice=False)
    axis = value_axis(scale, max(reach))
    x = time_axis(8, span.first, span.last)
    y = alt.Y("value:Q", scale=y_scale, axis=axis)
    low = alt.Y("low:Q", scale=y_scale, axis=axis)
    layers: list[alt.Chart | alt.LayerChart] = []
    if held is not None:
        edges = [
            {
                "time": instant(at),
                "value": held.value,
                "low": held.interval.low,
                "high": held.interval.high,
            }
            for at in (span.first, span.last)
        ]
        layers += [
            chart(edges).mark_area(color=palette.baseline, opacity=0.18).encode(x=x, y=low, y2="high:Q"),
            chart(edges).mark_line(color=palette.baseline, strokeWidth=1.5).encode(x=x, y=y),
        ]
    layers += [
        chart(rows)
        .mark_area(color=palette.current, opacity=0.16)
        .encode(x=x, y=low, y2="high:Q", detail="run:N"),
        chart(rows).mark_line(color=palette.current, strokeWidth=1.75).encode(x=x, y=y, detail="run:N"),
        _dots(rows, palette, scale, x, y),
    ]
    shown = [mark for mark in marks if span.first <= mark.time <= span.last]
    if shown:
        layers += _marks(shown, palette)
    if held is not None:
        layers.append(_name(edges[:1], held, palette, y_scale))
    return Drawing(finish(layers, palette, HEIGHT), _said(ticks, held, len(apart), title=title, scale=scale))


def _bottom(lows: Sequence[float], top: float, scale: Scale) -> float:
    """Where the axis begins: shares at zero; numbers below their lowest, where zero would flatten them."""
    low = min(lows)
    if scale.share or low < top / 2:
        return min(0.0, low)
    return low - 0.12 * ((top - low) or low)


def _name(
    edge: Sequence[dict[str, object]], held: ComparisonLevel, palette: Palette, y_scale: alt.Scale
) -> alt.LayerChart:
    """The reference's name on it, readable over whatever lies there."""
    at = chart(edge).encode(x="time:T", y=alt.Y("high:Q", scale=y_scale), text=alt.value(held.name))
    halo = at.mark_text(
        align="left",
        baseline="bottom",
        dx=2,
        dy=-5,
        stroke=palette.background,
        strokeWidth=4,
        strokeJoin="round",
        opacity=0.85,
    )
    words = at.mark_text(align="left", baseline="bottom", dx=2, dy=-5, color=palette.muted)
    both: alt.LayerChart = halo + words
    return both


def _rows(ticks: Sequence[Tick], apart: Collection[datetime], width: timedelta) -> list[dict[str, object]]:
    run, out = 0, []
    for place, t in enumerate(ticks):
        if place and t.time - ticks[place - 1].time > 1.5 * width:
            run += 1
        row = {"time": instant(t.time), "value": t.value, "low": t.low, "high": t.high, "n": t.n}
        out.append({**row, "run": run, "apart": t.time in apart})
    return out


def _dots(rows: Sequence[dict[str, object]], palette: Palette, scale: Scale, x: alt.X, y: alt.Y) -> alt.Chart:
    tooltip = [
        alt.Tooltip("utcmonthdatehoursminutes(time):T", title="UTC"),
        alt.Tooltip("value:Q", format=scale.number, title="value"),
        alt.Tooltip("low:Q", format=scale.number),
        alt.Tooltip("high:Q", format=scale.number),
        alt.Tooltip("n:Q", format=","),
    ]
    dots: alt.Chart = (
        chart(rows)
        .mark_circle(opacity=1)
        .encode(
            x=x,
            y=y,
            size=alt.condition("datum.apart", alt.value(36), alt.value(12)),
            color=alt.condition("datum.apart", alt.value(palette.changed), alt.value(palette.current)),
            tooltip=tooltip,
        )
    )
    return dots


def _marks(marks: Sequence[Mark], palette: Palette) -> list[alt.Chart]:
    rows = [{"time": instant(mark.time), "name": mark.name} for mark in marks]
    rules = chart(rows).mark_rule(color=palette.release, strokeDash=[3, 3]).encode(x="time:T")
    names = (
        chart(rows)
        .mark_text(align="right", baseline="top", dx=-6, color=palette.release, fontWeight=500, limit=140)
        .encode(x="time:T", y=alt.value(2), text="name:N")
    )
    return [rules, names]


def _said(
    ticks: Sequence[Tick], held: ComparisonLevel | None, apart: int, *, title: str, scale: Scale
) -> str:
    first, last = ticks[0], ticks[-1]
    reference = f" Compared with {held.name}: {scale.words(held.value)}." if held else ""
    away = f" {apart} of {len(ticks)} points lie apart from it." if held else ""
    return (
        f"{title}: {scale.words(first.value)} at {formats.clock(first.time)} to {scale.words(last.value)} "
        f"at {formats.clock(last.time)}, {len(ticks)} points.{reference}{away}"
    )
