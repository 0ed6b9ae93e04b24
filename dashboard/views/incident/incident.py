"""The incident page, whose question is: what happened, how sure are we, what next."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import formats, strings
from dashboard.queries import incidents as stored
from dashboard.queries.series import SliceCounts
from dashboard.safe_text import clean, escape
from dashboard.shared import data, elements, filters, session
from dashboard.shared.data import Reading
from dashboard.shared.session import Session
from dashboard.tables import incident as incidents
from dashboard.tables.incident import Incident
from dashboard.views.incident import action_bar, affected, facts, panels, runbooks


def render() -> None:
    """One incident; without an id in the address, the list of them."""
    seen = session.current()
    asked = st.query_params.get("id", "")
    if not asked:
        st.switch_page("views/incidents/incidents.py")
    row = data.read(seen.viewer, stored.one, seen.scope, asked)
    if row.value is None:
        _unknown(asked, seen)
        return
    incident = incidents.read(row.value)
    moments = data.read(seen.viewer, stored.history, seen.scope, incident.id)
    trust = data.read(seen.viewer, stored.trust, seen.scope, incident.score)
    with elements.Panel(strings.INCIDENT):
        _head(incident, seen, [row, moments, trust])
    with st.container(horizontal=True, gap="small"), elements.Panel(strings.PANEL_FACTS):
        for fact in facts.facts(incident, trust.value, seen.now):
            elements.fact(*fact)
    left, right = st.columns([2.1, 1])
    with left, st.container(border=True, height="stretch"), elements.Panel(strings.PANEL_CHANGE):
        panels.change(incident, seen)
    with right, st.container(border=True, height="stretch"):
        with elements.Panel(strings.CHECKS):
            _checks(incident)
        with elements.Panel(strings.USERS_TITLE):
            affected.who(incident, seen)
    if incident.about_volume:
        with st.container(border=True), elements.Panel(strings.TIMELINE):
            panels.history(incident, moments, seen)
    else:
        _slices(incident, moments, seen)
    with st.container(border=True), elements.Panel(strings.REPRODUCE):
        panels.reproduce(incident)


def _slices(incident: Incident, moments: Reading[tuple[stored.Moment, ...]], seen: Session) -> None:
    """Where it happened, beside its history; then the shape and examples."""
    slices: tuple[SliceCounts, ...] = ()
    with elements.Panel(strings.WHERE_TITLE):
        slices = panels.compared(incident, seen)
    where, when = st.columns([1.25, 1])
    with where, st.container(border=True, height="stretch"), elements.Panel(strings.WHERE_TITLE):
        panels.where(incident, slices, seen)
    with when, st.container(border=True, height="stretch"), elements.Panel(strings.TIMELINE):
        panels.history(incident, moments, seen)
    with elements.Panel(strings.PANEL_SHAPE):
        panels.shape(incident, slices)
    with elements.Panel(strings.PANEL_TEXTS):
        panels.texts(incident, seen)


def _head(incident: Incident, seen: Session, readings: Sequence[Reading[object]]) -> None:
    """State and age, the sentence, what can be done."""
    base = strings.BASELINE_UNKNOWN
    if incident.baseline_version:
        base = strings.BASELINE_VERSION.format(version=clean(incident.baseline_version, 24))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        elements.badge(incident.state, elements.life(incident.stored.state, incident.stored.ending))
        action_bar.marks(incident)
        elements.secondary(_place(incident, seen), width="content")
        elements.freshness(seen, readings, base)
    elements.stale(readings)
    with st.container(gap=None):
        st.title(escape(incident.stored.headline, 200), anchor=False)
        st.markdown(f":gray[{escape(strings.INCIDENT_QUESTION)}]")
    panels.evidence(incident, seen)
    action_bar.row(incident, seen)


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


def _checks(incident: Incident) -> None:
    shown = runbooks.load(incident.stored.runbook)
    elements.section(strings.CHECKS)
    if shown is None:
        elements.secondary(strings.CHECKS_NONE)
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
    st.page_link("views/fleet/fleet.py", label=strings.TO_FLEET, icon=":material/arrow_back:")


render()
