"""Every fixed sentence of the dashboard. Facts are filled in with ``format``; names enter cleaned."""

from __future__ import annotations

TITLE = "Lightship"
EXPLORE = "Explore"
DRIFT = "Drift"
OUTPUTS = "Outputs"
RELEASES = "Releases"
CAUSE = "Cause"

# sidebar
LINEAGE = "Lineage"
LINEAGE_HELP = "Where records come from and whose clock counts: live traffic, a demo, an import, a replay"
LINEAGE_UNKNOWN = "The link names a lineage that does not exist; live traffic is shown."
PIPELINE = "pipeline"
PIPELINE_MORE = "and {n} more: see Pipeline"
PIPELINE_LAG = "newest record {age} old · {lost} lost"
PIPELINE_NO_RECORD = "no live record yet · {lost} lost"
PIPELINE_REPORTED = "reported {age} ago · {lost} lost"
PIPELINE_ACCOUNT = "of {received} records since {since}"
ALL_UTC = "{lineage} · all times UTC"

# every page
UPDATED = "Updated {at}"
STALE = "The store does not answer; numbers are from {at}. Retrying every 30 s; records wait in Kafka."
NEWER = "newer numbers have arrived"
NEWER_STORE = "the store answers again"
NEWER_INCIDENT = "an incident has changed since"
REFRESH = "Refresh"
NO_STORE = "The store does not answer, and there is nothing from before to show."
NO_STORE_NEXT = (
    "{reason} · the page tries again when it is opened or reloaded; records wait in Kafka meanwhile"
)
MISCONFIGURED = "A setting of the dashboard cannot work."
DEFECT = "This page failed to draw. The reason is in the dashboard's log."
PANEL_FAILED = "“{panel}” could not be drawn"
PANEL_FACTS, PANEL_CHANGE, PANEL_SHAPE, PANEL_TEXTS = "Facts", "Change over time", "Shape", "Examples"
PANEL_EVIDENCE, PANEL_TABLE, PANEL_FOUND, PANEL_GROUPS = "Evidence", "Table", "Findings", "Groups compared"
PANEL_FAILED_NEXT = "The rest of the page is complete. The reason is in the dashboard's log: {fault}."

# fleet
FLEET = "Fleet"
FLEET_QUESTION = "Which services changed, and since when?"
FLEET_BASELINE = "baselines frozen per series"
FLEET_PAGE_HELP = "Services with an open incident that pages"
FLEET_TICKET_HELP = "Services with an open incident that is a ticket"
FLEET_NO_DATA_HELP = "Services that should send and do not"
FLEET_LEARNING_HELP = "Services whose baseline is not complete: they cannot page for drift yet"
FLEET_OK_HELP = "Watched, data fresh, no open incident"
FLEET_OUTPUTS = "Outputs, 24 h"
FLEET_FALSE = "False pages, 30 d"
FLEET_FALSE_VALUE = "{false} of {pages}"
FLEET_FALSE_HELP = "Pages that a person called false alarms, of all pages"
ATTENTION = "Needs attention"
ATTENTION_NOTE = "Open incidents, most urgent first"
ATTENTION_MORE = "Open incidents, most urgent first · {n} more under Incidents"
NOTHING_OPEN = "No service has changed."
NOTHING_OPEN_NEXT = "Checked: {services} services, {series} series"
NOTHING_JUDGED = "No incident is open, and no service can be evaluated yet."
NOTHING_JUDGED_NEXT = (
    "Each is still learning its baseline or sends nothing; the table below says which and until when"
)
NO_SERVICES = "Nothing has arrived in lineage {lineage}."
NO_SERVICES_NEXT = "Point an app's OTLP exporter at the gateway, or choose another lineage"
OTHER_LINEAGE = "Show {lineage}"
ALL_SERVICES = "All services"
SHOW = "Show"
SHOW_ALL, SHOW_CHANGED, SHOW_OK = "All", "Changed", "OK"
SHOWN_NONE = "No service is {wanted} now."
SHOWN_NONE_NEXT = "{n} services are hidden by this choice"
SHOWN_UNDO = "Show all services"
FLEET_COUNT = "{n} services{where} · select a row to open its incident"
FLEET_WHERE = ", in {environment} unless named"
NO_INCIDENT = "No open incident on this service."
FLEET_ALT = (
    "One row per service: state, outputs over 24 hours, worst change with its interval, since when, slice."
)
COLUMN_STATE = "State"
COLUMN_SERVICE = "Service"
COLUMN_HOURS = "24 h"
COLUMN_HOURS_HELP = "Outputs per hour; each row has its own scale, zero at the bottom"
COLUMN_OUTPUTS = "Outputs"
RELEASES = "Releases"
CAUSE = "Cause"
COLUMN_CHANGE = "Worst change"
COLUMN_EFFECT = "Effect (95 % interval)"
COLUMN_SINCE = "Since (UTC)"
COLUMN_SLICE = "Slice · share"
COLUMN_NEWEST = "Newest"
COLUMN_NEWEST_HELP = "Age of the newest output"
SILENT_CHANGE = "no outputs"
SILENT_USUAL = "none, usually {n}/h"
SENTENCE_SILENT = (
    "No outputs since {since}; usually {usual} an hour at this time. No data is not the same as no drift."
)
SENTENCE_SILENT_UNUSUAL = "No outputs since {since}. No data is not the same as no drift."
SENTENCE_CHANGE = "{what} since {since}{where}{suspect}."
SENTENCE_IN = " in {slice}"
SENTENCE_MOSTLY = ", mostly {slice}"
SENTENCE_SUSPECT = "; {kind} {value} came at {at}"

PROOF = "What would be detected, and by when"
PROOF_NOTE = "Smallest change of each paging score that detection finds within that time, at present traffic"
PROOF_SHOW_ALL, PROOF_SHOW_LEARNING = "All", "Learning"
PROOF_ALT = "One row per service and score: what it learns, from when it alerts, what would be detected."
PROOF_SCORE = "Score"
PROOF_LEVEL = "Level"
PROOF_LEVEL_HELP = "The frozen baseline with its 95 % interval; while learning, the level of the last day"
PROOF_FROM = "Alerts from (UTC)"
PROOF_COUNTED = "Counted"
PROOF_COUNTED_HELP = "Outputs the baseline rests on; while learning, outputs so far"
PROOF_HOUR, PROOF_DAY, PROOF_WEEK = "Within 1 h", "Within 1 d", "Within 7 d"
PROOF_NOT_YET = "not yet"
PROOF_UNKNOWN = "not enough traffic to say"
PROOF_WATCHING = "● Watching"
PROOF_NONE = "No series yet."
PROOF_NONE_NEXT = "They appear with the first outputs that are scored"
NO_LEARNING = "No service is learning."
NO_LEARNING_NEXT = "Every baseline is complete"

# incident
INCIDENT = "Incident"
INCIDENTS = "Incidents"
INCIDENT_QUESTION = "What happened, how sure are we, what next?"
INCIDENTS_QUESTION = "What is open, and how did the others end?"
INCIDENTS_OPEN = "Open"
INCIDENTS_OPEN_NOTE = "Most urgent first"
INCIDENTS_ENDED = "Ended in the last 30 days"
INCIDENTS_NONE = "No incident is open."
INCIDENTS_NONE_NEXT = "Nothing has ended in the last 30 days either"
UNKNOWN_INCIDENT = "Unknown incident"
UNKNOWN_ELSEWHERE = "It is in lineage {lineage}"
UNKNOWN_INCIDENT_TEXT = "There is no incident {id} in lineage {lineage}."
TO_FLEET = "Open incidents are on Fleet"
OPEN_FOR = "{id} · {place} · open {span}"
ENDED_AFTER = "{id} · {place} · ended {at} after {span}"
ACKNOWLEDGED = "acknowledged"
ACKNOWLEDGED_BY = "by {name}"
ENDING_WORDS = {
    "recovered": "recovered",
    "withdrawn": "withdrawn by the detector",
    "accepted": "accepted as the new level",
    "superseded": "replaced by a wider incident or a new configuration",
    "false_alarm": "false alarm",
    "fixed": "fixed",
}
BASELINE_VERSION = "baseline {version}"
BASELINE_UNKNOWN = "baseline version unknown"

ACKNOWLEDGE = "Acknowledge"
TAKE_OVER = "Take over"
UNDO = "Undo"
UNDO_HELP = (
    "Takes back the last action of a person within minutes: an acknowledgement, an ending, a reopening"
)
REOPEN = "Reopen"
REOPEN_DO = "Reopen and acknowledge"
END = "End"
ENDING = "Ending"
ENDING_FALSE_ALARM = "False alarm"
ENDING_ACCEPT = "Accept as the new level"
ENDING_FIXED = "Fixed: its cause is removed"
END_WHY = "Why?"
END_HELP = "Kept in the audit record; a false alarm counts against the detector"
END_DO = "End incident"
NOTE = "Note"
NOTE_LABEL = "What did you find?"
NOTE_DO = "Add note"
RUNBOOK = "Runbook"
RUNBOOK_SAVE = "Save as Markdown"
ACT_AS = "Recorded as {name}."
NOT_ALLOWED = "Your role ({role}) may look at incidents but not act on them."
DONE = "Recorded: {what}."
DONE_WORDS = {
    "acknowledge": "acknowledged by you",
    "take-over": "now acknowledged by you",
    "false-alarm": "false alarm",
    "accept": "accepted",
    "resolve": "fixed",
    "reopen": "reopened and acknowledged by you",
    "undo": "undone",
    "note": "note added",
}
NOT_DONE = "Not recorded: {reason}"
REASON_NEEDED = "a reason is needed"

FACT_EFFECT = "Effect"
FACT_EFFECT_NOTE = "{interval} · {step}"
FACT_HITS = "Hits"
FACT_EFFECT_UNKNOWN = "not estimated"
FACT_SILENT = "Outputs"
FACT_SILENT_VALUE = "none"
FACT_SILENT_NOTE = "usually {usual} an hour"
FACT_ONSET = "Onset"
FACT_SILENT_SINCE = "Silent since"
FACT_ONSET_EXACT = "the last record{fired}"
FACT_ONSET_NOTE = "{low} to {high}{fired}"
FACT_FIRED = " · fired {at}"
FACT_N = "Outputs since"
FACT_N_OF = {"trace": "Runs since", "conversation": "Conversations since"}
FACT_N_NOTE = "baseline {n}"
FACT_N_UNKNOWN = "baseline size unknown"
FACT_SURE = "Certainty"
FACT_SURE_NOTE = "the evidence needed to alert{trust}"
FACT_SURE_COUNTED = "counted"
FACT_SURE_COUNTED_NOTE = "nothing was estimated{trust}"
FACT_SURE_TRUST = " · {false} of {n} false alarms, 90 d"
FACT_SUSPECT = "Suspect"
FACT_SUSPECT_NOTE = "{kind} · {at}{only}"
FACT_SUSPECT_ONLY = " · only one in the onset"
FACT_SUSPECT_MORE = " · {n} more"
FACT_NO_SUSPECT = "none seen"
FACT_NO_SUSPECT_NOTE = "nothing else changed near the onset"

CHANGE_TITLE = "{title}, every {step}"
CHANGE_TITLE_MEDIAN = "{title}, median{unit}, every {step}"
CHANGE_UNIT = " in {unit}"
CHANGE_NOTE = "Band: where 95 % of points fall if nothing changed · bars: 95 % interval · UTC"
CHANGE_VOLUME_TITLE = "Outputs, every {step}"
CHANGE_VOLUME_NOTE = (
    "Band: where 95 % of points fall if nothing changed · nothing is drawn where nothing came · UTC"
)
CHANGE_EMPTY = "No counted outputs around the onset."
CHANGE_EMPTY_NEXT = "The series has no cells between {low} and {high}"
CHECKS = "First checks"
CHECKS_NONE = "No runbook is named."
TIMELINE = "Timeline"
TIMELINE_NOTE = "{day}, UTC"
TIMELINE_ONSET = "Onset"
TIMELINE_ONSET_EXACT = "the last record"
TIMELINE_ONSET_NOTE = "estimated start, {low} to {high}"
TIMELINE_SUSPECT = "Appeared"
TIMELINE_SEVERITY = "as a {severity}"
TIMELINE_TOLD = "{receiver} {outcome}"
TIMELINE_MORE = "{n} more lines"
TIMELINE_WORDS = {
    "opened": "Opened",
    "fired": "Fired",
    "joined": "Joined",
    "updated": "Updated",
    "withdrawn": "Withdrawn",
    "raised": "Raised",
    "recovering": "Recovering",
    "relapsed": "Came back",
    "resolved": "Ended",
    "reopened": "Reopened",
    "cleared": "Cleared",
    "evidence": "Data",
    "acknowledged": "Acknowledged",
    "noted": "Note",
    "held": "Held open",
    "released": "Released",
    "silenced": "Silenced",
    "unsilenced": "Silence ended",
    "reminded": "Reminder",
    "undone": "Undone",
    "escalated": "Escalated",
}
OUTCOMES = {
    "sent": "notified",
    "sending": "being notified",
    "retry": "not delivered yet",
    "gave_up": "not delivered",
}
WHERE_TITLE = "Where it changed"
WHERE_NOTE = (
    "Effect in {unit}, simultaneous intervals, share of the change · grey: no clear change · slices overlap"
)
WHERE_AGAINST = "From the onset, against the 7 days before"
WHERE_UNAFFECTED = "Checked and unaffected: {names}"
WHERE_FEW = "slices with too few outputs to compare: {n}"
WHERE_NONE = "No slice had enough outputs on both sides."
WHERE_NONE_NEXT = "At least {n} before and after the onset are needed"
SHAPE_TITLE = "{title}: before and since"
SHAPE_NOTE = "Share of outputs in each cell"
SHAPE_NOTE_MEDIAN = "Share of outputs in each cell · median {step}"
CATEGORY_TITLE = "{title}: which values moved"
CATEGORY_NOTE = "Change of each value's share of outputs, percentage points"
USERS_TITLE = "Who is affected"
USERS_FIRED = "When it fired, {at} UTC"
USERS_SINCE = "From {at} to {to} UTC, counted in what is stored"
OUTPUTS_HIT = "Outputs"
LAST_HIT = "Last"
N_OF = "{n} of {of}"
USERS = "Users"
CONVERSATIONS = "Conversations"
LARGEST = "Largest share of one"
INPUTS_SAME = "The language mix of the inputs did not change: look at the model and its prompt first."
INPUTS_CHANGED = "Inputs changed in the same ticks: look at the inputs before the outputs."
NOW_TITLE = "Now"
NOW_NOTE = "{n} since the onset, newest first · redacted"
NOW_NOTE_RANKED = "{n} since the onset, most affected first · redacted"
BEFORE_TITLE = "Baseline"
BEFORE_NOTE = "{n} from before the onset, same slice · redacted"
EXAMPLES_NONE = "No stored text matches."
EXAMPLES_NONE_NEXT = "Scores are kept longer than texts"
EXAMPLES_ROLE = "Texts are shown to analysts and responders."
EXAMPLES_ROLE_NEXT = "Your role is {role}"
TEXT_ABSENT = "text not kept: {why}"
TEXT_CUT = "cut after {n} characters"
NO_OUTPUT = "no output"
NO_PROMPT = "no prompt"
REPRODUCE = "Provenance"
REPRODUCE_NOTE = "What this incident was computed from"
REPRODUCE_CONFIG = "config {value}"
REPRODUCE_BASELINE = "baseline {value}"
REPRODUCE_LOG = "observation log up to {value}"
REPRODUCE_DETECTOR = "detector {value}"
REPRODUCE_COMMAND = "lightship verify {value}"

# trends
TRENDS = "Trends"
TRENDS_QUESTION = "How did risk move over the weeks?"
TRENDS_BASELINE = "each series' frozen baseline, weighted by outputs"
SERVICE = "Service"
ALL_OF_THEM = "All services"
WEEKS = "Weeks"
DAYS = "Days"
HOURS = "Hours"
FRAMEWORK = "Framework"
RUNTIME = "Runtime"
LANGUAGE = "Language"
ALL_LANGUAGES = "All"
WEEK_OF = "Week of {day}"
WEEK_SO_FAR = "Week of {day}, so far"
FACT_RATE_NOTE = "{low} to {high} · {verdict}"
HEAT = "Risk categories by week"
HEAT_NOTE = (
    "Hits per 10,000 outputs ± half the interval, simultaneous over all cells · orange above, blue below "
    "baseline, grey where the interval reaches it · dot: excludes it · few: under {few} outputs"
)
PANELS = "{category} by language"
PANELS_NOTE = (
    "Simultaneous intervals over the panels · dashed: baseline · one scale · orange: latest week off it"
)
PANELS_CHOICE = "Category by language"
PANELS_NONE = "No language had enough outputs."
PANELS_NONE_NEXT = "At least {n} a week are needed"
TABLE = "The same numbers as a table"
DOWNLOAD = "Download CSV"
FEW = "few"
TABLE_CATEGORY = "Risk category"
TABLE_WEEKS = "{n} weeks"
TABLE_WEEKS_HELP = "Each row has its own scale: read shape here, size in the columns"
TABLE_LATEST = "Latest"
TABLE_INTERVAL = "Interval"
TABLE_BASELINE = "Baseline"
TABLE_VERDICT = "Against baseline"
TABLE_OUTPUTS = "Outputs"
RELEASES = "Releases"
CAUSE = "Cause"
TABLE_FRAMEWORKS = "Public taxonomies"
TABLE_ALT = "Risk categories with their weeks, latest rate per 10,000, interval, baseline and verdict."
TRENDS_NONE = "Nothing was counted in these weeks."
TRENDS_NONE_NEXT = "Service: {service} · language: {language} · {weeks} weeks"
TRENDS_UNDO = "Clear the filters"
