"""The incident page, whose question is: what happened, how sure are we, what next."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import actions, components, data, facts, filters, formats, panels, runbooks, session, strings
from dashboard import incident as incidents
from dashboard.data import Reading
from dashboard.incident import Incident
from dashboard.plain import clean, escape
from dashboard.queries import incidents as stored
from dashboard.session import Session


def render() -> None:
    """One incident; without an id in the address, the list of them."""
    seen = session.current()
    asked = st.query_params.get("id", "")
    if not asked:
        st.switch_page("views/incidents.py")
    row = data.read(seen.viewer, stored.one, seen.scope, asked)
    if row.value is None:
        _unknown(asked, seen)
        return
    incident = incidents.read(row.value)
    moments = data.read(seen.viewer, stored.history, seen.scope, incident.id)
    trust = data.read(seen.viewer, stored.trust, seen.scope, incident.score)
    _head(incident, seen, [row, moments, trust])
    with st.container(horizontal=True, gap="small"):
        for fact in facts.facts(incident, trust.value, seen.now):
            components.fact(*fact)
    left, right = st.columns([2.1, 1])
    with left, st.container(border=True, height="stretch"):
        panels.change(incident, seen)
    with right, st.container(border=True, height="stretch"):
        _checks(incident)
        panels.who(incident)
    if incident.about_volume:
        with st.container(border=True):
            panels.history(incident, moments, seen)
    else:
        slices = panels.compared(incident, seen)
        where, when = st.columns([1.25, 1])
        with where, st.container(border=True, height="stretch"):
            panels.where(incident, slices, seen)
        with when, st.container(border=True, height="stretch"):
            panels.history(incident, moments, seen)
        panels.shape(incident, slices)
        panels.texts(incident, seen)
    with st.container(border=True):
        panels.reproduce(incident)


def _head(incident: Incident, seen: Session, readings: Sequence[Reading[object]]) -> None:
    """State and age, the sentence, what can be done."""
    base = strings.BASELINE_UNKNOWN
    if incident.baseline_version:
        base = strings.BASELINE_VERSION.format(version=clean(incident.baseline_version, 24))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        components.badge(incident.state, components.life(incident.stored.state, incident.stored.ending))
        if incident.stored.acknowledged_by:
            st.badge(strings.ACKNOWLEDGED, icon=":material/person_check:", color="blue")
            name = clean(incident.stored.acknowledged_by, 40)
            components.quiet(strings.ACKNOWLEDGED_BY.format(name=name), width="content")
        components.quiet(_place(incident, seen), width="content")
        components.freshness(seen, readings, base)
    components.stale(readings)
    with st.container(gap=None):
        st.title(escape(incident.stored.headline, 200), anchor=False)
        st.markdown(f":gray[{escape(strings.INCIDENT_QUESTION)}]")
    _actions(incident, seen)


def _place(incident: Incident, seen: Session) -> str:
    place = " · ".join(filter(None, (incident.stored.service, incident.stored.environment)))
    ended = incident.stored.resolved
    if incident.is_open or ended is None:
        length = formats.span(seen.now - incident.onset)
        return strings.OPEN_FOR.format(id=incident.id, place=clean(place), span=length)
    return strings.ENDED_AFTER.format(
        id=incident.id,
        place=clean(place),
        at=f"{formats.moment(ended, seen.now)} UTC",
        span=formats.span(ended - incident.onset),
    )


def _actions(incident: Incident, seen: Session) -> None:
    """What a responder can do, most likely first; everything that ends it asks why."""
    said = st.session_state.pop("said", None)
    may = seen.viewer.may_act
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="actions"):
        taken = incident.stored.acknowledged_by == seen.viewer.name
        if st.button(
            strings.ACKNOWLEDGE,
            type="primary",
            icon=":material/person_check:",
            shortcut="a",
            disabled=not may or not incident.is_open or taken,
        ):
            _act(incident, seen, actions.ACKNOWLEDGE, "")
        with st.popover(strings.END, icon=":material/flag:", disabled=not may or not incident.is_open):
            endings = {strings.ENDING_FALSE_ALARM: actions.FALSE_ALARM, strings.ENDING_ACCEPT: actions.ACCEPT}
            ending = st.radio(strings.ENDING, list(endings))
            why = st.text_input(strings.END_WHY, help=strings.END_HELP, max_chars=actions.MAX_REASON)
            if st.button(strings.END_DO):
                _act(incident, seen, endings[ending], why)
        with st.popover(strings.NOTE, icon=":material/edit_note:", disabled=not may):
            text = st.text_area(strings.NOTE_LABEL, max_chars=actions.MAX_REASON)
            if st.button(strings.NOTE_DO):
                _act(incident, seen, actions.NOTE, text)
        shown = runbooks.load(incident.stored.runbook)
        if shown is not None:
            with st.popover(strings.RUNBOOK, icon=":material/menu_book:", width="content"):
                st.markdown(f"**{escape(shown.title)}**")
                st.markdown(shown.text)
        note = strings.ACT_AS.format(name=clean(seen.viewer.name, 60))
        if not may:
            note = strings.NOT_ALLOWED.format(role=seen.viewer.role)
        components.quiet(note, width="content")
    if said:
        st.text(said)


def _act(incident: Incident, seen: Session, action: str, reason: str) -> None:
    """Record it, and draw the page anew from what was recorded."""
    if action != actions.ACKNOWLEDGE and not reason.strip():
        st.session_state["said"] = strings.NOT_DONE.format(reason=strings.REASON_NEEDED)
        st.rerun()
    answer = actions.act(data.settings(), seen.viewer, incident.id, action, reason.strip())
    if answer.done:
        data.forget()
        st.session_state["said"] = strings.DONE.format(what=strings.DONE_WORDS[action])
    else:
        st.session_state["said"] = strings.NOT_DONE.format(reason=answer.reason)
    st.rerun()


def _checks(incident: Incident) -> None:
    shown = runbooks.load(incident.stored.runbook)
    components.section(strings.CHECKS)
    if shown is None:
        components.quiet(strings.CHECKS_NONE)
        return
    # our own markdown, from the repository
    st.markdown("\n".join(f"{n}. {check}" for n, check in enumerate(shown.checks, 1)))


def _unknown(asked: str, seen: Session) -> None:
    """The id comes from the address bar: plain text."""
    st.title(strings.UNKNOWN_INCIDENT, anchor=False)
    st.text(strings.UNKNOWN_INCIDENT_TEXT.format(id=clean(asked, 40), lineage=clean(seen.scope.lineage, 40)))
    other = data.read(seen.viewer, stored.elsewhere, seen.scope, asked).value
    if other is not None and other != seen.scope.lineage:
        st.button(
            escape(strings.UNKNOWN_ELSEWHERE.format(lineage=other)),
            icon=":material/arrow_forward:",
            on_click=filters.choose_lineage,
            args=(other,),
        )
    st.page_link("views/fleet.py", label=strings.TO_FLEET, icon=":material/arrow_back:")


render()
