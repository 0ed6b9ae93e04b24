"""Where a score changed: by slice, by category, and over its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import altair as alt

from dashboard import formats
from dashboard.charts.frame import Drawing, chart, finish
from dashboard.palette import Palette

LABELS = (72, 176)
"""Least and most pixels kept for the names of slices."""


class Bar(NamedTuple):
    """A slice's change with its interval, and its share of the whole change where known (0..1)."""

    name: str
    effect: float
    low: float
    high: float
    share: float | None

    @property
    def clear(self) -> bool:
        """Whether the interval excludes no change."""
        return self.low > 0 or self.high < 0


def ranking(bars: Sequence[Bar], palette: Palette, unit: str) -> Drawing:
    """Effect per slice with interval, largest first, beside its share of the whole change.

    Effects are in the written unit already (percentage points, percent, seconds); grey bars are those
    whose interval includes zero.
    """
    ranked = sorted(bars, key=lambda bar: abs(bar.effect), reverse=True)
    rows = [
        {
            "slice": bar.name,
            "effect": bar.effect,
            "low": bar.low,
            "high": bar.high,
            "share": "" if bar.share is None else formats.percent(bar.share, 0),
            "clear": bar.clear,
            "end": max(bar.high, bar.effect, 0.0),
        }
        for bar in ranked
    ]
    left = min(0.0, *(bar.low for bar in ranked))
    right = max(0.0, *(bar.high for bar in ranked))
    room = 0.2 * (right - left or 1.0)
    labels = max(LABELS[0], min(LABELS[1], 7 * max(len(bar.name) for bar in ranked)))
    y = alt.Y(
        "slice:N",
        sort=[bar.name for bar in ranked],
        title=None,
        axis=alt.Axis(minExtent=labels, maxExtent=labels, labelLimit=labels - 2, labelColor=palette.text),
    )
    x = alt.X(
        "effect:Q",
        title=unit,
        scale=alt.Scale(domain=[left, right + room], nice=False),
        axis=alt.Axis(
            tickCount=5,
            grid=True,
            titleAnchor="start",
            labelExpr="datum.value == 0 ? '0' : format(datum.value, '+~r')",
        ),
    )
    bar_color = alt.condition("datum.clear", alt.value(palette.changed), alt.value(palette.baseline))
    tooltip = [
        alt.Tooltip("slice:N"),
        alt.Tooltip("effect:Q", format="+.2f", title=unit),
        alt.Tooltip("low:Q", format="+.2f"),
        alt.Tooltip("high:Q", format="+.2f"),
    ]
    drawn = (
        chart(rows)
        .mark_bar(height=14, cornerRadiusEnd=3, opacity=0.85)
        .encode(x=x, y=y, color=bar_color, tooltip=tooltip)
    )
    whiskers = (
        chart(rows)
        .mark_rule(color=palette.text, strokeWidth=1.5)
        .encode(x=alt.X("low:Q", title=unit), x2="high:Q", y=y)
    )
    shares = (
        chart(rows)
        .mark_text(align="left", dx=8, color=palette.muted)
        .encode(x=alt.X("end:Q", title=unit), y=y, text="share:N")
    )
    unclear = sum(not bar.clear for bar in ranked)
    worst = ranked[0]
    effect = formats.difference(worst.effect, worst.low, worst.high, unit)
    return Drawing(
        finish([drawn, whiskers, shares], palette, 30 * len(ranked) + 40),
        f"Largest change in {worst.name}: {effect}. {unclear} of {len(ranked)} show no clear change.",
    )


class Bin(NamedTuple):
    """One cell of a distribution: its middle, and the shares of outputs in it before and since."""

    middle: float
    baseline: float
    current: float


def distribution_shift(
    bins: Sequence[Bin],
    palette: Palette,
    unit: str,
    *,
    log: bool,
    moved: bool = True,
    narrow: bool = False,
) -> Drawing:
    """Baseline as a filled shape, current as a line on top; a log scale for lengths and latencies.

    ``moved`` says that the change was judged to be one; else nothing is drawn in the colour of a change. In a
    ``narrow`` panel both names stand over the shapes, where beside them there is no room.
    """
    strong = palette.changed if moved else palette.current
    rows = [bin_._asdict() for bin_ in bins]
    x = alt.X(
        "middle:Q",
        title=f"{unit or 'value'}, log scale" if log else unit or "value",
        scale=alt.Scale(type="log" if log else "linear", nice=False),
        axis=alt.Axis(format="~s" if unit else "~g", titleAnchor="start", tickCount=5),
    )

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title=None, axis=alt.Axis(format=".0%", tickCount=3), scale=y_scale)

    top = max(max(b.baseline, b.current) for b in bins)
    y_scale = alt.Scale(domain=[0, 1.3 * top], nice=False) if narrow else alt.Scale()
    peak = max(bins, key=lambda b: b.baseline)
    gain = max(bins, key=lambda b: b.current - b.baseline)
    gain_text = f"current: more near {formats.measure(gain.middle)}"
    filled = (
        chart(rows)
        .mark_area(color=palette.baseline, opacity=0.25, interpolate="step")
        .encode(x=x, y=y("baseline"))
    )
    line = chart(rows).mark_line(color=strong, interpolate="step").encode(x=x, y=y("current"))
    if narrow:
        notes = _corners(gain_text, palette, strong)
    else:
        notes = _beside(peak, gain, gain_text, palette, strong, y)
    return Drawing(
        finish([filled, line, notes], palette, 240),
        f"Distribution of {unit or 'values'}: the baseline peaks near {formats.measure(peak.middle)}; "
        f"{gain_text}.",
    )


def _beside(
    peak: Bin, gain: Bin, gain_text: str, palette: Palette, strong: str, y: Callable[[str], alt.Y]
) -> alt.LayerChart:
    """Each name on the outer side of its shape."""
    right = gain.middle >= peak.middle
    base_note = (
        chart([peak._asdict()])
        .mark_text(
            align="right" if right else "left",
            dx=-18 if right else 18,
            color=palette.muted,
            fontWeight=500,
        )
        .encode(x="middle:Q", y=y("baseline"), text=alt.value("baseline"))
    )
    gain_note = (
        chart([gain._asdict()])
        .mark_text(
            align="left" if right else "right",
            dx=14 if right else -14,
            dy=-8,
            color=strong,
            fontWeight=500,
        )
        .encode(x="middle:Q", y=y("current"), text=alt.value(gain_text))
    )
    both: alt.LayerChart = base_note + gain_note
    return both


def _corners(gain_text: str, palette: Palette, strong: str) -> alt.LayerChart:
    """Both names at the top, one under the other."""
    notes = [
        chart([{}])
        .mark_text(align="left", baseline="top", color=color, fontWeight=500)
        .encode(x=alt.value(6), y=alt.value(y), text=alt.value(text))
        for text, color, y in (("baseline", palette.muted, 2), (gain_text, strong, 18))
    ]
    return alt.LayerChart(layer=notes)
