"""The two grids of the fleet page: what every service does, and what watching it proves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard import formats, palette, strings
from dashboard.estimates import proofs
from dashboard.palette import STATES
from dashboard.queries.fleet import Watched
from dashboard.safe_text import clean
from dashboard.shared import elements, filters
from dashboard.views.fleet import fleet_rows
from dashboard.views.fleet.fleet_rows import FleetRow


def services(rows: Sequence[FleetRow], now: datetime) -> None:
    """Every service, most urgent first; a row leads to its incident."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            elements.section(strings.ALL_SERVICES)
        wanted = filters.fleet_show()
    shown = [
        row
        for row in rows
        if wanted == strings.SHOW_ALL or (row.state is palette.OK) == (wanted == strings.SHOW_OK)
    ]
    if not shown:
        elements.empty(
            palette.OK,
            strings.SHOWN_NONE.format(wanted=wanted),
            strings.SHOWN_NONE_NEXT.format(n=len(rows)),
        )
        st.button(strings.SHOWN_UNDO, on_click=filters.forget, args=("show",))
        return
    usual = fleet_rows.usual_environment(rows)
    frame = _frame(shown, now, usual)
    badge_colors = {state.label: state.color for state in STATES}
    badge_colors |= {_label(row): row.state.color for row in shown}
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
                width=56, y_min=0, color=elements.colors().current, help=strings.COLUMN_HOURS_HELP
            ),
            strings.COLUMN_OUTPUTS: st.column_config.NumberColumn(format="localized", width=66),
            strings.COLUMN_CHANGE: st.column_config.TextColumn(width=152),
            strings.COLUMN_EFFECT: st.column_config.TextColumn(width=146),
            strings.COLUMN_SINCE: st.column_config.TextColumn(width=124),
            strings.COLUMN_SLICE: st.column_config.TextColumn(width=184),
            strings.COLUMN_NEWEST: st.column_config.TextColumn(
                width=60, alignment="right", help=strings.COLUMN_NEWEST_HELP
            ),
        },
        on_select="rerun",
        selection_mode="single-row",
        alt=strings.FLEET_ALT,
    )
    where = strings.FLEET_WHERE.format(environment=clean(usual, 24)) if usual else ""
    elements.secondary(strings.FLEET_COUNT.format(n=len(shown), where=where))
    selected = choice.selection.rows
    if selected and selected[0] < len(shown):
        _open(shown[selected[0]])


def _open(row: FleetRow) -> None:
    if row.incident is not None:
        st.switch_page("views/incident/incident.py", query_params={"id": row.incident.id})
    elements.secondary(strings.NO_INCIDENT)


def _label(row: FleetRow) -> str:
    """State, and how many incidents are open where there are several."""
    return f"{row.state.label} ×{len(row.open)}" if len(row.open) > 1 else row.state.label


def _frame(rows: Sequence[FleetRow], now: datetime, usual: str) -> pd.DataFrame:
    """The fleet as a table of text; nothing in it is markdown."""
    return pd.DataFrame(
        {
            strings.COLUMN_STATE: [[_label(row)] for row in rows],
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


def proof(watched: Sequence[Watched]) -> None:
    """What watching can prove, and from when: silence must mean something."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            elements.section(strings.PROOF, strings.PROOF_NOTE)
        wanted = filters.proof_show()
    rows = proofs.rows(watched, learning_only=wanted == strings.PROOF_SHOW_LEARNING)
    if not rows:
        if wanted == strings.PROOF_SHOW_LEARNING and watched:
            elements.empty(palette.OK, strings.NO_LEARNING, strings.NO_LEARNING_NEXT)
        else:
            elements.empty(palette.LEARNING, strings.PROOF_NONE, strings.PROOF_NONE_NEXT)
        return
    badge_colors = {palette.LEARNING.label: palette.LEARNING.color, strings.PROOF_WATCHING: "blue"}
    st.dataframe(
        pd.DataFrame(
            {
                strings.COLUMN_STATE: [
                    [palette.LEARNING.label if row.learning else strings.PROOF_WATCHING] for row in rows
                ],
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
            strings.COLUMN_SERVICE: st.column_config.TextColumn(width=166),
            strings.PROOF_SCORE: st.column_config.TextColumn(width=140),
            strings.PROOF_LEVEL: st.column_config.TextColumn(
                width=156, alignment="right", help=strings.PROOF_LEVEL_HELP
            ),
            strings.PROOF_COUNTED: st.column_config.NumberColumn(
                format="localized", width=76, help=strings.PROOF_COUNTED_HELP
            ),
            strings.PROOF_FROM: st.column_config.TextColumn(width=112),
            strings.PROOF_HOUR: st.column_config.TextColumn(width=108, alignment="right"),
            strings.PROOF_DAY: st.column_config.TextColumn(width=108, alignment="right"),
            strings.PROOF_WEEK: st.column_config.TextColumn(width=108, alignment="right"),
        },
        alt=strings.PROOF_ALT,
    )
