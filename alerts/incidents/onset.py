"""Since when: the onset of an incident and of the change that its headline is about. Pure.

What was noticed at a time began by then. Detectors bound their own estimates so; here it is kept across the
findings of one incident, of which a later one may date the change after the incident itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alerts.incidents import primary_finding
from alerts.incidents.identity import POLICY, Interval, onset_interval, onset_ns
from detectors.finding import Finding
from infra.clock import to_ns


def incident_onset(findings: Sequence[Finding], noticed_ns: int) -> tuple[int, Interval]:
    """Estimate and interval of when the incident began, ns: no later than ``noticed_ns``.

    It is that of the spokesman, unless that lies wholly after the incident was noticed: then that of the
    first finding that does not.
    """
    candidates = [primary_finding.spokesman(findings), *filter(primary_finding.supports, findings), *findings]
    return _by(noticed_ns, candidates)


def change_onset(findings: Sequence[Finding], first_hit_ns: int | None = None) -> int:
    """When the change that the headline is about began, ns: no later than it was first noticed.

    ``first_hit_ns`` is the first hit of an incident about hits of a policy.
    """
    spokesman = primary_finding.spokesman(findings)
    family = primary_finding.relatives(findings, spokesman)
    noticed_ns = min(to_ns(f.made_at) for f in [spokesman, *family])
    if spokesman.alert_kind == POLICY and first_hit_ns is not None:
        noticed_ns = min(noticed_ns, first_hit_ns)
    return _by(noticed_ns, [spokesman, *family])[0]


def _by(noticed_ns: int, candidates: Iterable[Finding]) -> tuple[int, Interval]:
    known = [(onset_ns(f), onset_interval(f)) for f in candidates]
    at_ns, within = next((x for x in known if x[1].low_ns <= noticed_ns), known[0])
    low_ns, high_ns = min(within.low_ns, noticed_ns), min(within.high_ns, noticed_ns)
    return min(at_ns, noticed_ns), Interval(low_ns, high_ns)
