"""Sentences of the page about learned levels."""

from __future__ import annotations

TITLE = "Levels"
QUESTION = "Is what was learned what we want?"
BASE = "frozen baselines over all traffic of each score"

BEYOND, PROPOSED, WITHIN, ACCEPTED = "Beyond limit", "Proposed", "Within limit", "Accepted"
BEYOND_NOTE = "the whole interval lies above the declared limit"
PROPOSED_NOTE = "no person and no limit has approved it yet"
WITHIN_NOTE = "the whole interval lies under the declared limit"
ACCEPTED_NOTE = "by a person, with a reason"

TABLE = "Learned levels"
TABLE_NOTE = (
    "What was wrong from the first day is learned like anything else: a level is a proposal until it lies"
    " within a limit or a person accepts it"
)
VERDICT = "Verdict"
CATEGORY = "Category"
LEVEL = "Level (95 % interval)"
EXAMPLES = "Hits · baseline size"
EXAMPLES_HELP = "Hits among the outputs the level was learned from; of lengths and the like the outputs alone"
LIMIT = "Limit"
LIMIT_HELP = "Declared in the settings: [[limit]]"
GAP = "To others"
GAP_HELP = "How far above the median of other services of this lineage, and how many they are"
SAID = "Accepted by"
TABLE_ALT = "One row per service and score: verdict, level with interval, hits, limit, gap, who accepted it."
SHOW = {
    "All": "",
    "Beyond": "beyond limit",
    "Proposed": "proposed",
    "Within": "within limit",
    "Accepted": "accepted",
}
NOTHING = "No level is {shown} here."
NOTHING_NEXT = "{n} levels are hidden by this choice"
UNDO = "Show all"
NONE = "No level has been learned yet."
NONE_NEXT = "Series learn for {days} days, then their levels appear here as proposals"

ACCEPT = "Accept levels"
ACCEPT_NOTE = "Confirms that these levels are wanted. Accept a later change through its incident"
ACCEPT_SERVICE = "Service"
ACCEPT_SCORES = "Scores"
ACCEPT_WHY = "Why are they fine?"
ACCEPT_DO = "Accept"
ACCEPT_NONE = "Every level is within its limit or accepted."
ACCEPT_ROLE = "Accepting a level needs the responder role; yours is {role}."
ACCEPTED_SAID = "Recorded: {names}. It appears here once detection closes its next tick."
REFUSED = "Not recorded for {name}: {reason}"
NEEDS_WHY = "Not recorded: a reason is needed"
NEEDS_SCORES = "Not recorded: choose at least one score"

COMPARED = "{score} in every service"
COMPARED_NOTE = (
    "Dot and rule: level with its interval · short mark: limit · dashed: median of all · orange: beyond limit"
)
COMPARED_MORE = "The {n} highest of {of}."
