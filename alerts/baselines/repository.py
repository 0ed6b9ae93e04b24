"""Learned levels as detection stored them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from alerts.baselines.proposal import LearnedBaseline

MAX_LISTED = 5_000

_LEVELS = """
SELECT
    tenant, lineage, environment, service, unit, score, generation, slice, kind, state,
    ifNull(baseline_version, ''), origin, baseline_value, baseline_low, baseline_high, n_baseline, examples,
    level_limit, level_verdict, accepted_by, accepted_reason, detectable_1h, detectable_1d, detectable_7d,
    detectable_unit
FROM series FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND isNotNull(baseline_version)
    AND ({slices:Bool} OR slice = 'all')
ORDER BY service, environment, unit, score, slice, generation DESC
LIMIT 1 BY service, environment, unit, score, slice
LIMIT {limit:UInt32}
"""

Query = Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]]


def baselines_of(query: Query, tenant: str, lineage: str, *, slices: bool) -> list[LearnedBaseline]:
    """Every watched series of a lineage, the newest generation; the wholes alone without ``slices``."""
    given = {"tenant": tenant, "lineage": lineage, "slices": slices, "limit": MAX_LISTED}
    names = [f.name for f in fields(LearnedBaseline)]
    return [LearnedBaseline(**dict(zip(names, row, strict=True))) for row in query(_LEVELS, given)]
