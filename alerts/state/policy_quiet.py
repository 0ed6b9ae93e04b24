"""When policy hits are over: for the quiet time none came, and traffic went by without them. Pure."""

from __future__ import annotations

from collections.abc import Callable

from alerts.incidents.identity import LIVE, POLICY, place_of
from alerts.incidents.incident import Incident
from alerts.incidents.timing import Timing
from alerts.state.incident_state import Change, IncidentState
from alerts.state.ports import Closed
from detectors.finding import Finding
from infra.clock import NS_PER_S, to_ns


def policy_scores(incident: Incident) -> list[str]:
    """Scores whose hits an incident counts."""
    return sorted({f.score for f in incident.findings if f.alert_kind == POLICY})


def quieten(draft: IncidentState, incident: Incident, seen: Closed, now_ns: int) -> list[Change]:
    """End the hits of an incident if they have stopped, as far as closed ticks tell."""
    timing = draft.timing
    silent_ns = now_ns - incident.hits.last_ns if incident.hits.active else 0
    if silent_ns < timing.quiet_ns or seen.n < timing.quiet_interactions or seen.hits:
        return []
    return [draft.end_quiet(incident, seen.n)]


def quieten_before(
    draft: IncidentState, finding: Finding, closed: Callable[[Incident, int, int], Closed]
) -> list[Change]:
    """End policy hits that had stopped before this finding, so that it is not taken for more of them.

    ``closed`` tells what the ticks of an incident's place hold that begin after one time and before another.
    Only live: the hits of an import are said long before its ticks are closed.
    """
    if finding.alert_kind != POLICY or finding.lineage != LIVE:
        return []
    timing: Timing = draft.timing
    changes: list[Change] = []
    now_ns = to_ns(finding.made_at)
    before_ns = now_ns - timing.tick_s * NS_PER_S  # its own tick holds the hit
    for incident in draft.at(place_of(finding)):
        last_ns = incident.hits.last_ns
        if incident.is_open and incident.hits.active and now_ns - last_ns > timing.quiet_ns:
            changes += quieten(draft, incident, closed(incident, last_ns, before_ns), now_ns)
    return changes
