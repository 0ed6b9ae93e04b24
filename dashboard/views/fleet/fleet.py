"""The fleet page, whose question is: which services changed, and since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from dashboard import formats, palette, strings
from dashboard.measures.measures import CATEGORY, FLAG
from dashboard.measures.scale import Scale
from dashboard.queries import fleet as fleets
from dashboard.queries import incidents as stored
from dashboard.queries import series
from dashboard.queries.fleet import COUNTING_SCORES
from dashboard.safe_text import clean, escape
from dashboard.shared import data, elements, filters, newest_panel, session
from dashboard.shared.data import Reading
from dashboard.shared.session import Session
from dashboard.tables import incident as incidents
from dashboard.tables import incident_picture
from dashboard.views.fleet import fleet_rows, fleet_tables, overview_chart
from dashboard.views.fleet.fleet_rows import FleetRow

CARDS = 3
GLANCE_POINTS = 36


def render() -> None:
    """The page."""
    seen = session.current()
    who, scope = seen.viewer, seen.scope
    services = data.read(who, fleets.services, scope)
    watched = data.read(who, fleets.watched, scope)
    current = data.read(who, stored.current, scope)
    pages = data.read(who, stored.pages, scope)
    readings: list[Reading[object]] = [services, watched, current, pages]
    rows = fleet_rows.rows(
        services.value, watched.value, [incidents.read(item) for item in current.value], seen.now
    )
    if any(reading.fault for reading in readings):
        rows = fleet_rows.not_known(rows)
    elements.header(strings.FLEET, strings.FLEET_QUESTION, seen, readings, base=strings.FLEET_BASELINE)
    if not rows:
        _nothing(seen)
        newest_panel.newest(seen)
        return
    with elements.Panel(strings.FLEET):
        _totals(rows, pages.value)
    with elements.Panel(strings.ATTENTION):
        _attention(rows, seen)
    with elements.Panel(strings.ALL_SERVICES):
        fleet_tables.services(rows, seen.now)
    with elements.Panel(strings.PROOF):
        fleet_tables.proof(watched.value)
    newest_panel.newest(seen)


def _nothing(seen: Session) -> None:
    """No service at all: say so, and offer the lineages that have some."""
    elements.empty(
        palette.NO_DATA,
        strings.NO_SERVICES.format(lineage=clean(seen.scope.lineage, 40)),
        strings.NO_SERVICES_NEXT,
    )
    others = [item for item in seen.lineages.value if item.name != seen.scope.lineage and item.services]
    with st.container(horizontal=True, gap="small", horizontal_alignment="center"):
        for item in others[:5]:
            st.button(
                escape(strings.OTHER_LINEAGE.format(lineage=item.name)),
                icon=":material/arrow_forward:",
                on_click=filters.choose_lineage,
                args=(item.name,),
            )


def _totals(rows: Sequence[FleetRow], pages: stored.Trust) -> None:
    by_state = Counter(row.state for row in rows)
    with st.container(horizontal=True, gap="medium"):
        for state, help_text in (
            (palette.PAGE, strings.FLEET_PAGE_HELP),
            (palette.TICKET, strings.FLEET_TICKET_HELP),
            (palette.NO_DATA, strings.FLEET_NO_DATA_HELP),
            (palette.LEARNING, strings.FLEET_LEARNING_HELP),
            (palette.OK, strings.FLEET_OK_HELP),
        ):
            st.metric(state.word, by_state[state], icon=state.icon, help=help_text, width="content")
        st.metric(strings.FLEET_OUTPUTS, formats.count(sum(row.outputs for row in rows)), width="content")
        st.metric(
            strings.FLEET_FALSE,
            strings.FLEET_FALSE_VALUE.format(false=pages.false_alarms, pages=pages.incidents),
            help=strings.FLEET_FALSE_HELP,
            width="content",
        )


def _attention(rows: Sequence[FleetRow], seen: Session) -> None:
    """The most urgent open incidents as cards: state and age, the way in, one sentence, a glance."""
    urgent = fleet_rows.urgent(rows)
    more = len(urgent) - CARDS
    elements.section(
        strings.ATTENTION,
        strings.ATTENTION_MORE.format(n=more) if more > 0 else strings.ATTENTION_NOTE if urgent else "",
    )
    if not urgent and all(row.state is not palette.OK for row in rows):
        state = next((row.state for row in rows if row.state is not palette.LEARNING), palette.LEARNING)
        elements.empty(state, strings.NOTHING_JUDGED, strings.NOTHING_JUDGED_NEXT)
        return
    if not urgent:
        series_count = sum(row.n_series for row in rows)
        elements.empty(
            palette.OK,
            strings.NOTHING_OPEN,
            strings.NOTHING_OPEN_NEXT.format(services=len(rows), series=formats.count(series_count)),
        )
        return
    for column, (row, incident) in zip(st.columns(CARDS), urgent[:CARDS], strict=False):
        with column, elements.Panel(incident.id[:8]):
            _card(row, incident, seen)


def _card(row: FleetRow, incident: incidents.Incident, seen: Session) -> None:
    with st.container(border=True, height="stretch", gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            elements.badge(incident.state, formats.span(seen.now - incident.onset))
            st.page_link(
                "views/incident/incident.py",
                label=escape(incident.id[:8]),
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params={"id": incident.id},
            )
        with st.container(gap=None):
            st.subheader(escape(row.name), anchor=False)
            st.markdown(escape(fleet_rows.sentence(row, incident, seen.now), 300))
        st.space("stretch")
        _glance(incident, seen)


def _glance(incident: incidents.Incident, seen: Session) -> None:
    window = incident_picture.overview_window(incident, seen.scope.at, GLANCE_POINTS)
    if incident.about_volume:
        buckets = data.read(
            seen.viewer, series.volume, seen.scope, incident.key, window, COUNTING_SCORES
        ).value
        ticks = incident_picture.volumes(
            incident_picture.complete(buckets, window, incident, seen.now), window.bucket_s
        )
        scale, baseline = Scale(share=False, unit="outputs"), None
        reference = incident_picture.volume_reference(ticks, incident.onset)
    else:
        measure = incident.measure
        buckets = data.read(
            seen.viewer, series.ticks, seen.scope, incident.key, window, values=measure.what != FLAG
        ).value
        unnamed = measure.what == CATEGORY and not measure.name
        ticks = [] if unnamed else incident_picture.points(measure, buckets, window.bucket_s)
        scale, baseline = measure.scale, incident.baseline_value
        reference = incident_picture.reference(measure, ticks, incident.onset, baseline)
    if not ticks:
        elements.secondary(strings.CHANGE_EMPTY)
        return
    drawing = overview_chart.overview(
        ticks,
        incident.onset,
        reference.band,
        elements.colors(),
        ends=seen.scope.at,
        silent=incident.is_silent,
        scale=scale,
    )
    elements.show(drawing, key=f"glance-{incident.id}")


render()
