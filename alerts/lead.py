"""Which finding of an incident speaks for it, and which slice explains it. Pure functions over findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alerts.identity import POLICY
from detectors.finding import ALL, SEVERITIES, Finding, Suspect

MUCH_LARGER = 2.0
"""A slice explains a change when its own effect is this many times the effect over all traffic."""

MAX_SUSPECTS = 10

_HARM = frozenset({"error", "pii", "refusal", "secrets", "tool_loop", "truncated", "degenerate"})
"""Scores that are rates of harm to users, beside every policy."""


def supports(finding: Finding) -> bool:
    """Whether the statement still stands: it has not been withdrawn."""
    return finding.status != "withdrawn"


def is_active(finding: Finding) -> bool:
    """Whether a change worth acting on goes on. How long policy hits go on is the incident's business."""
    return (
        supports(finding)
        and finding.ended_at is None
        and finding.alert_kind != POLICY
        and finding.severity != "info"
    )


def is_harm(finding: Finding) -> bool:
    """Whether users are hurt at a rate, rather than a distribution having moved."""
    return finding.alert_kind in (POLICY, "silence", "slo") or finding.score in _HARM


def lead_of(findings: Sequence[Finding]) -> Finding:
    """The finding the headline is about.

    Highest severity first; then rates of harm before moved distributions, and waiting times, which follow
    from what is produced, last; then the strongest evidence, then the largest effect. Withdrawn findings
    lead only when nothing else is left.

    Raises
    ------
    ValueError
        If there is no finding.
    """
    if not findings:
        raise ValueError("an incident without findings has no lead")
    standing = [f for f in findings if supports(f)] or findings
    return min(standing, key=_rank)


def _rank(finding: Finding) -> tuple[int, bool, bool, float, float, str]:
    evidence = finding.evidence or 0.0
    return (
        SEVERITIES.index(finding.severity),
        not is_harm(finding),
        finding.score.endswith("_s"),  # measured in seconds
        -evidence,
        -abs(finding.effect or 0.0),
        finding.finding_id,
    )


def relatives(findings: Sequence[Finding], lead: Finding) -> list[Finding]:
    """Standing findings about the lead's score, the lead among them."""
    same = [f for f in findings if (f.unit, f.score) == (lead.unit, lead.score) and supports(f)]
    return same or [lead]


def explaining_slice(findings: Sequence[Finding]) -> str:
    """The slice that explains the incident, or ``all``.

    It is the first of the ranking that came with the finding over all traffic (else with the lead). A
    slice's own finding takes its place when its effect is `MUCH_LARGER` than that finding's, unless the
    ranked slice has at least as large an effect.
    """
    lead = lead_of(findings)
    family = relatives(findings, lead)
    parent = next((f for f in family if f.slice == ALL), lead)
    chosen, effect = (
        (parent.slices[0].slice, parent.slices[0].effect) if parent.slices else (parent.slice, None)
    )
    rival = max(family, key=lambda f: (abs(f.effect or 0.0), f.finding_id))
    if rival.slice in (ALL, chosen) or abs(rival.effect or 0.0) < MUCH_LARGER * abs(parent.effect or 0.0):
        return chosen
    ranked = chosen != ALL and (effect is None or abs(effect) >= abs(rival.effect or 0.0))
    return chosen if ranked and parent.slices else rival.slice


def spokesman(findings: Sequence[Finding]) -> Finding:
    """The finding whose numbers the headline shows: about the explaining slice where there is one."""
    lead = lead_of(findings)
    where = explaining_slice(findings)
    about = [f for f in relatives(findings, lead) if f.slice == where]
    return min(about, key=_rank) if about else lead


def merged_suspects(findings: Sequence[Finding]) -> tuple[Suspect, ...]:
    """What changed near the onset, the lead's own suspects first, each once, at most `MAX_SUSPECTS`."""
    lead = lead_of(findings)
    ordered: Iterable[Finding] = (lead, *(f for f in findings if f is not lead and supports(f)))
    out: dict[tuple[str, str], Suspect] = {}
    for finding in ordered:
        for suspect in finding.suspects:
            out.setdefault((suspect.kind, suspect.value), suspect)
    return tuple(out.values())[:MAX_SUSPECTS]
