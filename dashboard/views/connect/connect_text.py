"""Sentences of the page about connecting applications."""

from __future__ import annotations

TITLE = "Connect"
QUESTION = "Does what I sent arrive, and is it complete?"
BASE = "the last 200 calls of each service, at most 7 days old"

SEEN = "What arrives"
SEEN_NOTE = "Refreshes every 10 s"
WAITING = "No model call has arrived yet in lineage {lineage}."
WAITING_NEXT = "Set the variables below where the application starts, start it, ask it something"
FIRST = "First call seen"
NEWEST = "Newest call"
SEEN_LINE = "{service} · {dialect} · {model} · {at} UTC, {age} ago"
NO_MODEL = "no model named"

STEP_VARIABLES = "1 · Point the application here"
STEP_VARIABLES_NOTE = "As printed by lightship env, which also inspects the application's packages"
STEP_KEY = "The gateway requires a key: create one with lightship keys create --name my-app"
STEP_ELSEWHERE = "From another machine, use the gateway's address instead of this one"
STEP_FRAMEWORK = "2 · Instrument it"
STEP_FRAMEWORK_NOTE = "Use one instrumentation per client: two give two spans for one call"

SILENT = "Sending, but no model call seen"
SILENT_NOTE = "Spans without a model call, and log records of calls that name no span"
MISSING = "3 · See what is missing"
MISSING_NOTE = "As lightship doctor reports it; doctor also checks endpoints, topics, clocks and disks"
CALLS = "calls looked at: {n} · {dialect} · newest {at}"
SCORES = "{k} of {of} scores of single calls are measured"
NO_TEXT = "No text: {off} of {of} scores are off. Set this:"
"""What is off is what none of the last calls has; some scores need more than text."""
