"""Findings about Lightship itself: told as other incidents are, and ended by a person's word."""

from __future__ import annotations

from detectors.finding import ALL, Finding, finding_id
from infra.clock import NS_PER_S, to_datetime
from infra.kafka import FINDINGS
from ingest.log.clock_marks import LIVE
from ingest.messages import Output
from ingest.score.observing import INTERACTION

SERVICE, OPERATOR = "lightship", "default"
"""The service that is wrong, and the tenant of whoever runs it."""


def own_alarm(
    score: str,
    *parts: str,
    at_ns: int,
    severity: str,
    detector: str,
    note: str,
    n: int | None = None,
    tenant: str = OPERATOR,
) -> Output:
    """A finding of kind ``pipeline``, one for equal ``score`` and ``parts``; times are cut to the second.

    ``note`` says what happened in words; ``n`` is how many records it is about.
    """
    at = to_datetime(at_ns // NS_PER_S * NS_PER_S)
    finding = Finding(
        finding_id=finding_id("pipeline", score, *parts),
        alert_kind="pipeline",
        status="confirmed",
        tenant=tenant,
        lineage=LIVE,
        environment=None,
        service=SERVICE,
        unit=INTERACTION,
        score=score,
        slice=ALL,
        series=None,
        made_at=at,
        severity=severity,
        onset=at,
        onset_low=at,
        onset_high=at,
        direction="rise",
        n=n,
        detector=detector,
        notes=(note,),
    )
    return Output(FINDINGS.name, SERVICE.encode(), finding.to_json().encode(), 0)
