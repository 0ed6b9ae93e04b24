"""Who a finding is about, and when its cause began: fingerprints, incident ids, onset intervals.

A fingerprint holds identity only: measured values, severity, releases or hashes in it would make a new alert
of every evaluation.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from detectors.finding import Finding
from infra.clock import NS_PER_S, to_ns

LIVE = "live"
"""The lineage whose clock is the one on the wall."""
POLICY = "policy"
PIPELINE = "pipeline"
RULE = "rule"
SILENCE = "silence"
"""The kind of finding that says a service sends nothing; what a person quiets is in `alerts.silences`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose incidents can be one: nothing is ever grouped across two places."""

    tenant: str
    lineage: str
    environment: str | None
    service: str


def place_of(finding: Finding) -> Place:
    """Place of a finding; an empty environment is no environment."""
    return Place(finding.tenant, finding.lineage, finding.environment or None, finding.service)


def fingerprint(finding: Finding) -> str:
    """16 hex digits of SHA-256 over the finding's identity, as canonical JSON."""
    return _hash(
        {
            "alert_kind": finding.alert_kind,
            "environment": finding.environment or None,
            "lineage": finding.lineage,
            "score": finding.score,
            "service": finding.service,
            "slice": finding.slice,
            "tenant": finding.tenant,
            "unit": finding.unit,
        }
    )


def incident_id(finding: Finding, tick_s: int, again: int = 0) -> str:
    """16 hex digits of SHA-256 over the first finding's fingerprint and its onset's tick.

    ``tick_s`` is the detector's tick in seconds. ``again`` counts incidents of the same fingerprint and tick
    that are over for good, so that a new one does not take the id of a closed one.
    """
    body: dict[str, str | int | None] = {
        "fingerprint": fingerprint(finding),
        "onset_tick": onset_ns(finding) // (tick_s * NS_PER_S),
    }
    return _hash({**body, "again": again} if again else body)


def _hash(value: dict[str, str | int | None]) -> str:
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def stated_ns(finding: Finding) -> int:
    """Time of a statement on the clock of its lineage; that of an end may keep the time it was first made."""
    return to_ns(max(finding.made_at, finding.ended_at or finding.made_at))


def onset_ns(finding: Finding) -> int:
    """Best estimate of when the cause began; a finding without one (a policy hit) began when it was made."""
    return to_ns(finding.onset or finding.made_at)


@dataclass(frozen=True, slots=True)
class Interval:
    """Closed interval of time, ns since 1970 UTC."""

    low_ns: int
    high_ns: int

    def overlaps(self, other: Interval, slack_ns: int = 0) -> bool:
        """Whether the two meet once this one is widened by ``slack_ns`` on both sides."""
        return self.low_ns - slack_ns <= other.high_ns and other.low_ns <= self.high_ns + slack_ns


def onset_interval(finding: Finding) -> Interval:
    """Interval the onset lies in; its estimate where no interval is given."""
    at = onset_ns(finding)
    low = to_ns(finding.onset_low) if finding.onset_low else at
    high = to_ns(finding.onset_high) if finding.onset_high else at
    return Interval(min(low, at), max(high, at))


def shown_ns(finding: Finding) -> int:
    """How far a statement shows that data came: one of silence says so of the time until its onset."""
    said = stated_ns(finding)
    return min(said, onset_interval(finding).low_ns) if finding.alert_kind == SILENCE else said
