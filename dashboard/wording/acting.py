"""Sentences about acting on an incident and judging examples."""

from __future__ import annotations

SILENCE = "Silence"
SILENCE_WHAT = "What nobody is told of"
SILENCE_THIS = "Changes like this one"
SILENCE_SERVICE = "Everything of {service}"
SILENCE_FOR = "For"
SILENCE_HELP = "It is kept and shown; what is still open when the silence ends is told then"
SILENCE_DO = "Silence it"
LASTS = {"30 min": "30m", "2 h": "2h", "8 h": "8h", "1 d": "1d", "3 d": "3d"}
USUAL = "2 h"
SILENCED = "silenced"
HELD = "held"
HELD_BY = "by {name}"
EVIDENCE = "Evidence held by {name} since {at} · {n} rows, {size}, whatever expires{cut}"
EVIDENCE_CUT = " · more than its bound: the rest is not held"
EVIDENCE_TEXTS = "{note} · from what is held: the stored texts have expired"

HOLD = "Hold"
HOLD_NOTE = "A held incident stays open whatever is measured, until a person ends it or lets it go."
HOLD_DO = "Hold it open"
RELEASE_DO = "Let it recover"

WHY = "Why?"
WHY_HELP = "Kept in the audit record"
WHY_NEEDED = "Not recorded: a reason is needed"
OVER = "It has ended: notes can still be added. Recorded as {name}."
DONE = {"hold": "held open", "release": "it may recover", "silence": "silenced for {lasts}"}

JUDGE = "Judge an example"
JUDGE_WHICH = "Example"
JUDGE_ABOUT = "What is judged"
JUDGE_OUTPUT = "The output"
JUDGE_SCORE = "What the score says: {title}"
JUDGE_SCORE_NOTE = (
    "Right: it flags what it should, or rightly flags nothing. `lightship scorers precision` tells from it "
    "how often hits are right."
)
JUDGE_SAID = "It is"
RIGHT, WRONG = "right", "wrong"
JUDGE_WHY = "Why?"
JUDGE_DO = "Record it"
JUDGE_NOTE = "It goes through the gateway, as your users' feedback does, and is watched as judgement:{name}."
JUDGE_ROLE = "Judging an example needs the role responder; yours is {role}."
JUDGED = "Recorded: {said}. It stands beside the example once the worker has read it."
JUDGE_NOT = "Not recorded: {reason}"
