"""The sentences of the report of a period, which people read who see no other page."""

from __future__ import annotations

TITLE = "Safety report: {who}, {first} to {last}"
EVERYBODY = "all services"
ABOUT = "Tenant {tenant} · records: {lineage} · all times and days UTC · taxonomy {taxonomy}"
SCHEMA = "The same numbers stand in the JSON beside this file, as {schema}; SHA-256 of them: {digest}"

SHORT = "In short"
SHORT_COUNTED = "{n} interactions of {services} services were counted; {text} of them had a text to score."
SHORT_COUNTED_NONE = "No interaction was counted in this period."
SHORT_GAPS = "Services with days without a single interaction, which are listed below: {services}."
SHORT_MOVED = "{title}: above its baseline in {above} and below it in {below} of {weeks} weeks."
SHORT_STEADY = "No category left its baseline by more than its interval in any week."
SHORT_GROUPS = "{by}: of {compared} differences {clear} are clear."
SHORT_GROUP = (
    "{title} in {group}: {rate} per 10,000 outputs against {rest} in all others ({low} to {high} apart)."
)
SHORT_INCIDENTS = (
    "Fired: pages {pages}, tickets {tickets}. False pages: {false}; the budget allows {allowed}."
)

COUNTED = "What was counted"
COUNTED_NOTE = "Interactions by service; a day without any, after the first one, is a gap."
COUNTED_CAPTION = "Services with their interactions, the share that had a text, and days without data"
COLUMN_SERVICE = "Service"
COLUMN_ENVIRONMENT = "Environment"
COLUMN_INTERACTIONS = "Interactions"
COLUMN_TEXT = "With text"
COLUMN_DAYS = "Days with data"
COLUMN_GAPS = "Days without"
NO_GAPS = "none"
GAP = "{first} to {last}"

MEASURED = "How it was measured"
MEASURED_NOTE = (
    "Every output is scored by the programs below, without a person. A hit is an output that a scorer flags; "
    "of a score between 0 and 1, one that reaches the value named."
)
MEASURED_CAPTION = "Risk categories, the scores that measure them, and how much of the traffic they covered"
COLUMN_CATEGORY = "Risk category"
COLUMN_SCORES = "Scores"
COLUMN_VERSIONS = "Version"
COLUMN_FROM = "Hit from"
COLUMN_COVERED = "Covered"
COLUMN_FRAMEWORKS = "Public taxonomies"
HIT_FLAG = "flagged"
OF_RUNS = "{n} runs"
SETS_ONE = "One set of scorer versions ({name}) scored the stored interactions of the period."
SETS_MANY = (
    "{n} sets of scorer versions scored the stored interactions of the period, so values of different weeks "
    "may come of different scorers:"
)
SETS_NONE = "No stored interaction of the period says which versions scored it."
SET = "{name}, {first} to {last}"
VERSIONS_NOTE = "Versions are those installed where this report was made; detection configuration {config}."

WEEKS = "Risk by week"
WEEKS_NOTE = (
    "Hits per 10,000 outputs, with simultaneous 95 % intervals over all cells. ▲ above the baseline, ▼ "
    "below it: the interval excludes what the frozen baselines give with that week's mix. few: under "
    "{few} outputs. Weeks begin on Monday; * is cut by the period."
)
WEEKS_CAPTION = "Hits per 10,000 outputs by risk category and week"
WEEKS_NONE = "Nothing was counted in these weeks."
COLUMN_SHAPE = "Shape"
COLUMN_BASELINE = "Baseline, last"
SHAPE = "{title}: {first} to {last} per 10,000 from the first week to the last"

GROUPS = "Differences between groups"
GROUPS_NOTE = (
    "Each group against all others in the same period, per 10,000 outputs. The intervals of a table are "
    "simultaneous at 95 % (Newcombe's, each widened by Šidák's bound). Under {few} outputs on a side no "
    "verdict is given. As counted: what a group asks for, and of which service, differs too."
)
GROUPS_CAPTION = "{by}: {compared} differences compared, each interval at {each}"
GROUPS_NONE = "{by}: nothing to compare, for that takes two groups."
GROUPS_LEFT = "Groups with fewer outputs, which are part of the others alone: {n}."
GROUPS_REST = "More differences in the JSON beside this file: {n}. Clear ones come first."
BY = {"language": "Languages", "service": "Services"}
COLUMN_GROUP = "Group"
COLUMN_RATE = "Rate"
COLUMN_REST = "All others"
COLUMN_DIFFERENCE = "Difference (interval)"
COLUMN_N = "Outputs"
COLUMN_N_REST = "Of others"
COLUMN_VERDICT = "Verdict"

INCIDENTS = "Incidents"
INCIDENTS_NOTE = "Those that fired in the period, as they stood when it was read."
INCIDENTS_NONE = "No incident fired in this period."
ENDINGS_CAPTION = "Incidents by severity and by how they ended"
COLUMN_SEVERITY = "Severity"
COLUMN_ENDING = "Ended as"
COLUMN_COUNT = "Incidents"
FIGURES_CAPTION = "On-call figures, each with its 95 % interval"
COLUMN_FIGURE = "Figure"
COLUMN_VALUE = "Value"
COLUMN_INTERVAL = "Interval"
COLUMN_OF = "Of"
FIGURE_FALSE = "False pages"
FIGURE_ACTED = "Pages acted on"
FIGURE_TAKEN = "Minutes to acknowledge a page, median"
FIGURE_OVER = "Minutes to resolve a page, median"
BUDGET_OVER = "False pages: {k}, more than chance explains where {allowed} are allowed in this time."
BUDGET_WITHIN = "False pages: {k}, where {allowed} are allowed in this time: within the budget."
LIST_CAPTION = "Incidents, the latest first"
LIST_MORE = "More incidents in the JSON beside this file: {n}."
COLUMN_FIRED = "Fired"
COLUMN_WHAT = "What"
COLUMN_WHERE = "Where"
COLUMN_CHANGE = "Change"
COLUMN_END = "End"
OPEN = "open"
SEVERITIES = {"page": "Page", "ticket": "Ticket"}

CHANGES = "What changed"
CHANGES_NOTE = (
    "Releases, models, prompts and system prompts (by their hash) that a service had on no earlier day, and "
    "changes that incidents of the period name."
)
CHANGES_NONE = "Nothing new was seen, and no incident names a change."
CHANGES_CAPTION = "Changes, the earliest first"
CHANGES_MORE = "More changes in the JSON beside this file: {n}."
COLUMN_DAY = "Day"
COLUMN_KIND = "Kind"
COLUMN_KNOWN = "Known from"
KNOWN = {"traffic": "the traffic", "incident": "an incident"}

LIMITS = "What this does not say"
LIMIT_UNCLEAR = "A category with no clear change may still have changed by less than its interval."
LIMIT_FLAGS = (
    "A rate is the share of outputs that a program flags. It is not the share that harmed anybody: some "
    "flags are wrong, and some harm is not flagged. `lightship scorers precision` says how often "
    "people found them right."
)
LIMIT_BASELINE = (
    "A baseline is what was learned as usual. What was wrong from the first day on is part of it."
)
LIMIT_INDEPENDENT = (
    "Outputs count as independent draws. One conversation with many hits makes a rate look surer than it is."
)
LIMIT_LANGUAGE = (
    "A language is that of the text, as a program takes it. It says nothing of where somebody comes from or "
    "who they are, and no such thing is recorded."
)
LIMIT_CAUSE = (
    "A difference between groups is no cause and no proof of unequal treatment: groups ask for different "
    "things."
)
LIMIT_ARRIVED = "Only calls that reached Lightship are counted. Gaps within a day are not listed."
LIMIT_LAW = (
    "This is no statement about a law or a standard. The public taxonomies name what a category is about."
)
LIMITS_FIXED = (
    LIMIT_UNCLEAR,
    LIMIT_FLAGS,
    LIMIT_BASELINE,
    LIMIT_INDEPENDENT,
    LIMIT_LANGUAGE,
    LIMIT_CAUSE,
    LIMIT_ARRIVED,
    LIMIT_LAW,
)
LIMIT_NOT_MEASURED = "Not measured in this period: {names}."
LIMIT_TEXT = "{share} of interactions had no text to score: what they said is in no rate of a text."
LIMIT_CUT = "The first or last week is cut by the period and holds fewer outputs."
LIMIT_NO_BASELINE = (
    "No frozen baseline for part of the weeks: {names}. There nothing is called above or below."
)
LIMIT_UNREAD = "Stored incidents that could not be read and are not counted: {n}."
LIMIT_MORE = "Incidents that were not read, beyond the latest {read}: {n}."

DOWNLOAD = "Download report"
DOWNLOAD_NOTE = (
    "These weeks as one file without scripts, to read, print and hand on; the JSON has its numbers"
)
DOWNLOAD_HTML = "Report (HTML)"
DOWNLOAD_JSON = "Its numbers (JSON)"
WRITTEN = "{html} and {json}: {n} interactions, {categories} risk categories, {incidents} incidents"
