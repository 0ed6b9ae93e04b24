"""The sentences of the trends page's comparison of groups."""

from __future__ import annotations

GAPS = "Differences between groups"
GAPS_NOTE = (
    "Each group against the rest of the same outputs over these weeks · hits per 10,000 · simultaneous 95"
    " % intervals over the {judged} differences (Newcombe, each at {each} by Šidák) · few: under {few} "
    "outputs on a side, no verdict"
)
GAPS_BY = "Compare"
GAPS_LANGUAGE = "Languages"
GAPS_SERVICE = "Services"
GAPS_APART = "Clear differences: {clear} of {judged}."
GAPS_SAME = "None of {judged} differences is clear; one smaller than its interval may still be there."
GAPS_WHY = (
    "As counted: what a group asks for, and of which service, differs too. Outputs count as independent, so "
    "a difference that one heavy user makes looks surer than it is."
)
GAPS_LEFT = "Groups with fewer outputs, which are in the rest alone: {n}."
GAPS_NOBODY = "Nothing to compare."
GAPS_NOBODY_NEXT = "At least two groups are needed"
GAPS_ALT = "Risk categories by group: rate, rate of the rest, difference with interval, outputs, verdict."
GAPS_DOWNLOAD = "Download differences"

GAP_ABOVE = "▲ more than the rest"
GAP_BELOW = "▼ less than the rest"
GAP_NONE = "no clear difference"

COLUMN_CATEGORY = "Risk category"
COLUMN_GROUP = "Group"
COLUMN_RATE = "Rate"
COLUMN_REST = "Rest"
COLUMN_DIFFERENCE = "Difference"
COLUMN_INTERVAL = "Interval"
COLUMN_N = "Outputs"
COLUMN_N_REST = "Outputs of the rest"
COLUMN_VERDICT = "Verdict"
