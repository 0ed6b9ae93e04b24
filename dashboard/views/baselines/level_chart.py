"""One score's level in every service: dots with intervals, the limit of each, the median of them all."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import altair as alt

from alerts.baselines.proposal import LearnedBaseline
from dashboard import formats
from dashboard.charts.frame import Drawing, chart, finish
from dashboard.measures.measures import Measure
from dashboard.palette import Palette
from dashboard.safe_text import clean
from dashboard.views.baselines.proposals import place
from detectors.baselines.proposal import BEYOND

MOST = 40
"""Services that are drawn, those with the highest levels."""


def by_service(levels: Sequence[LearnedBaseline], measure: Measure, palette: Palette) -> Drawing:
    """Highest first; vermilion where the whole interval lies beyond the limit."""
    shown = [one for one in levels[:MOST] if one.level is not None]
    rows = [
        {
            "service": clean(place(one), 40),
            "level": one.level,
            "low": one.level if one.low is None else one.low,
            "high": one.level if one.high is None else one.high,
            "n": one.n,
            "beyond": one.verdict == BEYOND,
        }
        for one in shown
    ]
    limits = [
        {"service": clean(place(one), 40), "limit": one.limit} for one in shown if one.limit is not None
    ]
    middle = median(one.level or 0.0 for one in levels)
    ends = [one.high or one.level or 0.0 for one in shown] + [one.limit or 0.0 for one in shown]
    names = [clean(place(one), 40) for one in shown]
    scale = alt.Scale(domain=[0, max([*ends, middle]) * 1.12 or 1.0], nice=False)
    labels = max(72, min(220, 7 * max(len(name) for name in names)))
    y = alt.Y(
        "service:N",
        sort=names,
        title=None,
        axis=alt.Axis(minExtent=labels, maxExtent=labels, labelLimit=labels - 2, labelColor=palette.text),
    )
    top = max(ends)
    number = (".1%" if top >= 0.004 else ".2%") if measure.is_share else "~s"
    axis = alt.Axis(format=number, tickCount=5, grid=True, titleAnchor="start")
    unit = measure.score.unit or "level"
    x = alt.X("level:Q", title="share of outputs" if measure.is_share else unit, scale=scale, axis=axis)
    color = alt.condition("datum.beyond", alt.value(palette.changed), alt.value(palette.current))
    value = ".2%" if measure.is_share else ",.3~f"
    tooltip = [
        alt.Tooltip("service:N"),
        *(alt.Tooltip(f"{name}:Q", format=value) for name in ("level", "low", "high")),
        alt.Tooltip("n:Q", format=","),
    ]
    data = chart(rows)
    rule = (
        chart([{"level": middle}])
        .mark_rule(color=palette.baseline, strokeDash=[4, 3])
        .encode(x=alt.X("level:Q", scale=scale, axis=axis))
    )
    whiskers = data.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", y=y, color=color
    )
    points = data.mark_circle(size=70, opacity=1).encode(x=x, y=y, color=color, tooltip=tooltip)
    layers = [rule, whiskers, points]
    if limits:
        layers.append(
            chart(limits)
            .mark_tick(color=palette.text, thickness=2, size=18)
            .encode(x=alt.X("limit:Q", scale=scale, axis=axis), y=y)
        )
    first = shown[0]
    beyond = sum(bool(row["beyond"]) for row in rows)
    return Drawing(
        finish(layers, palette, 26 * len(rows) + 50),
        f"{measure.title} in {len(rows)} services: highest in {clean(place(first), 40)} with "
        f"{measure.level(first.level or 0.0)}, median {measure.level(middle)}; {beyond} beyond their limit. "
        f"{formats.count(sum(one.n for one in shown))} outputs.",
    )
