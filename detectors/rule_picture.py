"""A measure over time as two lines of text: how high it was, and where a rule would have fired. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60
"""Columns; more ticks than that share one, which shows what is furthest towards or beyond the limit."""
FIRED, NOTHING = "^", " "


def drawn(values: Sequence[float | None], fired: Sequence[int], limit: float, *, over: bool) -> list[str]:
    """Lines for ``values`` per tick (``None``: not decided) and the places at which the rule fired.

    The lowest bar is the lowest of values and limit, the highest the highest; ``over`` says that more than
    the limit breaks it. Nothing for no values.
    """
    known = [v for v in values if v is not None]
    if not known:
        return []
    low, high = min(*known, limit), max(*known, limit)
    columns = min(WIDTH, len(values))
    edges = [round(i * len(values) / columns) for i in range(columns + 1)]
    parts = [values[a:b] for a, b in pairwise(edges)]
    bars = "".join(_bar(part, low, high, over=over) for part in parts)
    marks = "".join(FIRED if any(a <= at < b for at in fired) else NOTHING for a, b in pairwise(edges))
    scale = f"{low:.3g} to {high:.3g}, limit {limit:g}"
    return [f"{bars}  {scale}", *([f"{marks.rstrip()}"] if fired else [])]


def _bar(part: Sequence[float | None], low: float, high: float, *, over: bool) -> str:
    known = [v for v in part if v is not None]
    if not known:
        return NOTHING
    share = ((max(known) if over else min(known)) - low) / (high - low) if high > low else 0.0
    return BARS[min(int(share * len(BARS)), len(BARS) - 1)]
