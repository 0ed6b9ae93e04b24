"""The sentences of the cause page."""

from __future__ import annotations

QUESTION = "What goes with the change?"

WHERE = "Where it changed"
WHERE_NOTE = "Effect in {unit}, intervals that hold together · grey: no clear change · slices overlap"
WHERE_NONE = "No slice had enough outputs on both sides."
WHERE_NONE_NEXT = "At least {n} on each are needed"
NARROW = "Slices"
NARROW_NOTE = "Farthest first · select one to look at it alone"
NARROW_ALT = "Slices with their outputs, change with interval and verdict, the farthest first."
COLUMN_SLICE = "Slice"
COLUMN_EFFECT = "Change"
COLUMN_N = "Outputs"
COLUMN_VERDICT = "Verdict"
BACK = "Back to all traffic"

SCORES = "Scores that go with it"
SCORES_NOTE = (
    "Rank correlation over {n} of {of} outputs of the service in the period · intervals hold together"
)
SCORES_ALT = "Scores with their rank correlation and its interval, the strongest first."
SCORES_NONE = "No score goes with it."
SCORES_NONE_NEXT = "Looked at: {n} outputs of the period; at least {least} with both scores are needed"
COLUMN_SCORE = "Score"
COLUMN_RHO = "Correlation"
COLUMN_RHO_INTERVAL = "95 % interval"

TERMS = "Words gained and lost"
TERMS_NOTE = (
    "Share of {n} texts of the period and {before} of the reference with it · intervals hold together"
)
GAINED = "Gained"
LOST = "Lost"
SIDE = "Words of"
TERMS_NONE = "No word is in clearly more or fewer of them."
TERMS_FEW = "Too few texts: {n} of the period, {before} of the reference."
TERMS_NEXT = "At least {least} on each side are needed; texts are kept for 30 days at most"
TERMS_ALT = "{side}: words with their shares before and now, and the interval of the difference."
TERMS_SELECT = "Select a word to see outputs with it"
COLUMN_WORD = "Word"
COLUMN_BEFORE = "Reference"
COLUMN_NOW = "Period"
COLUMN_GAP = "Change"
"""Of their share, in percentage points."""
