"""Findings about Lightship itself, as messages of the log of findings."""

from __future__ import annotations

from typing import Any

from detectors.internal_finding import internal_finding
from infra.clock import NS_PER_S, to_datetime
from infra.kafka import FINDINGS
from ingest.messages import Output


def internal_alarm(score: str, *parts: str, at_ns: int, **said: Any) -> Output:
    """What `own_finding` makes of it; times are cut to the second."""
    finding = internal_finding(score, *parts, at=to_datetime(at_ns // NS_PER_S * NS_PER_S), **said)
    return Output(FINDINGS.name, finding.service.encode(), finding.to_json().encode(), 0)
