"""The page of incidents, whose question is: what is open, and how did the others end."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import formats, palette, strings
from dashboard.queries import incidents as stored
from dashboard.safe_text import escape
from dashboard.shared import data, elements, session
from dashboard.shared.session import Session
from dashboard.tables import incident as incidents
from dashboard.tables.incident import Incident

MAX_LISTED = 50


def render() -> None:
    """Open incidents, then those that ended lately."""
    seen = session.current()
    rows = data.read(seen.viewer, stored.current, seen.scope)
    elements.header(strings.INCIDENTS, strings.INCIDENTS_QUESTION, seen, [rows], strings.FLEET_BASELINE)
    found = [incidents.read(row) for row in rows.value]
    opened = [i for i in found if i.is_open]
    ended = [i for i in found if not i.is_open]
    opened.sort(key=lambda i: (palette.STATES.index(i.state), -i.onset.timestamp()))
    elements.section(strings.INCIDENTS_OPEN, strings.INCIDENTS_OPEN_NOTE if opened else "")
    if not opened:
        elements.empty(palette.OK, strings.INCIDENTS_NONE, "" if ended else strings.INCIDENTS_NONE_NEXT)
    _links(opened, seen)
    if ended:
        elements.section(strings.INCIDENTS_ENDED)
        _links(ended, seen)


def _links(found: Sequence[Incident], seen: Session) -> None:
    for incident in found[:MAX_LISTED]:
        row = st.container(border=True, horizontal=True, vertical_alignment="center", gap="small")
        with row, elements.Panel(incident.id[:8]):
            elements.badge(incident.state, elements.life(incident.stored.state, incident.stored.ending))
            st.page_link(
                "views/incident/incident.py",
                label=escape(incident.stored.headline, 160),
                query_params={"id": incident.id},
                width="stretch",
            )
            elements.secondary(formats.since(incident.onset, seen.now), width="content")


render()
