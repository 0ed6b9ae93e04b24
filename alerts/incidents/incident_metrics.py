"""Open incidents and messages given up, in Prometheus' text form. Pure.

Numbers that name a tenant or service are added up for whoever does not have the key of the metrics
(`infra.metrics_key`). Names of receivers are the operator's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from alerts.incidents.incident import OPEN, Incident
from detectors.finding import SEVERITIES
from infra.metrics_key import PRIVATE_LABELS

INCIDENTS = "lightship_alerts_open_incidents"
GIVE_UPS = "lightship_alerts_give_ups_total"
_LABELS = ("tenant", "service", "severity", "state")


def open_incidents(incidents: Iterable[Incident], *, whole: bool) -> str:
    """A family with a line for each combination of labels; without names also for those of 0."""
    labels = [name for name in _LABELS if whole or name not in PRIVATE_LABELS]
    counts: Counter[tuple[str, ...]] = Counter()
    if not whole:
        counts.update({(severity, state): 0 for severity in SEVERITIES for state in OPEN})
    for incident in incidents:
        if incident.is_open:
            place = incident.place
            given = {
                "tenant": place.tenant,
                "service": place.service,
                "severity": incident.severity,
                "state": incident.state,
            }
            counts[tuple(given[name] for name in labels)] += 1
    lines = [f"# HELP {INCIDENTS} Incidents that are not over", f"# TYPE {INCIDENTS} gauge"]
    lines += [f"{INCIDENTS}{_labels(labels, values)} {n}" for values, n in sorted(counts.items())]
    return "\n".join(lines) + "\n"


def give_ups(by_receiver: Mapping[str, int]) -> str:
    """A family with a line for each receiver."""
    lines = [f"# HELP {GIVE_UPS} Messages given up, by receiver", f"# TYPE {GIVE_UPS} counter"]
    lines += [f"{GIVE_UPS}{_labels(['receiver'], (name,))} {n}" for name, n in sorted(by_receiver.items())]
    return "\n".join(lines) + "\n"


def _labels(names: Iterable[str], values: Iterable[str]) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    """A label's value, as prometheus.io/docs/instrumenting/exposition_formats asks."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
