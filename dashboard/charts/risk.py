"""Risk categories by week."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import altair as alt

from dashboard import formats
from dashboard.charts.frame import Drawing, chart, finish
from dashboard.measures.intervals import Interval
from dashboard.palette import Palette

NARROW = 520
"""Plot width in pixels below which cells hold no numbers; the table beside them has the same data."""
PER = 10_000
_REACH = 0.7  # the log ratio to baseline at which colour is full: about a doubling or halving


class Cell(NamedTuple):
    """One category in one week. Shares are 0..1; ``interval`` holds over all cells of the picture together.

    ``baseline`` is ``None`` where nothing is frozen yet; ``few`` means too few outputs for a number.
    """

    category: str
    week: datetime
    rate: float
    interval: Interval
    baseline: float | None
    n: int
    few: bool

    @property
    def clear(self) -> bool:
        """Whether the interval excludes the baseline."""
        return not self.few and self.baseline is not None and self.interval.excludes(self.baseline)

    @property
    def half_width(self) -> float:
        """Half of the interval."""
        return (self.interval.high - self.interval.low) / 2

    @property
    def shade(self) -> float:
        """Colour, -1 (better) to 1 (worse): ratio to baseline, faded as the interval reaches it."""
        if self.baseline is None or self.few:
            return 0.0
        ratio = math.log(max(self.rate, 0.5 / PER) / max(self.baseline, 0.5 / PER))
        reach = self.interval.high - self.rate if self.rate < self.baseline else self.rate - self.interval.low
        support = min(1.0, abs(self.rate - self.baseline) / reach) if reach > 0 else 0.0
        return max(-1.0, min(1.0, ratio / _REACH)) * support**3


def heat_map(cells: Sequence[Cell], palette: Palette) -> Drawing:
    """Rows in the order given, newest week on the right, the rate and its half-width in every cell.

    The colour fades to grey as the interval reaches the baseline, so noise is never painted; a dot marks an
    interval that excludes it. No reading depends on colour; too few outputs leaves the word "few".
    """
    weeks = sorted({cell.week for cell in cells})
    categories = list(dict.fromkeys(cell.category for cell in cells))
    rows = [
        {
            "category": cell.category,
            "week": formats.short_day(cell.week),
            "rate": round(PER * cell.rate, 3),
            "rate_text": formats.number(PER * cell.rate, 1 if cell.rate < 0.1 else 0),
            "half": f"±{formats.number(PER * cell.half_width, 1 if cell.half_width < 0.01 else 0)}",
            "low": round(PER * cell.interval.low, 3),
            "high": round(PER * cell.interval.high, 3),
            "baseline": "none yet" if cell.baseline is None else formats.number(PER * cell.baseline, 1),
            "n": cell.n,
            "shade": round(cell.shade, 4),
            "clear": cell.clear,
            "few": cell.few,
        }
        for cell in cells
    ]
    x = alt.X(
        "week:N",
        sort=[formats.short_day(week) for week in weeks],
        title=None,
        scale=alt.Scale(paddingInner=0.06, paddingOuter=0),
        axis=alt.Axis(orient="top", labelAngle=0, labelFlush=False),
    )
    y = alt.Y(
        "category:N",
        sort=categories,
        title=None,
        scale=alt.Scale(paddingInner=0.1, paddingOuter=0),
        axis=alt.Axis(minExtent=172, maxExtent=172, labelLimit=170, labelColor=palette.text),
    )
    tooltip = [
        alt.Tooltip("category:N"),
        alt.Tooltip("week:N", title="week of"),
        alt.Tooltip("rate:Q", format=".1f", title="per 10,000"),
        alt.Tooltip("low:Q", format=".1f"),
        alt.Tooltip("high:Q", format=".1f"),
        alt.Tooltip("baseline:N"),
        alt.Tooltip("n:Q", format=","),
    ]
    color = alt.Color(
        "shade:Q",
        scale=alt.Scale(
            domain=[-1, 0, 1], range=[palette.better, palette.neutral, palette.worse], interpolate="rgb"
        ),
    )
    kept, hidden = ([row for row in rows if row["few"] is few] for few in (False, True))
    known = chart(kept)
    wide_only = alt.ExprRef(f"width < {NARROW} ? 0 : 1")
    frame = (
        chart(rows)
        .mark_rect(fill=palette.neutral, fillOpacity=0.35, cornerRadius=4)
        .encode(x=x, y=y, tooltip=tooltip)
    )
    tile = known.mark_rect(cornerRadius=4).encode(x=x, y=y, color=color, tooltip=tooltip)
    number = known.mark_text(color=palette.text, fontWeight=500, dy=-6, opacity=wide_only).encode(
        x=x, y=y, text="rate_text:N"
    )
    half = known.mark_text(color=palette.text, fontSize=11, dy=9, opacity=wide_only).encode(
        x=x, y=y, text="half:N"
    )
    layers = [frame]
    if kept:
        layers += [tile, number, half]
    if hidden:
        layers.append(
            chart(hidden)
            .mark_text(color=palette.muted, opacity=wide_only)
            .encode(x=x, y=y, text=alt.value("few"))
        )
    clear = [row for row in rows if row["clear"]]
    if clear:
        layers.append(
            chart(clear)
            .mark_point(
                shape="circle",
                filled=True,
                size=26,
                color=palette.text,
                opacity=1,
                xOffset=alt.ExprRef(f"max(0, width / {2 * len(weeks)} - 11)"),
                yOffset=-10,
            )
            .encode(x=x, y=y)
        )
    return Drawing(
        finish(layers, palette, 44 * len(categories) + 28),
        f"Hits per 10,000 outputs for {len(categories)} risk categories over {len(weeks)} weeks. "
        f"Latest week: {_latest(cells, weeks[-1])}.",
    )


def _latest(cells: Sequence[Cell], week: datetime) -> str:
    moved = [cell for cell in cells if cell.week == week and cell.clear and cell.baseline is not None]
    words = [f"{c.category} {'above' if c.rate > (c.baseline or 0) else 'below'} baseline" for c in moved]
    return "; ".join(words) or "no clear change"
