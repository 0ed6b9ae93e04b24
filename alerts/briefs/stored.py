"""What the store knows of an incident beyond its findings: figures up to now, particulars and examples."""

from __future__ import annotations

from alerts.briefs.brief import Example
from alerts.briefs.examples import examples_of
from alerts.briefs.live_tally import Query, live_tally
from alerts.briefs.particulars import particulars_of
from alerts.briefs.run_examples import run_examples
from alerts.briefs.tally import Tally
from alerts.incidents.incident import Incident

Found = tuple[Tally | None, tuple[str, ...]]
"""How many an incident has hit, and what is known of them."""


def counted_in(incident: Incident, query: Query) -> Found:
    """Figures up to now."""
    return live_tally(incident, query), particulars_of(incident, query)


def examples_in(incident: Incident, query: Query) -> tuple[Example, ...]:
    """Redacted interactions from both sides of the onset; of a change in runs, runs that carry it."""
    return (run_examples if incident.unit == "trace" else examples_of)(incident, query)
