"""A rule to start from, about what is being looked at: a table of the settings, as text. Pure."""

from __future__ import annotations

import glob
import json
import math
from dataclasses import dataclass

from dashboard.estimates.levels import Level
from dashboard.measures import intervals
from dashboard.measures.measures import ABOVE, FLAG, MEDIAN, Measure
from dashboard.queries.store import SeriesKey

WINDOWS_S = (1800, 3600, 21_600, 86_400)
ENOUGH = 50
"""Outputs a window should hold for a rule to say anything."""
RARELY = 1e-4
"""How often an unchanged share would break the suggested limit by chance."""
FACTOR = 1.5
"""A suggested limit of a number lies so far from the level it is held against."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``toml`` is empty where no rule can be made; ``why`` tells how the limit was found, or what hinders."""

    toml: str
    why: str


NAMES_HAVE_NO_LEVEL = "A rule watches numbers: the values of this score are names."
NO_SHARE_OF_A_SLICE = "Of a slice only sums are kept, so a rule can watch its mean, not this share."


def suggestion(
    key: SeriesKey, measure: Measure, level: Level | None, mean: float | None, per_hour: float
) -> Suggestion:
    """A rule about a series whose usual ``level`` and ``mean`` are known, at ``per_hour`` outputs an hour."""
    score = measure.score
    if score.kind == "category":
        return Suggestion("", NAMES_HAVE_NO_LEVEL)
    if level is None or mean is None:
        return Suggestion("", "Nothing was counted to take a limit from.")
    window = next((w for w in WINDOWS_S if per_hour * w / 3600 >= ENOUGH), WINDOWS_S[-1])
    n = max(1.0, per_hour * window / 3600)
    op = "<" if score.harmful < 0 else ">"
    lines: list[tuple[str, object]] = [("score", key.score)]
    if measure.what == FLAG:
        limit = _share_limit(level.value, n, op)
        lines += [("measure", "rate"), ("op", _reaching(op, limit, 1.0)), ("limit", limit)]
        why = "A limit that an unchanged share of this size crosses by chance in 1 of 10,000 windows."
    elif measure.what == ABOVE and key.slice == "all":
        quantile = min(0.999, max(0.001, 1 - _share_limit(level.value, n, ">")))
        lines += [("measure", "quantile"), ("quantile", round(quantile, 3)), ("op", ">")]
        lines += [("limit", float(measure.name))]
        why = "Broken when more outputs lie above the value than chance would bring in 1 of 10,000 windows."
    elif measure.what == ABOVE:
        return Suggestion("", NO_SHARE_OF_A_SLICE)
    else:
        middle = measure.what == MEDIAN and key.slice == "all"
        usual = level.value if middle else mean
        lines += [("measure", "quantile"), ("quantile", 0.5)] if middle else [("measure", "mean")]
        limit = _number_limit(usual, op)
        lines += [("op", _reaching(op, limit, math.inf)), ("limit", limit)]
        what = "median" if middle else "mean (of a slice no median is kept)"
        why = f"A limit {FACTOR:g} times away from the usual {what}."
    lines += [("window_s", window), ("least_n", max(20, min(1_000, round(n / 2))))]
    if key.unit != "interaction":
        lines.append(("unit", key.unit))
    if key.slice != "all":
        lines.append(("slice", key.slice))
    lines += [("severity", "ticket"), ("services", [glob.escape(key.service)])]
    body = "\n".join(f"{name} = {_value(value)}" for name, value in lines)
    return Suggestion(f"[[rule]]\n{body}\n", f"{why} It is where to start from: change it.")


def _share_limit(rate: float, n: float, op: str) -> float:
    band = intervals.predicted(rate, n, 1 - 2 * RARELY)
    if op == "<":
        return _rounded(band.low, up=False)
    return min(1.0, _rounded(max(band.high, 2 / n), up=True))


def _reaching(op: str, limit: float, greatest: float) -> str:
    """The comparison that can be true: where nothing lies beyond a limit, what reaches it breaks it."""
    return f"{op}=" if limit == (0.0 if op == "<" else greatest) else op


def _number_limit(usual: float, op: str) -> float:
    away = usual / FACTOR if op == "<" else usual * FACTOR
    return _rounded(away, up=op == ">")


def _rounded(value: float, *, up: bool) -> float:
    """Two digits, away from what is usual."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{(math.ceil if up else math.floor)(value / step) * step:.6g}")


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, str):
        # JSON's strings are TOML's, but for the one control character JSON leaves alone
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)
