"""Small drawings: one panel of a grid on a shared scale, and a sparkline beside a number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import altair as alt

from dashboard import formats
from dashboard.charts.frame import Drawing, chart, finish, instant
from dashboard.measures.intervals import Interval
from dashboard.palette import Palette


class Week(NamedTuple):
    """A share in one week with its interval; ``baseline`` is ``None`` where nothing is frozen yet."""

    week: datetime
    rate: float
    interval: Interval
    baseline: float | None
    n: int

    @property
    def moved(self) -> bool:
        """Whether the interval excludes the baseline."""
        return self.baseline is not None and self.interval.excludes(self.baseline)


def _rows(weeks: Sequence[Week]) -> list[dict[str, object]]:
    return [
        {
            "time": instant(w.week),
            "rate": w.rate,
            "low": w.interval.low,
            "high": w.interval.high,
            "n": w.n,
        }
        for w in weeks
    ]


def _baseline(weeks: Sequence[Week], palette: Palette, y: alt.Y) -> list[alt.Chart]:
    """The dashed rule, where there is a baseline."""
    known = [w.baseline for w in weeks if w.baseline is not None]
    if not known:
        return []
    row = chart([{"rate": known[-1]}])
    return [row.mark_rule(color=palette.baseline, strokeDash=[4, 3]).encode(y=y)]


def _said(weeks: Sequence[Week]) -> str:
    latest = weeks[-1]
    base = "no baseline yet" if latest.baseline is None else f"baseline {formats.share(latest.baseline)}"
    low, high = (formats.share(v) for v in latest.interval)
    return f"{formats.share(latest.rate)} in the latest week, {low} to {high}; {base}"


def panel(weeks: Sequence[Week], name: str, top: float, palette: Palette) -> Drawing:
    """Interval band, line, baseline rule; ``top`` is shared by the grid of panels."""
    color = palette.changed if weeks[-1].moved else palette.current
    rows = _rows(weeks)
    x = alt.X(
        "time:T",
        title=None,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%d %b", tickCount=3),
    )
    scale = alt.Scale(domain=[0, top], nice=False)
    axis = alt.Axis(
        format=".0%" if top >= 0.03 else ".1%" if top >= 0.003 else ".2%",
        title=None,
        tickCount=3,
        minExtent=34,
        maxExtent=34,
    )
    y = alt.Y("rate:Q", scale=scale, axis=axis)
    band = (
        chart(rows)
        .mark_area(color=color, opacity=0.18)
        .encode(x=x, y=alt.Y("low:Q", scale=scale, axis=axis), y2="high:Q")
    )
    tooltip = [
        alt.Tooltip("utcyearmonthdate(time):T", title="week of"),
        alt.Tooltip("rate:Q", format=".2%"),
        alt.Tooltip("low:Q", format=".2%"),
        alt.Tooltip("high:Q", format=".2%"),
        alt.Tooltip("n:Q", format=","),
    ]
    line = chart(rows).mark_line(color=color).encode(x=x, y=y, tooltip=tooltip)
    end = chart(rows[-1:]).mark_circle(color=color, size=40, opacity=1).encode(x=x, y=y)
    layers = [*_baseline(weeks, palette, y), band, line, end]
    return Drawing(finish(layers, palette, 130), f"{name}: {_said(weeks)}.")


def sparkline(weeks: Sequence[Week], name: str, palette: Palette) -> Drawing:
    """A line with its interval and the dashed baseline; no axes, the numbers stand beside it."""
    scale = alt.Scale(zero=False, nice=False, padding=4)
    x = alt.X("time:T", axis=None, scale=alt.Scale(type="utc"))
    y = alt.Y("rate:Q", axis=None, scale=scale)
    rows = _rows(weeks)
    band = (
        chart(rows)
        .mark_area(color=palette.current, opacity=0.16)
        .encode(x=x, y=alt.Y("low:Q", axis=None, scale=scale), y2="high:Q")
    )
    line = chart(rows).mark_line(color=palette.current).encode(x=x, y=y)
    end = chart(rows[-1:]).mark_circle(color=palette.current, size=40, opacity=1).encode(x=x, y=y)
    layers = [band, *_baseline(weeks, palette, y), line, end]
    return Drawing(finish(layers, palette, 72), f"{name} over {len(weeks)} weeks: {_said(weeks)}.")
