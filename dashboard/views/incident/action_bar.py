"""The row of what a responder can do about an incident, most likely first; what changes more asks why."""

from __future__ import annotations

import streamlit as st

from dashboard import strings
from dashboard.safe_text import clean, escape
from dashboard.shared import actions, data, elements
from dashboard.shared.action_outcome import say
from dashboard.shared.actions import Answer
from dashboard.shared.session import Session
from dashboard.tables.incident import Incident
from dashboard.views.incident import incident_text as words
from dashboard.views.incident import runbooks


def row(incident: Incident, seen: Session) -> None:
    """The buttons, who is recorded, and what came of the last press."""
    said = st.session_state.pop("said", None)
    may = seen.viewer.may_act
    acts = may and incident.is_open
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="actions"):
        has_it = incident.stored.acknowledged_by
        taken = has_it == seen.viewer.name
        if st.button(
            strings.TAKE_OVER if has_it and not taken and incident.is_open else strings.ACKNOWLEDGE,
            type="primary",
            icon=":material/person_check:",
            shortcut="a",
            disabled=not acts or taken,
        ):
            _act(incident, seen, actions.TAKE_OVER if has_it else actions.ACKNOWLEDGE, "")
        with st.popover(words.SILENCE, icon=":material/notifications_off:", disabled=not acts):
            _silence(incident, seen)
        with st.popover(strings.END, icon=":material/flag:", disabled=not acts):
            endings = {
                strings.ENDING_FIXED: actions.RESOLVE,
                strings.ENDING_FALSE_ALARM: actions.FALSE_ALARM,
                strings.ENDING_ACCEPT: actions.ACCEPT,
            }
            ending = st.radio(strings.ENDING, list(endings))
            why = st.text_input(strings.END_WHY, help=strings.END_HELP, max_chars=actions.MAX_REASON)
            if st.button(strings.END_DO):
                _act(incident, seen, endings[ending], why)
        if may and (has_it or not incident.is_open):
            _undo(incident, seen)
        with st.popover(words.HOLD, icon=":material/front_hand:", disabled=not acts):
            _hold(incident, seen)
        with st.popover(strings.NOTE, icon=":material/edit_note:", disabled=not may):
            text = st.text_area(strings.NOTE_LABEL, max_chars=actions.MAX_REASON)
            if st.button(strings.NOTE_DO):
                _act(incident, seen, actions.NOTE, text)
        shown = runbooks.load(incident.stored.runbook)
        if shown is not None:
            with st.popover(strings.RUNBOOK, icon=":material/menu_book:", width="content"):
                st.markdown(f"**{escape(shown.title)}**")
                st.markdown(shown.text)
                # a long text scrolls; what scrolls must hold something that the keyboard reaches
                st.download_button(strings.RUNBOOK_SAVE, shown.text, f"{incident.stored.runbook}.md")
        elements.secondary(_note(incident, seen), width="content")
    if said:
        st.text(said)


def _note(incident: Incident, seen: Session) -> str:
    if not seen.viewer.may_act:
        return strings.NOT_ALLOWED.format(role=seen.viewer.role)
    words_ = strings.ACT_AS if incident.is_open else words.OVER
    return words_.format(name=clean(seen.viewer.name, 60))


def _silence(incident: Incident, seen: Session) -> None:
    service = incident.stored.service
    this, whole = words.SILENCE_THIS, words.SILENCE_SERVICE.format(service=escape(service, 60))
    what = st.radio(words.SILENCE_WHAT, [this, whole], help=words.SILENCE_HELP)
    lasts = st.segmented_control(
        words.SILENCE_FOR, list(words.LASTS), default=words.USUAL, required=True, key="silence-for"
    )
    why = st.text_input(words.WHY, help=words.WHY_HELP, max_chars=actions.MAX_REASON, key="silence-why")
    if not st.button(words.SILENCE_DO):
        return
    patterns = {"service": service}
    if what == this:
        patterns |= {"score": incident.score, "slice": incident.slice}
    span = words.LASTS[lasts or words.USUAL]
    _refuse_without(why)
    answer = actions.silence(data.settings(), seen.viewer, patterns, span, why.strip())
    _say(answer, words.DONE["silence"].format(lasts=lasts))


def _undo(incident: Incident, seen: Session) -> None:
    """Undo what a person did last, or open again what is over."""
    if st.button(strings.UNDO, icon=":material/undo:", help=strings.UNDO_HELP):
        _act(incident, seen, actions.UNDO, "")
    if not incident.is_open:
        with st.popover(strings.REOPEN, icon=":material/refresh:"):
            why = st.text_input(
                words.WHY, help=words.WHY_HELP, max_chars=actions.MAX_REASON, key="reopen-why"
            )
            if st.button(strings.REOPEN_DO):
                _act(incident, seen, actions.REOPEN, why)


def _hold(incident: Incident, seen: Session) -> None:
    elements.secondary(words.HOLD_NOTE)
    why = st.text_input(words.WHY, help=words.WHY_HELP, max_chars=actions.MAX_REASON, key="hold-why")
    if incident.held_by:
        if st.button(words.RELEASE_DO):
            _act(incident, seen, actions.RELEASE, why)
    elif st.button(words.HOLD_DO):
        _act(incident, seen, actions.HOLD, why)


def _act(incident: Incident, seen: Session, action: str, reason: str) -> None:
    """Record it, and draw the page anew from what was recorded."""
    if action not in {actions.ACKNOWLEDGE, actions.TAKE_OVER, actions.UNDO, actions.RELEASE}:
        _refuse_without(reason)
    answer = actions.act(data.settings(), seen.viewer, incident.id, action, reason.strip())
    _say(answer, {**strings.DONE_WORDS, **words.DONE}[action])


def _refuse_without(reason: str) -> None:
    if not reason.strip():
        say(words.WHY_NEEDED, done=False)


def _say(answer: Answer, what: str) -> None:
    said = strings.DONE.format(what=what) if answer.done else strings.NOT_DONE.format(reason=answer.reason)
    say(said, done=answer.done)


def marks(incident: Incident) -> None:
    """Beside the state, never instead of it: who has it, who holds it, whether it is silenced."""
    stored = incident.stored
    if stored.acknowledged_by:
        st.badge(strings.ACKNOWLEDGED, icon=":material/person_check:", color="blue")
        name = clean(stored.acknowledged_by, 40)
        elements.secondary(strings.ACKNOWLEDGED_BY.format(name=name), width="content")
    if incident.held_by and incident.is_open:
        st.badge(words.HELD, icon=":material/front_hand:", color="blue")
        elements.secondary(words.HELD_BY.format(name=clean(incident.held_by, 40)), width="content")
    if incident.silenced and incident.is_open:
        st.badge(words.SILENCED, icon=":material/notifications_off:", color="gray")
