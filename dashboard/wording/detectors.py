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
RECORD = "For nothing"
RECORD_NOTE = "{low} to {high} · {k} of {n} judged"
RECORD_NONE = "nobody judged anything yet"
ENGINE = "Engine"
ENGINE_VERSION = "version {value}"
ENGINE_NOTE = "{name} · config {value} since {at}"
ENGINE_NONE = "detection has not run yet"
OTHER_CONFIG = "Detection runs with another configuration than the settings here give."
OTHER_CONFIG_NEXT = (
    "It runs with {running}, the settings give {here}: restart the workers, or look at their settings"
)

BUDGET = "What may be raised for nothing, and what was"
BUDGET_NOTE = (
    "Grey: expected at most, by the thresholds · mark: what the budget allows · point: what people called "
    "nothing or detection took back, with its interval"
)
SHARES = "Budget by service"
SHARES_NOTE = "Each service spends its own share; nobody spends another's"
SERVICE, SERIES = "Service", "Series"
PAGES_MONTH, TICKETS_WEEK = "Pages a month", "Tickets a week"
FIRED_PAGES, FALSE_PAGES = "Pages", "Of them false"
FIRED_TICKETS, FALSE_TICKETS = "Tickets", "Of them false "
OPEN = "Open"
SHARES_ALT = "One row per service: its share of the budget, what fired, what was for nothing."

TABLE = "Every score"
TABLE_NOTE = "{n} scores of {services} services"
STATE_ALL = "All"
SCORE = "Score"
STANDING = "State"
ITS_SERIES = "Series"
ITS_SERIES_HELP = "Of all traffic and of its slices"
RESTS_ON = "Rests on"
RESTS_ON_HELP = "Outputs in the frozen baseline"
EVIDENCE = "Evidence"
EVIDENCE_HELP = (
    "Now, as a part of what it takes to tell: 1/800 is far from it. Chance alone brings it there once in the "
    "time the budget says"
)
NOTICES = "Notices in 1 d"
NOTICES_HELP = "Smallest change found within a day at present traffic"
FIRED = "Fired"
ENDED = "How it ended"
ENDED_HELP = "Of what people judged or detection took back"
TABLE_ALT = (
    "One row per service and score: state, series, baseline size, evidence, what it notices, its record."
)
NOTHING = "No score is {state} now."
UNDO = "Show all of them"
VERIFY = "A finding can be computed again from what is stored, bit for bit: lightship verify ID"
