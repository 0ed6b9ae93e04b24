"""One cause, one page: which incident a finding belongs to, and what it does to it. Pure.

A finding joins an incident of the same tenant, lineage, environment and service when

a. it has the fingerprint of one of its findings, or
b. its onset interval meets, within a few ticks, that of the incident (its lead's score), or
c. it is about the same unit and score as one of its findings, and began before the incident's end, or
d. it is a burst, over by itself, that began while the incident went on; when it is filed the incident may be
   over, too, and stays so (`lead.goes_on`).

Policy hits join by (a) and (c) alone: a leaked secret is not evidence for a drift that began at the same
time, and must page by itself. So do findings about the pipeline. When more findings than the storm limit
start within its window at one place, the rest join the newest incident there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alerts.incidents import primary_finding
from alerts.incidents.identity import (
    PIPELINE,
    POLICY,
    Interval,
    fingerprint,
    onset_interval,
    onset_ns,
    place_of,
    stated_ns,
)
from alerts.incidents.incident import BY_PEOPLE, FIXED, REOPENABLE, RESOLVED, Incident
from alerts.incidents.timing import Timing
from detectors.finding import SEVERITIES, Finding
from infra.clock import to_ns

MAX_FINDINGS = 24
"""Findings an incident keeps whole; later ones are counted, unless they are graver than one that is kept."""

MAX_SEEN = 512
"""Ids of counted findings that are remembered, so that a repeated message is not counted again."""

_APART = (POLICY, PIPELINE)


def place_finding(finding: Finding, incidents: Iterable[Incident], timing: Timing) -> Incident | None:
    """The incident a new finding joins; ``None`` when it starts one of its own.

    Of several that fit, one that began at the same time wins (b), then one with its fingerprint (a), one with
    its score (c), one it lies within (d); among equals the nearest onset: time says more about a common cause
    than names do.
    """
    here = [i for i in incidents if i.place == place_of(finding)]
    found = [(fit, i) for i in here if (fit := _fit(finding, i, timing)) is not None]
    if found:
        at = onset_ns(finding)
        return min(found, key=lambda x: (x[0], abs(x[1].onset_ns - at), -x[1].opened_ns, x[1].incident_id))[1]
    return _storm(finding, here, timing)


def _fit(finding: Finding, incident: Incident, timing: Timing) -> int | None:
    """How well a finding fits, 0 best; ``None``: not at all."""
    if not _takes(finding, incident, timing):
        return None
    end = incident.end_ns
    before_end = end is None or onset_ns(finding) <= end + timing.slack_ns
    kept = [f for f in incident.findings if primary_finding.supports(f)] or incident.findings
    # a burst brings back what was bursts alone
    is_like = finding.alert_kind != primary_finding.ANOMALY or primary_finding.is_bursts(incident.findings)
    comes_back = incident.is_open or (incident.ending in REOPENABLE and is_like)
    mark = fingerprint(finding)
    same_mark = (comes_back or before_end) and any(fingerprint(f) == mark for f in kept)
    same_score = before_end and any(
        (f.unit, f.score) == (finding.unit, finding.score)
        and (
            f.slice == finding.slice or finding.alert_kind != PIPELINE
        )  # each part of ours is its own matter
        for f in kept
    )
    same_time = finding.alert_kind not in _APART and _meets(finding, incident, timing)
    ways = (
        same_time and same_mark,
        same_time,
        same_mark,
        same_score,
        _lies_within(finding, incident, timing),
    )
    return ways.index(True) if any(ways) else None


def _takes(finding: Finding, incident: Incident, timing: Timing) -> bool:
    """Whether the incident still takes findings at all.

    One that a person ended takes what is no graver than itself and belongs to what was judged: nobody is told
    again of that. What came after it is told.
    """
    if incident.is_open:
        return True
    if incident.ending in BY_PEOPLE and _is_new(finding, incident):
        return False
    now_ns = max(to_ns(finding.made_at), incident.clock_ns)  # a statement may come after later ones
    if incident.state != RESOLVED or now_ns - incident.since_ns > timing.reopen_ns:
        return False
    graver = SEVERITIES.index(finding.severity) < SEVERITIES.index(incident.severity)
    return incident.ending in REOPENABLE or not graver


def _is_new(finding: Finding, incident: Incident) -> bool:
    """Whether a finding tells of something else than the person judged who ended the incident.

    A policy hit always does: each is a leak of its own. Once the incident forgot ids of hits, one no later
    than the last it counted may be a repeated message. Anything else does if the same had ended before it was
    found, or, where the cause was removed, if it began after that.
    """
    if finding.alert_kind == POLICY:
        forgot = len(incident.seen) >= MAX_SEEN and to_ns(finding.made_at) <= incident.hits.last_ns
        return not forgot
    mark = fingerprint(finding)
    before = [to_ns(f.ended_at) for f in incident.findings if f.ended_at and fingerprint(f) == mark]
    again = any(to_ns(finding.made_at) > end for end in before)
    fixed_ns = incident.resolved_ns if incident.ending == FIXED else None
    return again or (fixed_ns is not None and onset_interval(finding).low_ns > fixed_ns)


def _meets(finding: Finding, incident: Incident, timing: Timing) -> bool:
    """Rule b: the interval meets one of those that say when the incident began."""
    about = [
        f
        for f in primary_finding.relatives(incident.findings, incident.primary_finding)
        if f.alert_kind not in _APART
    ]
    mine: Interval = onset_interval(finding)
    return any(onset_interval(f).overlaps(mine, timing.slack_ns) for f in about)


def _lies_within(finding: Finding, incident: Incident, timing: Timing) -> bool:
    """Rule d: what an incident does besides, unless a person ended it."""
    if finding.alert_kind != primary_finding.ANOMALY or not (
        incident.is_open or incident.ending in REOPENABLE
    ):
        return False
    end = incident.end_ns
    began = onset_ns(finding)
    return incident.onset_ns - timing.slack_ns <= began and (end is None or began <= end + timing.slack_ns)


def _storm(finding: Finding, here: Sequence[Incident], timing: Timing) -> Incident | None:
    """The incident that takes what a storm brings, once there is a storm."""
    if finding.alert_kind in _APART:
        return None
    now = to_ns(finding.made_at)
    open_ = [i for i in here if i.is_open]
    recent = [
        f
        for i in open_
        for f in i.findings
        if f.alert_kind not in _APART and abs(now - to_ns(f.made_at)) <= timing.storm_ns
    ]
    if len(recent) < timing.storm_findings:
        return None
    return max(open_, key=lambda i: (i.opened_ns, i.incident_id))


def newer(old: Finding, new: Finding) -> bool:
    """Whether ``new`` says more than ``old`` about the same finding id; equal and older statements do not.

    A finding goes from provisional to confirmed to ended, or to withdrawn; it never goes back.
    """
    return _progress(new) > _progress(old)


def _progress(finding: Finding) -> tuple[int, int]:
    stage = {"provisional": 0, "confirmed": 1, "withdrawn": 3}[finding.status]
    if stage == 1 and finding.ended_at is not None:
        stage = 2
    return stage, stated_ns(finding)


def keep(findings: tuple[Finding, ...], new: Finding) -> tuple[tuple[Finding, ...], Finding | None]:
    """Add ``new``; when there are too many, drop the least important one that is over, else ``new``.

    Gives the findings and the one dropped. The first finding is never dropped: the incident's id is its.
    """
    if len(findings) < MAX_FINDINGS:
        return (*findings, new), None
    over = [f for f in findings[1:] if not primary_finding.is_active(f) and f.alert_kind != POLICY]
    graver = SEVERITIES.index(new.severity) < min(SEVERITIES.index(f.severity) for f in findings)
    if not over and not graver:
        return findings, new
    drop = over[0] if over else findings[-1]
    return (*(f for f in findings if f is not drop), new), drop


def remember(seen: tuple[str, ...], finding_id: str) -> tuple[str, ...]:
    """Add an id, forgetting the oldest beyond `MAX_SEEN`."""
    return (*seen, finding_id)[-MAX_SEEN:]
