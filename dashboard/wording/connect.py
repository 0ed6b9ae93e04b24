"""Sentences of the page about connecting applications."""

from __future__ import annotations

TITLE = "Connect"
QUESTION = "Does what I sent arrive, and is it complete?"
BASE = "the last 200 calls of each service, at most 7 days old"

SEEN = "What arrives"
SEEN_NOTE = "Looks every 10 s by itself"
WAITING = "No model call has arrived yet in lineage {lineage}."
WAITING_NEXT = "Set the variables below where the application starts, start it, ask it something"
FIRST = "First call seen"
NEWEST = "Newest call"
SEEN_LINE = "{service} · {dialect} · {model} · {at} UTC, {age} ago"
NO_MODEL = "no model named"

STEP_VARIABLES = "1 · Point the application here"
STEP_VARIABLES_NOTE = "What lightship env prints, which also looks at the application's own packages"
STEP_KEY = "The gateway asks for a key: lightship keys create --name my-app makes one"
STEP_ELSEWHERE = "From another machine put the gateway's own address in place of this one"
STEP_FRAMEWORK = "2 · Instrument it"
STEP_FRAMEWORK_NOTE = "One instrumentation of a client: two give two spans for one call"

SILENT = "Sent, and no call seen"
SILENT_NOTE = "Spans without a model call, and log records of calls that name no span"
MISSING = "3 · See what is missing"
MISSING_NOTE = "As lightship doctor says it of services; it looks at doors, topics, clocks and disks as well"
CALLS = "calls looked at: {n} · {dialect} · newest {at}"
SCORES = "{k} of {of} scores of single calls are measured"
NO_TEXT = "No text: {off} of {of} scores are off. Set this:"
"""What is off is what none of the last calls has; some scores need more than text."""
