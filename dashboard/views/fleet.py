"""The fleet page, whose question is: which services changed, and since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard import (
    components,
    data,
    filters,
    fleet_rows,
    formats,
    palette,
    picture,
    proofs,
    session,
    strings,
)
from dashboard import incident as incidents
from dashboard.charts import change as charts
from dashboard.charts.change import Scale
from dashboard.data import Reading
from dashboard.fleet_rows import FleetRow
from dashboard.measures import FLAG
from dashboard.palette import STATES
from dashboard.plain import clean, escape
from dashboard.queries import fleet as fleets
from dashboard.queries import incidents as stored
from dashboard.queries import series
from dashboard.queries.fleet import COUNTING_SCORES, Watched
from dashboard.session import Session

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
    components.header(strings.FLEET, strings.FLEET_QUESTION, seen, readings, base=strings.FLEET_BASELINE)
    if not rows:
        _nothing(seen)
        return
    _totals(rows, pages.value)
    _attention(rows, seen)
    _table(rows, seen.now)
    _proof(watched.value, seen.now)


def _nothing(seen: Session) -> None:
    """No service at all: say so, and offer the lineages that have some."""
    components.empty(
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
    urgent = [row for row in rows if row.incident is not None]
    n_open = sum(row.n_open for row in rows)
    more = n_open - min(CARDS, len(urgent))
    components.section(
        strings.ATTENTION,
        strings.ATTENTION_MORE.format(n=more) if more else strings.ATTENTION_NOTE if urgent else "",
    )
    if not urgent:
        series_count = sum(row.n_series for row in rows)
        components.empty(
            palette.OK,
            strings.NOTHING_OPEN,
            strings.NOTHING_OPEN_NEXT.format(services=len(rows), series=formats.count(series_count)),
        )
        return
    for column, row in zip(st.columns(CARDS), urgent[:CARDS], strict=False):
        with column:
            _card(row, seen)


def _card(row: FleetRow, seen: Session) -> None:
    incident = row.incident
    if incident is None:
        return
    with st.container(border=True, height="stretch", gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            components.badge(incident.state, formats.span(seen.now - incident.onset))
            st.page_link(
                "views/incident.py",
                label=escape(incident.id[:8]),
                icon=":material/arrow_forward:",
                icon_position="right",
                query_params={"id": incident.id},
            )
        with st.container(gap=None):
            st.subheader(escape(row.name), anchor=False)
            st.markdown(escape(fleet_rows.sentence(row, seen.now), 300))
        st.space("stretch")
        _glance(row, incident, seen)


def _glance(row: FleetRow, incident: incidents.Incident, seen: Session) -> None:
    window = picture.glance_window(incident, seen.scope.at, GLANCE_POINTS)
    if incident.about_volume:
        buckets = data.read(
            seen.viewer, series.volume, seen.scope, incident.key, window, COUNTING_SCORES
        ).value
        ticks = picture.volumes(picture.complete(buckets, window, incident, seen.now), window.bucket_s)
        scale, baseline = Scale(share=False, unit="outputs"), None
        reference = picture.volume_reference(ticks, incident.onset)
    else:
        measure = incident.measure
        buckets = data.read(
            seen.viewer, series.ticks, seen.scope, incident.key, window, values=measure.what != FLAG
        ).value
        ticks = picture.points(measure, buckets, window.bucket_s)
        scale, baseline = measure.scale, incident.baseline_value
        reference = picture.reference(measure, ticks, incident.onset, baseline)
    if not ticks:
        components.quiet(strings.CHANGE_EMPTY)
        return
    drawing = charts.glance(
        ticks,
        incident.onset,
        reference.band,
        components.colors(),
        ends=seen.scope.at,
        silent=incident.is_silent,
        scale=scale,
    )
    components.show(drawing, key=f"glance-{row.service}-{row.environment}")


def _table(rows: Sequence[FleetRow], now: datetime) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            components.section(strings.ALL_SERVICES)
        wanted = filters.fleet_show()
    shown = [
        row
        for row in rows
        if wanted == strings.SHOW_ALL or (row.state is palette.OK) == (wanted == strings.SHOW_OK)
    ]
    if not shown:
        components.empty(
            palette.OK,
            strings.SHOWN_NONE.format(wanted=wanted),
            strings.SHOWN_NONE_NEXT.format(n=len(rows)),
        )
        st.button(strings.SHOWN_UNDO, on_click=filters.forget, args=("show",))
        return
    usual = fleet_rows.usual_environment(rows)
    frame = _frame(shown, now, usual)
    badge_colors = {state.label: state.color for state in STATES}
    choice = st.dataframe(
        frame,
        key="fleet",
        hide_index=True,
        height="content",
        row_height=38,
        column_config={
            strings.COLUMN_STATE: st.column_config.MultiselectColumn(
                options=list(badge_colors), color=list(badge_colors.values()), width=104
            ),
            strings.COLUMN_SERVICE: st.column_config.TextColumn(width=162),
            strings.COLUMN_HOURS: st.column_config.LineChartColumn(
                width=56, y_min=0, color=components.colors().current, help=strings.COLUMN_HOURS_HELP
            ),
            strings.COLUMN_OUTPUTS: st.column_config.NumberColumn(format="localized", width=66),
            strings.COLUMN_CHANGE: st.column_config.TextColumn(width=152),
            strings.COLUMN_EFFECT: st.column_config.TextColumn(width=146),
            strings.COLUMN_SINCE: st.column_config.TextColumn(width=104),
            strings.COLUMN_SLICE: st.column_config.TextColumn(width=204),
            strings.COLUMN_NEWEST: st.column_config.TextColumn(
                width=60, alignment="right", help=strings.COLUMN_NEWEST_HELP
            ),
        },
        on_select="rerun",
        selection_mode="single-row",
        alt=strings.FLEET_ALT,
    )
    where = strings.FLEET_WHERE.format(environment=clean(usual, 24)) if usual else ""
    components.quiet(strings.FLEET_COUNT.format(n=len(shown), where=where))
    selected = choice.selection.rows
    if selected and selected[0] < len(shown):
        _open(shown[selected[0]])


def _open(row: FleetRow) -> None:
    if row.incident is not None:
        st.switch_page("views/incident.py", query_params={"id": row.incident.id})
    components.quiet(strings.NO_INCIDENT)


def _frame(rows: Sequence[FleetRow], now: datetime, usual: str) -> pd.DataFrame:
    """The fleet as a table of text; nothing in it is markdown."""
    return pd.DataFrame(
        {
            strings.COLUMN_STATE: [[row.state.label] for row in rows],
            strings.COLUMN_SERVICE: [
                clean(fleet_rows.named(row.service, row.environment, usual), 60) for row in rows
            ],
            strings.COLUMN_HOURS: [list(row.hours) for row in rows],
            strings.COLUMN_OUTPUTS: [row.outputs for row in rows],
            strings.COLUMN_CHANGE: [fleet_rows.change_words(row) for row in rows],
            strings.COLUMN_EFFECT: [
                fleet_rows.effect_words(row.incident) if row.incident else formats.NONE for row in rows
            ],
            strings.COLUMN_SINCE: [
                formats.since(row.incident.onset, now) if row.incident else formats.NONE for row in rows
            ],
            strings.COLUMN_SLICE: [
                clean(fleet_rows.slice_words(row.incident), 60) if row.incident else formats.NONE
                for row in rows
            ],
            strings.COLUMN_NEWEST: [
                formats.span(now - row.newest) if row.newest else formats.NONE for row in rows
            ],
        }
    )


def _proof(watched: Sequence[Watched], now: datetime) -> None:
    """What watching can prove, and from when: silence must mean something."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            components.section(strings.PROOF, strings.PROOF_NOTE)
        wanted = filters.proof_show()
    rows = proofs.rows(watched, now, learning_only=wanted == strings.PROOF_SHOW_LEARNING)
    if not rows:
        if wanted == strings.PROOF_SHOW_LEARNING and watched:
            components.empty(palette.OK, strings.NO_LEARNING, strings.NO_LEARNING_NEXT)
        else:
            components.empty(palette.LEARNING, strings.PROOF_NONE, strings.PROOF_NONE_NEXT)
        return
    badge_colors = {state.label: state.color for state in (palette.LEARNING, palette.OK)}
    st.dataframe(
        pd.DataFrame(
            {
                strings.COLUMN_STATE: [[row.state.label] for row in rows],
                strings.COLUMN_SERVICE: [clean(row.service, 60) for row in rows],
                strings.PROOF_SCORE: [row.score for row in rows],
                strings.PROOF_LEVEL: [row.level for row in rows],
                strings.PROOF_COUNTED: [row.counted for row in rows],
                strings.PROOF_FROM: [row.alerts_from for row in rows],
                strings.PROOF_HOUR: [row.within_1h for row in rows],
                strings.PROOF_DAY: [row.within_1d for row in rows],
                strings.PROOF_WEEK: [row.within_7d for row in rows],
            }
        ),
        hide_index=True,
        height=min(38 * len(rows) + 38, 420),
        row_height=38,
        column_config={
            strings.COLUMN_STATE: st.column_config.MultiselectColumn(
                options=list(badge_colors), color=list(badge_colors.values()), width=108
            ),
            strings.COLUMN_SERVICE: st.column_config.TextColumn(width=176),
            strings.PROOF_SCORE: st.column_config.TextColumn(width=176),
            strings.PROOF_LEVEL: st.column_config.TextColumn(
                width=104, alignment="right", help=strings.PROOF_LEVEL_HELP
            ),
            strings.PROOF_COUNTED: st.column_config.NumberColumn(
                format="localized", width=76, help=strings.PROOF_COUNTED_HELP
            ),
            strings.PROOF_FROM: st.column_config.TextColumn(width=116),
            strings.PROOF_HOUR: st.column_config.TextColumn(width=110, alignment="right"),
            strings.PROOF_DAY: st.column_config.TextColumn(width=110, alignment="right"),
            strings.PROOF_WEEK: st.column_config.TextColumn(width=110, alignment="right"),
        },
        alt=strings.PROOF_ALT,
    )


render()
