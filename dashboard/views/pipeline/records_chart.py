"""Records by hour, and where some of them died or were lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import altair as alt

from dashboard import formats
from dashboard.charts.frame import Drawing, chart, finish, instant, time_axis
from dashboard.palette import Palette
from dashboard.queries.pipeline import Hour


def by_hour(hours: Sequence[Hour], first: datetime, last: datetime, palette: Palette) -> Drawing:
    """Bars of what arrived; a triangle with a number over hours in which records died or were lost."""
    x = time_axis(8, first, last)
    top = max(h.received for h in hours) * 1.25
    y = alt.Y(
        "received:Q",
        title=None,
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(format="~s"),
    )
    rows = [
        {
            "time": instant(h.at),
            "end": instant(h.at + timedelta(minutes=50)),
            "received": h.received,
            "stored": h.stored,
            "duplicate": h.duplicate,
            "rejected": h.rejected,
            "dead": h.dead_lettered,
            "lost": h.lost,
        }
        for h in hours
    ]
    tooltip = [
        alt.Tooltip("utcmonthdatehours(time):T", title="hour, UTC"),
        *(alt.Tooltip(f"{n}:Q", format=",") for n in ("received", "stored", "duplicate", "rejected")),
        alt.Tooltip("dead:Q", format=",", title="dead letters"),
        alt.Tooltip("lost:Q", format=","),
    ]
    bars = (
        chart(rows)
        .mark_bar(color=palette.current, opacity=0.85)
        .encode(x=x, x2="end:T", y=y, y2=alt.Y2Datum(0), tooltip=tooltip)
    )
    layers = [bars]
    bad = [
        {"time": instant(h.at + timedelta(minutes=25)), "received": h.received, "n": h.dead_lettered + h.lost}
        for h in hours
        if h.dead_lettered or h.lost
    ]
    if bad:
        marked = chart(bad)
        layers += [
            marked.mark_point(
                shape="triangle-up", filled=True, size=70, color=palette.changed, opacity=1, yOffset=-9
            ).encode(x="time:T", y=y),
            marked.mark_text(dy=-22, color=palette.changed, fontWeight=500).encode(
                x="time:T", y=y, text=alt.Text("n:Q", format=",")
            ),
        ]
    received = formats.count(sum(h.received for h in hours))
    died = sum(h.dead_lettered for h in hours)
    lost = sum(h.lost for h in hours)
    return Drawing(
        finish(layers, palette, 190),
        f"{received} records in {len(hours)} hours; {formats.count(died)} became dead letters, "
        f"{formats.count(lost)} were lost.",
    )
