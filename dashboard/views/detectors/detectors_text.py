"""Sentences of the page about detection itself."""

from __future__ import annotations

TITLE = "Detectors"
QUESTION = "Can I trust the detector?"
BASE = "incidents that opened in the last {days} days, on the clock of the lineage"

WATCHING = "Watching"
WATCHING_NOTE = "series of {n} · {learning} learning, {stale} stale"
PAGES = "False pages"
TICKETS = "False tickets"
SPENT_NOTE = "{low} to {high} · {allowed} allowed, {expected} expected at most"
RECORD = "False-alarm share"
RECORD_NOTE = "{low} to {high} · {k} of {n} reviewed"
RECORD_NONE = "nothing reviewed yet"
ENGINE = "Engine"
ENGINE_VERSION = "version {value}"
ENGINE_NOTE = "{name} · config {value} since {at}"
ENGINE_NONE = "detection has not run yet"
OTHER_CONFIG = "Detection runs with a different configuration than these settings."
OTHER_CONFIG_NEXT = "Running: {running}; settings: {here}. Restart the workers, or check their settings"

BUDGET = "False alarms: allowed and observed"
BUDGET_NOTE = (
    "Grey: most expected at these thresholds · mark: allowed by the budget · point: false alarms and "
    "withdrawn findings, with interval"
)
SHARES = "Budget by service"
SHARES_NOTE = "Each service spends only its own share"
SERVICE, SERIES = "Service", "Series"
PAGES_MONTH, TICKETS_WEEK = "Pages a month", "Tickets a week"
FIRED_PAGES, FALSE_PAGES = "Pages", "Of them false"
FIRED_TICKETS, FALSE_TICKETS = "Tickets", "Of them false "
OPEN = "Open"
SHARES_ALT = "One row per service: its share of the budget, what fired, how much of it was false."

TABLE = "Every score"
TABLE_NOTE = "{n} scores of {services} services"
STATE_ALL = "All"
SCORE = "Score"
STANDING = "State"
ITS_SERIES = "Series"
ITS_SERIES_HELP = "Of all traffic and of its slices"
RESTS_ON = "Baseline size"
RESTS_ON_HELP = "Outputs in the frozen baseline"
EVIDENCE = "Evidence"
EVIDENCE_HELP = (
    "As a fraction of the alert threshold: 1/800 is far from it. Chance alone reaches the threshold as "
    "rarely as the budget says"
)
NOTICES = "Detectable in 1 d"
NOTICES_HELP = "Smallest change found within a day at present traffic"
FIRED = "Fired"
ENDED = "How it ended"
ENDED_HELP = "Of incidents that people reviewed or detection withdrew"
TABLE_ALT = (
    "One row per service and score: state, series, baseline size, evidence, what is detectable, its record."
)
NOTHING = "No score is {state} now."
UNDO = "Show all"
VERIFY = "Any finding can be recomputed from stored evidence, bit for bit: lightship verify ID"
