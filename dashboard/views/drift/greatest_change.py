"""Where a series was farthest from its baseline. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from dashboard.estimates import levels
from dashboard.estimates.levels import Level
from dashboard.measures.measures import Measure
from dashboard.queries.series import Bucket, Half

LEAST_N = 30
CLEAR = 5.0
"""Standard errors from which a stretch is worth opening a page at."""


def change(measure: Measure, buckets: Sequence[Bucket], reference: Level | None) -> datetime | None:
    """Start of the bucket farthest from the reference, in standard errors of both; ``None``: none is far."""
    if reference is None:
        return None
    far = [(abs(_away(measure, b, reference)), b.at) for b in buckets if b.n >= LEAST_N]
    most, at = max(far, default=(0.0, None), key=lambda pair: pair[0])
    return at if most >= CLEAR else None


def until(start: datetime, width: timedelta, period: timedelta, now: datetime) -> datetime:
    """End of a period that shows a change which begins at ``start``, with a third of it before."""
    return min(now, max(start + width, start + 2 * period / 3)).replace(second=0, microsecond=0)


def _away(measure: Measure, bucket: Bucket, reference: Level) -> float:
    found = levels.level(measure, Half(bucket.n, bucket.total, bucket.cells, bucket.names))
    if found is None:
        return 0.0
    error = math.hypot(found.high - found.low, reference.high - reference.low) / (2 * 1.96)
    return (found.value - reference.value) / error if error > 0 else 0.0
