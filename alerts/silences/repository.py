"""Silences in ClickHouse: rows of the table ``silences``, written and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from alerts.faults import ROWS, Faults
from alerts.silences.matchers import matchers_from_json, matchers_to_json
from alerts.silences.silence import Silence, Silences, newest
from alerts.stored_rows import readable

KEEP_ENDED_DAYS = 2
"""Days for which a restart knows silences that ended: long enough to say why incidents are told of again."""

_SILENCES = """
SELECT tenant, silence_id, service, score, slice, severity, actor, reason,
    toUnixTimestamp64Nano(made_at), toUnixTimestamp64Nano(begins_at), toUnixTimestamp64Nano(ends_at),
    if(ended_at IS NULL, NULL, toUnixTimestamp64Nano(assumeNotNull(ended_at))), origin, source_id,
    matchers, applied, ended_by, ended_reason
FROM silences FINAL
WHERE ends_at >= now64(6) - toIntervalDay({days:UInt32}) OR silence_id NOT IN (
    SELECT silence_id FROM silences WHERE NOT in_force
)
ORDER BY tenant, silence_id, in_force DESC
"""

Rows = Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]]


def silence_row(s: Silence) -> dict[str, Any]:
    """A row of ``silences``; times as whole ns."""
    return {
        "tenant": s.tenant,
        "silence_id": s.silence_id,
        "in_force": s.in_force,
        "service": s.service,
        "score": s.score,
        "slice": s.slice,
        "severity": s.severity,
        "actor": s.actor,
        "reason": s.reason,
        "made_at": s.made_ns,
        "begins_at": s.begins_ns,
        "ends_at": s.ends_ns,
        "ended_at": s.ended_ns,
        "ended_by": s.ended_by,
        "ended_reason": s.ended_reason,
        "applied": s.applied,
        "origin": s.origin,
        "source_id": s.source_id,
        "matchers": matchers_to_json(s.matchers),
    }


def silences_of(rows: Rows, faults: Faults) -> Silences:
    """Every silence that has not ended, and those that ended lately; those that cannot be read are not."""
    found = rows(_SILENCES, {"days": KEEP_ENDED_DAYS})
    return newest(readable(found, _silence, faults, ROWS, lambda row: f"silence {row[1]}"))


def _silence(row: Sequence[Any]) -> Silence:
    tenant, silence_id, service, score, slice_, severity, actor, reason, *rest, ended_by, why = row
    made, begins, ends, ended, origin, source_id, matchers, applied = rest
    return Silence(
        tenant=tenant,
        silence_id=silence_id,
        service=service,
        score=score,
        slice=slice_,
        severity=severity,
        actor=actor,
        reason=reason,
        made_ns=int(made),
        begins_ns=int(begins),
        ends_ns=int(ends),
        ended_ns=None if ended is None else int(ended),
        ended_by=ended_by,
        ended_reason=why,
        applied=applied,
        origin=origin,
        source_id=source_id,
        matchers=matchers_from_json(matchers),
    )
