"""The panel of an incident that says whom it reached: when it fired, and by now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import streamlit as st

from alerts.briefs.tally import Tally
from dashboard import formats, strings
from dashboard.safe_text import escape
from dashboard.shared import data, elements
from dashboard.shared.session import Session
from dashboard.tables import incident as incidents
from dashboard.tables.incident import Incident
from dashboard.views.incident import affected_query as queries

Counted = list[tuple[str, str]]


def who(incident: Incident, seen: Session) -> None:
    """Users and conversations, and whether what was asked changed too; nothing where nothing was counted."""
    body = data.read(seen.viewer, queries.fired, seen.scope, incident.id).value
    then = incidents.read(replace(incident.stored, body=body)) if body else incident
    first = _when_it_fired(then)
    now = data.read(seen.viewer, queries.affected, seen.scope, incident.id).value
    if not (first or now) and incident.inputs_changed is None:
        return
    elements.section(strings.USERS_TITLE)
    fired = incident.stored.fired or incident.stored.opened
    _row(strings.USERS_FIRED.format(at=formats.moment(fired, seen.now)), first)
    if now is not None:
        since, to = formats.moment(now.since, seen.now), formats.moment(now.as_of, seen.now)
        _row(strings.USERS_SINCE.format(at=since, to=to), _counted_by_now(now, seen.now))
    if incident.inputs_changed is not None:
        said = strings.INPUTS_CHANGED if incident.inputs_changed else strings.INPUTS_SAME
        st.markdown(escape(said, 200))


def _when_it_fired(incident: Incident) -> Counted:
    """What the finding counted, where it did."""
    counts = [
        (strings.OUTPUTS_HIT, incident.hits or None),
        (strings.USERS, incident.n_users),
        (strings.CONVERSATIONS, incident.n_conversations),
    ]
    counted = [(label, formats.count(n)) for label, n in counts if n is not None]
    if incident.largest_share is not None:
        counted.append((strings.LARGEST, formats.share(incident.largest_share)))
    return counted


def _counted_by_now(found: Tally, now: datetime) -> Counted:
    """What the stored interactions say from the onset on."""
    outputs = formats.count(found.n or 0)
    if found.hits is not None:
        outputs = strings.N_OF.format(n=formats.count(found.hits), of=outputs)
    counted = [
        (strings.OUTPUTS_HIT, outputs),
        (strings.USERS, formats.count(found.users) if found.users else ""),
        (strings.CONVERSATIONS, formats.count(found.conversations) if found.conversations else ""),
        (strings.LAST_HIT, formats.moment(found.last, now) if found.last else ""),
    ]
    return [(label, value) for label, value in counted if value]


def _row(title: str, counted: Counted) -> None:
    if not counted:
        return
    elements.secondary(title)
    with st.container(horizontal=True, gap="medium"):
        for label, value in counted:
            st.metric(label, value, width="content")
