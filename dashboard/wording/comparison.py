"""The sentences of the drift page."""

from __future__ import annotations

QUESTION = "How does this score differ from its baseline?"

TITLE = "{title}, every {step}"
NOTE = "Band: where 95 % of points fall if nothing changed · bars: 95 % interval · UTC"
NOTE_QUIET = "Band: 95 % interval of each point · grey: {reference} · orange: clearly different · UTC"

EVIDENCE = "Evidence"
EVIDENCE_NOTE = (
    "That {what} changed, as a power of ten · recomputed from stored ticks of {step} · dashed: alert "
    "threshold"
)
OF_HITS = "the share"
OF_MEDIAN = "the share above the baseline's median"
EVIDENCE_NONE = "No evidence can be computed for this choice."
EVIDENCE_LONG = "It is computed for periods of up to {days} days"
EVIDENCE_LITTLE = "It needs a frozen baseline in this lineage and {n} of its ticks with outputs"

FOUND = "Findings about this series"
FOUND_NOTE = "In the period, the latest first"
FOUND_LINE = "{kind}, {status} {made} · onset {onset} ({low} to {high})"
FOUND_NONE = "No finding about this series in the period."
FOUND_NONE_NEXT = "Findings about other slices are under Incidents"

OUTPUTS = "See the outputs"
EXPLORE = "Explore"
FROM_INCIDENT = "How it differs from its baseline"
