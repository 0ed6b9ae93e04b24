"""The sentences of the outputs page."""

from __future__ import annotations

QUESTION = "What do the changed outputs look like?"

FIND = "Words in prompt or output"
FIND_HELP = "All of them, whole words, in any case; in scripts without spaces any part"
ONLY = "Only with"
ONLY_HELP = "Values of dimensions (any of one dimension's, all dimensions), and flags that were hit"

CHANGED = "{title}: {step}"
CHANGED_NOTE = "{effect} · {n} outputs, reference {before}"
CHANGED_FEW = "too few outputs to say whether it changed · {n} outputs, reference {before}"

NOW = "In the period"
BEFORE = "Reference"
NOTE_HITS = "{n} with it, newest first · redacted"
NOTE_RANKED = "{n} that moved it most · redacted"
NOTE_BEFORE = "{n} from {name} · redacted"
NONE = "No stored text matches."
NONE_NEXT = "Texts are kept for {days} days at most, scores longer; fewer filters or another period may help"
NO_TEXTS = "Outputs are shown to analysts and responders."
NO_TEXTS_NEXT = "Your role is {role}; Explore shows the same choice in numbers"

CONTEXT = "In context"
CONTEXT_NOTE = "The run an output belongs to, step by step, and the rest of its conversation"
LOOK = "Look into"
NOTHING_CHOSEN = "none"
GONE = "That output is not in this lineage, or no longer stored."
GONE_NEXT = "A link to an output is good for as long as its row is kept"
STEPS = "Steps of its run"
STEPS_NOTE = "{n} steps · {service} · durations in seconds · arguments and words are redacted and cut"
STEPS_ALT = (
    "One row per step of the run: what it was, its name, when it began, how long it took, what it said."
)
NO_STEPS = "Nothing else is known of its run."
TURNS = "Its conversation"
TURNS_NOTE = "{n} outputs within a day · redacted"
COLUMN_STEP = "Step"
COLUMN_WHAT = "Kind"
COLUMN_BEGIN = "Began (UTC)"
COLUMN_TOOK = "Took"
COLUMN_FAILED = "Error"
COLUMN_SAID = "Arguments, words"
FAILED = "✗ error"
"""The word that stands beside a step that failed."""
