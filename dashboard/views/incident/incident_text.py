"""Sentences about acting on an incident and judging examples."""

from __future__ import annotations

SILENCE = "Silence"
SILENCE_WHAT = "What to silence"
SILENCE_THIS = "Changes like this one"
SILENCE_SERVICE = "Everything of {service}"
SILENCE_FOR = "For"
SILENCE_HELP = (
    "Silenced incidents are still recorded and shown; those still open when the silence ends are notified"
    " then"
)
SILENCE_DO = "Silence"
LASTS = {"30 min": "30m", "2 h": "2h", "8 h": "8h", "1 d": "1d", "3 d": "3d"}
USUAL = "2 h"
SILENCED = "silenced"
HELD = "held"
HELD_BY = "by {name}"
EVIDENCE = "Legal hold by {name} since {at} · {n} rows, {size}, kept past every retention{cut}"
EVIDENCE_CUT = " · over the size limit: the rest is not held"
EVIDENCE_TEXTS = "{note} · from the held evidence: the stored texts have expired"

HOLD = "Hold"
HOLD_NOTE = "A held incident stays open, whatever is measured, until a person ends or releases it."
HOLD_DO = "Hold open"
RELEASE_DO = "Release"

WHY = "Why?"
WHY_HELP = "Kept in the audit record"
WHY_NEEDED = "Not recorded: a reason is needed"
OVER = "It has ended: notes can still be added. Recorded as {name}."
DONE = {"hold": "held open", "release": "released", "silence": "silenced for {lasts}"}

JUDGE = "Label an example"
JUDGE_WHICH = "Example"
JUDGE_ABOUT = "What to label"
JUDGE_OUTPUT = "The output"
JUDGE_SCORE = "What the score says: {title}"
JUDGE_SCORE_NOTE = (
    "Right: it flags what it should, or rightly flags nothing. `lightship scorers precision` computes "
    "from these labels how often hits are right."
)
JUDGE_SAID = "It is"
RIGHT, WRONG = "right", "wrong"
JUDGE_WHY = "Why?"
JUDGE_DO = "Record"
JUDGE_NOTE = "It is sent through the gateway, like your users' feedback, and monitored as judgement:{name}."
JUDGE_ROLE = "Labelling an example needs the responder role; yours is {role}."
JUDGED = "Recorded: {said}. It appears beside the example once the worker has processed it."
JUDGE_NOT = "Not recorded: {reason}"
