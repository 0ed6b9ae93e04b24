"""What the budget allows beside what was expected and what came."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from dashboard import formats
from dashboard.charts.frame import Drawing, chart, finish
from dashboard.palette import Palette
from dashboard.views.detectors.trust import BudgetUse

NAMES = {"page": "Pages", "ticket": "Tickets"}


def budget_use(spent: Sequence[BudgetUse], palette: Palette) -> Drawing:
    """A row for each severity: bar expected at most, mark allowed, point what was false with its interval."""
    rows = [
        {
            "what": NAMES[s.severity],
            "expected": s.expected,
            "allowed": s.allowed,
            "allowed_text": f"allowed {formats.measure(s.allowed)}",
            "false": s.record.false,
            "low": s.false.low,
            "high": s.false.high,
            "kept": s.kept,
        }
        for s in spent
    ]
    right = max(max(s.allowed, s.expected, s.false.high) for s in spent) * 1.15
    y = alt.Y(
        "what:N",
        sort=[NAMES[s.severity] for s in spent],
        title=None,
        axis=alt.Axis(minExtent=64, maxExtent=64, labelColor=palette.text),
        scale=alt.Scale(paddingInner=0.5, paddingOuter=0.4),
    )
    scale = alt.Scale(domain=[0, right], nice=False)
    x = alt.X("expected:Q", title="false alarms in the window", scale=scale, axis=alt.Axis(tickCount=6))
    tooltip = [
        alt.Tooltip("what:N"),
        alt.Tooltip("expected:Q", format=".2f", title="expected at most"),
        alt.Tooltip("allowed:Q", format=".2f"),
        alt.Tooltip("false:Q", title="called nothing"),
    ]
    data = chart(rows)
    bars = data.mark_bar(color=palette.baseline, opacity=0.45, height=18).encode(x=x, y=y, tooltip=tooltip)
    rules = data.mark_tick(color=palette.text, thickness=2, size=34).encode(
        x=alt.X("allowed:Q", scale=scale), y=y
    )
    names = data.mark_text(dy=-24, color=palette.muted, align="left", dx=-2).encode(
        x=alt.X("allowed:Q", scale=scale), y=y, text="allowed_text:N"
    )
    color = alt.condition("datum.kept", alt.value(palette.current), alt.value(palette.changed))
    whiskers = data.mark_rule(strokeWidth=1.5).encode(
        x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, color=color
    )
    points = data.mark_circle(size=80, opacity=1).encode(
        x=alt.X("false:Q", scale=scale), y=y, color=color, tooltip=tooltip
    )
    said = "; ".join(
        f"{NAMES[s.severity].lower()}: {s.record.false} false, {formats.measure(s.allowed)} allowed, "
        f"{formats.measure(s.expected)} expected at most"
        for s in spent
    )
    return Drawing(finish([bars, rules, names, whiskers, points], palette, 170), f"Budget {said}.")
