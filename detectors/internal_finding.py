"""Findings about Lightship itself: told as other incidents are."""

from __future__ import annotations

from datetime import datetime

from detectors.finding import ALL, Finding, finding_id

SERVICE, OPERATOR = "lightship", "default"
"""The service that is wrong, and the tenant of whoever runs it."""
PIPELINE, LIVE, UNIT = "pipeline", "live", "interaction"


def internal_finding(
    score: str,
    *parts: str,
    at: datetime,
    severity: str,
    detector: str,
    note: str,
    n: int | None = None,
    tenant: str = OPERATOR,
    onset: datetime | None = None,
    slice_: str = ALL,
) -> Finding:
    """A finding of kind ``pipeline`` of something that began at ``onset`` (or at ``at``).

    Equal ``score`` and ``parts`` give one id. ``note`` says in words what happened; ``n`` is how many records
    it is about; ``slice_`` names the part of Lightship, if there are several.
    """
    began = onset or at
    return Finding(
        finding_id=finding_id(PIPELINE, score, *parts),
        alert_kind=PIPELINE,
        status="confirmed",
        tenant=tenant,
        lineage=LIVE,
        environment=None,
        service=SERVICE,
        unit=UNIT,
        score=score,
        slice=slice_,
        series=None,
        made_at=at,
        severity=severity,
        onset=began,
        onset_low=began,
        onset_high=began,
        direction="rise",
        n=n,
        detector=detector,
        notes=(note,),
    )
