"""The page about being on call, whose question is: is on-call healthy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from alerts.silences.matchers import matchers_from_json, matchers_text
from dashboard import formats, palette, strings
from dashboard.queries import incidents as stored
from dashboard.queries import oncall as queries
from dashboard.queries.oncall import ActiveSilence, Delivered, Silenced
from dashboard.safe_text import clean, escape
from dashboard.shared import actions, data, elements, filters, session
from dashboard.shared.session import Session
from dashboard.tables import incident as incidents
from dashboard.tables import oncall
from dashboard.tables.oncall import Care, Middle
from dashboard.views.alerts import alerts_text as words
from dashboard.views.alerts import pages_by_week as charts

DAY_S = 86_400


def render() -> None:
    """The page."""
    seen = session.current()
    who, scope = seen.viewer, seen.scope
    top = st.container()
    days = filters.days()
    wall = data.wall()
    wall_s = data.rounded(wall)
    bodies = data.read(who, queries.fired, scope, scope.now_s - days * DAY_S)
    silenced = data.read(who, queries.silences, scope, wall_s)
    delivered = data.read(who, queries.deliveries, scope, wall_s - days * DAY_S)
    with top:
        readings = [bodies, silenced, delivered]
        elements.header(words.TITLE, words.QUESTION, seen, readings, words.BASE.format(days=days))
    if said := st.session_state.pop("said", None):
        st.text(said)
    budget = data.settings().budget.pages_per_month
    care = oncall.care(bodies.value, who.tenant, scope.lineage, days, scope.at, budget)
    if care.unread:
        elements.secondary(words.UNREAD.format(n=care.unread))
    if care.pages:
        with elements.Panel(words.PER_WEEK):
            _facts(care, days)
        with st.container(border=True), elements.Panel(words.WEEKS):
            elements.section(words.WEEKS, words.WEEKS_NOTE)
            elements.show(charts.by_week(care.weeks, elements.colors()), key="weeks")
        elements.section(words.WAITING, words.WAITING_NOTE)
        with elements.Panel(words.WAITING):
            _links(care.health["waiting"], {}, seen, words.WAITING_NONE)
        again = {i["incident_id"]: int(i["reopened"]) for i in care.health["flapping"]}
        elements.section(words.FLAPPING, words.FLAPPING_NOTE)
        with elements.Panel(words.FLAPPING):
            _links(list(again), again, seen, words.FLAPPING_NONE)
    elif not seen.has_services:
        elements.nothing_arrived(seen)
    else:
        tickets = formats.count(care.health["tickets"])
        elements.empty(
            palette.OK, words.NO_PAGES.format(days=days), words.NO_PAGES_NEXT.format(tickets=tickets)
        )
    with elements.Panel(words.SILENCES):
        _silences(silenced.value, wall, seen)
    with elements.Panel(words.DELIVERIES):
        _deliveries(delivered.value, days, wall)


def _facts(care: Care, days: int) -> None:
    weeks = days / 7
    per_week = [v / weeks for v in oncall.of_count(care.pages)]
    allowed = formats.measure(care.allowed)
    low, high = (formats.number(v, 1) for v in oncall.of_count(care.false_pages))
    with st.container(horizontal=True, gap="small"):
        elements.fact(
            words.PER_WEEK,
            formats.number(care.pages / weeks, 1),
            words.PER_WEEK_NOTE.format(
                n=care.pages,
                days=days,
                low=formats.number(per_week[0], 1),
                high=formats.number(per_week[1], 1),
            ),
        )
        acted = care.health["acted_on"]
        elements.fact(
            words.ACTED,
            formats.percent(acted["share"], 0),
            words.ACTED_NOTE.format(
                k=acted["n"],
                n=care.pages,
                low=formats.percent(acted["low"], 0),
                high=formats.percent(acted["high"], 0),
            ),
        )
        verdict = words.FALSE_OVER if care.over_budget else words.FALSE_WITHIN
        elements.fact(
            words.FALSE,
            f"{care.false_pages}",
            f"{verdict} · {words.FALSE_NOTE.format(low=low, high=high, allowed=allowed)}",
        )
        elements.fact(words.TAKEN, *_middle(care.acknowledged))
        elements.fact(words.OVER, *_middle(care.resolved))


def _middle(found: Middle) -> tuple[str, str]:
    if found.minutes is None:
        return formats.NONE, words.MIDDLE_NONE
    value = formats.minutes(found.minutes)
    if found.low is None or found.high is None:
        return value, words.MIDDLE_FEW.format(n=found.n)
    low, high = formats.minutes(found.low), formats.minutes(found.high)
    return value, words.MIDDLE_NOTE.format(n=found.n, low=low, high=high)


def _links(ids: Sequence[str], again: dict[str, int], seen: Session, none: str) -> None:
    """Each incident as the way to it."""
    if not ids:
        elements.secondary(none)
    for incident_id in ids[:10]:
        row = data.read(seen.viewer, stored.one, seen.scope, incident_id).value
        if row is None:
            continue
        incident = incidents.read(row)
        with st.container(border=True, horizontal=True, gap="small", vertical_alignment="center"):
            elements.badge(incident.state)
            st.page_link(
                "views/incident/incident.py",
                label=escape(row.headline, 160),
                query_params={"id": incident.id},
                width="stretch",
            )
            note = formats.since(incident.onset, seen.now)
            if incident_id in again:
                note = words.REOPENED.format(n=again[incident_id])
            elements.secondary(note, width="content")


def _silences(found: Silenced, wall: datetime, seen: Session) -> None:
    note = words.SILENCES_NOTE.format(n=found.covered) if found.silences else ""
    elements.section(words.SILENCES, note)
    if not found.silences:
        elements.nothing(words.SILENCES_NONE, words.SILENCES_NONE_NEXT)
        return
    for quiet in found.silences[:20]:
        may_lift = seen.viewer.may_act and not quiet.origin
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            _when(quiet, wall)
            with st.container(gap=None):
                st.markdown(f"**{escape(_covers(quiet), 160)}**")
                elements.secondary(
                    words.BY.format(name=clean(quiet.actor, 60), reason=clean(quiet.reason, 200))
                )
            with st.popover(words.LIFT, icon=":material/notifications:", disabled=not may_lift):
                _lift(quiet, seen)
    if not seen.viewer.may_act:
        elements.secondary(words.LIFT_ROLE.format(role=seen.viewer.role))


def _when(quiet: ActiveSilence, wall: datetime) -> None:
    if quiet.begins > wall:
        st.badge(
            escape(words.BEGINS.format(at=formats.date(quiet.begins))), icon=":material/event:", color="gray"
        )
    elif quiet.ends - wall <= oncall.ENDS_SOON:
        left = words.ENDS_SOON.format(span=formats.span(quiet.ends - wall))
        st.badge(escape(left), icon=":material/hourglass_bottom:", color="orange")
    else:
        ends = words.ENDS.format(at=formats.date(quiet.ends))
        st.badge(escape(ends), icon=":material/notifications_off:", color="gray")


def _covers(quiet: ActiveSilence) -> str:
    """``support-bot · refusal · language=de``: what it names; a star is not named."""
    if quiet.origin:
        what = clean(matchers_text(matchers_from_json(quiet.matchers)), 100)
        return words.MADE_IN.format(what=what, name=clean(quiet.origin, 20))
    named = [clean(p, 60) for p in (quiet.service, quiet.score, quiet.slice, quiet.severity) if p != "*"]
    return " · ".join(named) or words.EVERYTHING


def _lift(quiet: ActiveSilence, seen: Session) -> None:
    key = f"lift-{quiet.silence_id}"
    why = st.text_input(words.LIFT_WHY, max_chars=actions.MAX_REASON, key=key)
    if not st.button(words.LIFT_DO, key=f"{key}-do"):
        return
    if not why.strip():
        said = strings.NOT_DONE.format(reason=strings.REASON_NEEDED)
    else:
        answer = actions.lift(data.settings(), seen.viewer, quiet.silence_id, why.strip())
        said = strings.DONE.format(what=words.LIFTED)
        if not answer.done:
            said = strings.NOT_DONE.format(reason=answer.reason)
        data.forget()
    st.session_state["said"] = said
    st.rerun()


def _deliveries(found: Sequence[Delivered], days: int, wall: datetime) -> None:
    elements.section(words.DELIVERIES, words.DELIVERIES_NOTE.format(days=days) if found else "")
    if not found:
        elements.nothing(words.DELIVERIES_NONE, words.DELIVERIES_NONE_NEXT)
        return
    st.dataframe(
        pd.DataFrame(
            {
                strings.COLUMN_STATE: [[oncall.channel(d).label] for d in found],
                words.RECEIVER: [clean(d.receiver, 60) for d in found],
                words.MESSAGES: [d.messages for d in found],
                words.SENT: [d.sent for d in found],
                words.GAVE_UP: [d.gave_up for d in found],
                words.IN_HAND: [d.waiting for d in found],
                words.RETRIES: [d.retries for d in found],
                words.NEWEST: [formats.since(d.newest, wall) if d.newest else formats.NONE for d in found],
                words.TROUBLE: [_trouble(d, wall) for d in found],
            }
        ),
        hide_index=True,
        height="content",
        row_height=38,
        column_config={
            strings.COLUMN_STATE: st.column_config.MultiselectColumn(
                options=[state.label for state in oncall.CHANNEL],
                color=[state.color for state in oncall.CHANNEL],
                width=100,
            ),
            words.RECEIVER: st.column_config.TextColumn(width=170),
            **{
                name: st.column_config.NumberColumn(format="localized", width=80)
                for name in (words.MESSAGES, words.SENT, words.GAVE_UP, words.IN_HAND, words.RETRIES)
            },
            words.NEWEST: st.column_config.TextColumn(width=148),
            words.TROUBLE: st.column_config.TextColumn(width=270),
        },
        alt=words.DELIVERIES_ALT,
    )


def _trouble(found: Delivered, wall: datetime) -> str:
    if found.trouble is None:
        return formats.NONE
    return " · ".join(filter(None, (formats.since(found.trouble, wall), clean(found.reason, 120))))


render()
