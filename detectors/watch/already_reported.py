"""Whether a change that was found has been said already, by another finding of closed ticks."""

from __future__ import annotations

from detectors.fast.fast_watch import FastWatch
from detectors.finding import ALL, Finding, same_change
from detectors.series.series_banks import WatchList


def already_reported(stated: Finding, fast: FastWatch, watch: WatchList) -> Finding | None:
    """The open finding of closed ticks that has said the same: of the whole, or on the fast path."""
    risen = fast.open.get((stated.unit, stated.score))
    opened = [risen] if risen is not None else []
    for one in watch.series.values():
        if one.open is None or (one.key.unit, one.key.score) != (stated.unit, stated.score):
            continue
        if one.key.slice == ALL or stated.alert_kind == "fast":
            opened.append(one.open)
    found = [o.finding for o in opened if o.finding is not None]
    return next((f for f in found if same_change(stated, f)), None)
