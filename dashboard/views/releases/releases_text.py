"""The sentences of the releases page."""

from __future__ import annotations

QUESTION = "Did a model, prompt or index change cause it?"
BASELINE = "each value against the others of its dimension"

TITLES = {
    "release": "By release",
    "response_model": "By response model",
    "prompt_version": "By prompt version",
    "system_prompt": "By system prompt",
}
NOTE = (
    "Difference from the rest in the same {width} and language · simultaneous intervals · grey: no clear "
    "difference"
)
ONE = "Every output had the same: {value}."
ONE_NEXT = "Since {since}"
NONE = "No output names one."
NONE_NEXT = "Applications send it with each call; see Framework by framework"
ALT = "{title}. One row per value: since when, outputs, level, difference as counted and within strata."
MIX = (
    "The two differences disagree: part of the difference as counted comes from the mix of {width} and "
    "language."
)

COLUMN_VALUE = "Value"
COLUMN_SINCE = "First seen (UTC)"
COLUMN_N = "Outputs"
COLUMN_LEVEL = "Level (95 %)"
COLUMN_COUNTED = "Difference, as counted"
COLUMN_WITHIN = "Same {width}, same language"
COLUMN_COMPARED = "Compared"
COLUMN_COMPARED_HELP = "Share of its outputs in a stretch of time and language that had other values, too"
COLUMN_VERDICT = "Verdict"

CHANGES = "What changed"
CHANGES_NOTE = (
    "Values first seen in the period, recorded changes, and what incidents of the service name · UTC"
)
CHANGES_NONE = "Nothing new was seen, nothing was recorded, and no incident names a change."
CHANGES_NONE_NEXT = "Record one with `lightship mark`: an index rebuild or a flag is not in the traffic"
APPEARED = "{what} {value}, first seen"
RECORDED = "{kind} {value}, recorded"
NAMED = "{kind} {value}, named by an incident"

NOT_HERE = "This is compared for interactions."
NOT_HERE_NEXT = "Explore shows the same score by slice"
TOO_LONG = "This is compared for periods of up to {days} days."
"""Every single output is looked at."""
