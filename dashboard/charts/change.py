"""A score before and after its onset, over what the frozen baseline predicts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean
from typing import NamedTuple

import altair as alt

from dashboard import formats
from dashboard.charts.frame import Drawing, chart, finish, instant, time_axis, value_axis
from dashboard.measures.intervals import Interval
from dashboard.measures.scale import Scale
from dashboard.palette import Palette

NARROW = 480
"""Plot width in pixels below which only one release keeps its name."""


class Tick(NamedTuple):
    """One bucket: its middle, the value with its interval, and how many outputs it rests on."""

    time: datetime
    value: float
    low: float
    high: float
    n: int


class Change(NamedTuple):
    """When: the onset with its interval, and when it fired, where known."""

    onset: datetime
    low: datetime
    high: datetime
    fired: datetime | None = None


class Reference(NamedTuple):
    """The frozen baseline: its value, and where 95 % of buckets fall if nothing changed."""

    value: float
    band: Interval


class Mark(NamedTuple):
    """Something that changed: a release, a prompt version."""

    time: datetime
    name: str


def change_over_time(
    ticks: Sequence[Tick],
    change: Change,
    reference: Reference,
    palette: Palette,
    *,
    marks: Sequence[Mark],
    title: str,
    scale: Scale,
    ends: datetime,
    silent: bool = False,
) -> Drawing:
    """Band = what the baseline predicts for one bucket; grey before, strong after; the onset and its doubt.

    ``ends`` is the right edge: where nothing was received the line stops, nothing is drawn as zero.
    ``silent`` marks the onset as the last thing that came. Releases are named on the left
    of their rule, the onset on the right, so the likeliest pair stays apart.
    """
    first, band = ticks[0].time, reference.band
    top = max([t.high for t in ticks] + [band.high]) * 1.18
    x = time_axis(6, first, ends)
    y_scale = alt.Scale(domain=[0, top], nice=False)
    y = alt.Y("value:Q", scale=y_scale, axis=value_axis(scale, top))
    rows = [
        {
            "time": instant(t.time),
            "value": t.value,
            "low": t.low,
            "high": t.high,
            "n": t.n,
            "period": "before" if t.time < change.onset else "after",
        }
        for t in ticks
    ]
    after = [row for row in rows if row["period"] == "after"]
    edges = [
        {"time": instant(at), "value": reference.value, "low": band.low, "high": band.high}
        for at in (first, ends)
    ]
    shade = (
        chart(edges)
        .mark_area(color=palette.baseline, opacity=0.18)
        .encode(x=x, y=alt.Y("low:Q", scale=y_scale, axis=value_axis(scale, top)), y2="high:Q")
    )
    middle = chart(edges).mark_line(color=palette.baseline, strokeWidth=1.5).encode(x=x, y=y)
    doubt = (
        chart([{"from": instant(max(first, change.low)), "to": instant(min(ends, change.high))}])
        .mark_rect(color=palette.changed, opacity=0.14)
        .encode(x="from:T", x2="to:T")
    )
    strong = palette.text if silent else palette.changed
    onset = (
        chart([{"time": instant(change.onset)}])
        .mark_rule(color=strong, strokeWidth=1.5, strokeDash=[3, 3] if silent else [1, 0])
        .encode(x="time:T")
    )
    guide = chart(rows).mark_line(color=palette.baseline, strokeWidth=1, opacity=0.7).encode(x=x, y=y)
    whisker = (
        chart(after)
        .mark_rule(color=palette.changed, opacity=0.35, strokeWidth=1.5)
        .encode(x=x, y=alt.Y("low:Q", scale=y_scale), y2="high:Q")
    )
    dots = (
        chart(rows)
        .mark_circle(size=34, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "period:N",
                scale=alt.Scale(domain=["before", "after"], range=[palette.baseline, palette.changed]),
            ),
            tooltip=[
                alt.Tooltip("utcmonthdatehoursminutes(time):T", title="UTC"),
                alt.Tooltip("value:Q", format=scale.number, title="value"),
                alt.Tooltip("low:Q", format=scale.number),
                alt.Tooltip("high:Q", format=scale.number),
                alt.Tooltip("n:Q", format=","),
            ],
        )
    )
    shown = [m for m in marks if first <= m.time <= ends]
    layers = [shade, middle, doubt, onset, guide, dots]
    if shown:
        layers.append(_markers(shown, palette, (ends - first) / 8))
    if after:
        layers.append(whisker)
    words = f"no data since {change.onset:%H:%M}" if silent else f"onset {change.onset:%H:%M}"
    layers += [
        _onset_note(change, words, strong, first, ends),
        _band_note(edges[:1], palette, y_scale),
    ]
    return Drawing(
        finish(layers, palette, 288), _change_alt(ticks, change, reference, marks, title=title, scale=scale)
    )


def _change_alt(
    ticks: Sequence[Tick],
    change: Change,
    reference: Reference,
    marks: Sequence[Mark],
    *,
    title: str,
    scale: Scale,
) -> str:
    latest = [t.value for t in ticks if t.time >= change.onset][-8:]
    now = f"then about {scale.words(fmean(latest))}" if latest else "no values after it"
    named = f" Marked: {', '.join(m.name for m in marks)}." if marks else ""
    return (
        f"{title}: baseline {scale.words(reference.value)} until {formats.clock(change.onset)}, {now}. "
        f"{len(ticks)} points.{named}"
    )


def _markers(marks: Sequence[Mark], palette: Palette, room: timedelta) -> alt.LayerChart:
    """Named rules. A name needs ``room`` of its own; on a phone only the first, the likeliest, keeps one."""
    named: list[Mark] = []
    for mark in marks:
        if all(abs(mark.time - other.time) >= room for other in named):
            named.append(mark)
    rows = [
        {"time": instant(m.time), "name": m.name if m in named else "", "first": place == 0}
        for place, m in enumerate(marks)
    ]
    wide_only = alt.ExprRef(f"width < {NARROW} && !datum.first ? 0 : 1")
    rules = chart(rows).mark_rule(color=palette.release, strokeDash=[3, 3]).encode(x="time:T")
    names = (
        chart(rows)
        .mark_text(
            align="right",
            baseline="top",
            dx=-6,
            color=palette.release,
            fontWeight=500,
            limit=140,
            opacity=wide_only,
        )
        .encode(x="time:T", y=alt.value(2), text="name:N")
    )
    both: alt.LayerChart = rules + names
    return both


def _onset_note(change: Change, words: str, color: str, first: datetime, ends: datetime) -> alt.Chart:
    late = (change.onset - first) > 0.8 * (ends - first)
    note: alt.Chart = (
        chart([{"time": instant(change.low if late else min(ends, change.high))}])
        .mark_text(
            align="right" if late else "left",
            baseline="top",
            dx=-6 if late else 6,
            dy=16 if late else 0,
            fontWeight=600,
            color=color,
        )
        .encode(x="time:T", y=alt.value(2), text=alt.value(words))
    )
    return note


def _band_note(edge: Sequence[dict[str, object]], palette: Palette, y_scale: alt.Scale) -> alt.Chart:
    note: alt.Chart = (
        chart(edge)
        .mark_text(align="left", baseline="bottom", dx=2, dy=-4, color=palette.muted)
        .encode(x="time:T", y=alt.Y("high:Q", scale=y_scale), text=alt.value("baseline, 95 % of points"))
    )
    return note
