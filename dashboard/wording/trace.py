"""Sentences about the newest calls, and of the page about one trace."""

from __future__ import annotations

NEWEST = "Newest calls"
NEWEST_NOTE = "as they are stored, whether or not their hour is closed"
NEWEST_ALT = "The calls that were stored last, the newest first"
NONE = "No call in the last 7 days."

TITLE = "Trace"
QUESTION = "What happened in this trace?"
BASE = "all its stored spans"
ASK = "Trace id"
ASK_HELP = "32 hexadecimal digits; lightship tail ends its lines with them"
NOT_AN_ID = "A trace id has 32 hexadecimal digits."
UNKNOWN = "Nothing of trace {trace} is stored in lineage {lineage}."
UNKNOWN_NEXT = "A span is stored seconds after it has ended; lightship doctor says what is wrong"
SPANS = "{calls} model calls, {steps} other spans"
SPANS_ALT = "The spans of the trace in order of their begin"
TEXTS = "Texts"
NO_TEXTS = "Texts are shown to analysts and responders."
NOT_KEPT = "No text: {why}"

START, SERVICE, WHAT, TOOK, TOKENS, OUTCOME, TRACE, SPAN = (
    "Start, UTC", "Service", "What", "Took, s", "Tokens in / out", "Outcome", "Trace", "Span",
)  # fmt: skip
SIDES = {
    "system": "System prompt", "prompt": "Prompt", "output": "Output", "tool_calls": "Tool calls",
    "error": "Error",
}  # fmt: skip
