"""The table of the trends page that holds each group against the rest of the same traffic."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import exports, formats, strings
from dashboard.charts.risk import PER
from dashboard.estimates import taxonomy
from dashboard.queries import disparity as asked
from dashboard.queries.days_and_cells import Weeks
from dashboard.queries.disparity import GroupCount
from dashboard.safe_text import clean
from dashboard.shared import data, elements, filters
from dashboard.shared.data import Reading
from dashboard.shared.session import Session
from dashboard.tables import disparity
from dashboard.tables.disparity import Disparity, Gap
from dashboard.wording import trends as words

ROWS = 20
"""Rows that are shown without scrolling."""


def show(seen: Session, weeks: Weeks, dimension: str, slice_: str) -> None:
    """Ask and draw; services are compared only where the page shows all of them, within ``slice_``."""
    with st.container(border=True):
        place = st.container()  # the title says how many were judged, which the choice below decides
        by = words.GAPS_LANGUAGE if weeks.service else filters.gaps((words.GAPS_LANGUAGE, words.GAPS_SERVICE))
        reading = _read(seen, weeks, by, dimension, slice_)
        found = disparity.table(taxonomy.categories(), reading.value)
        each = formats.number(100 * found.confidence, 2 if found.judged > 1 else 0)
        note = words.GAPS_NOTE.format(
            judged=formats.count(found.judged),
            each=f"{each}{formats.THIN}%",
            few=formats.count(disparity.FEW),
        )
        with place:
            elements.section(words.GAPS, note)
        elements.stale([reading])
        if not found.gaps:
            elements.nothing(words.GAPS_NOBODY, words.GAPS_NOBODY_NEXT)
            return
        _table(found)
        st.download_button(
            words.GAPS_DOWNLOAD,
            data=exports.as_csv(as_rows(found, by)),
            file_name="risk_by_group.csv",
            mime="text/csv",
            icon=":material/download:",
        )


def _read(
    seen: Session, weeks: Weeks, by: str, dimension: str, slice_: str
) -> Reading[tuple[GroupCount, ...]]:
    pairs = taxonomy.counted()
    if by == words.GAPS_SERVICE:
        return data.read(seen.viewer, asked.by_service, seen.scope, weeks, pairs, slice_)
    return data.read(seen.viewer, asked.by_dimension, seen.scope, weeks, pairs, dimension)


def _table(found: Disparity) -> None:
    n = formats.count(found.judged)
    said = [
        words.GAPS_APART.format(clear=len(found.clear), judged=n)
        if found.clear
        else words.GAPS_SAME.format(judged=n)
    ]
    if found.left_out:
        said.append(words.GAPS_LEFT.format(n=formats.count(found.left_out)))
    st.text(" ".join(said))
    elements.secondary(words.GAPS_WHY)
    gaps = disparity.in_order(found)
    frame = pd.DataFrame(
        {
            words.COLUMN_CATEGORY: [gap.category.title for gap in gaps],
            words.COLUMN_GROUP: [clean(gap.group, 40) for gap in gaps],
            words.COLUMN_RATE: [_rate(gap.rate) for gap in gaps],
            words.COLUMN_REST: [_rate(gap.other_share) for gap in gaps],
            words.COLUMN_DIFFERENCE: [_difference(gap) for gap in gaps],
            words.COLUMN_INTERVAL: [_interval(gap) for gap in gaps],
            words.COLUMN_N: [gap.n for gap in gaps],
            words.COLUMN_N_REST: [gap.n_rest for gap in gaps],
            words.COLUMN_VERDICT: [gap.verdict for gap in gaps],
        }
    )
    text = st.column_config.TextColumn
    number = st.column_config.NumberColumn
    st.dataframe(
        frame,
        key="gaps",
        hide_index=True,
        height="content" if len(gaps) <= ROWS else 36 * (ROWS + 1),
        row_height=36,
        column_config={
            words.COLUMN_CATEGORY: text(width=170),
            words.COLUMN_GROUP: text(width=130),
            words.COLUMN_RATE: text(width=76, alignment="right"),
            words.COLUMN_REST: text(width=76, alignment="right"),
            words.COLUMN_DIFFERENCE: text(width=96, alignment="right"),
            words.COLUMN_INTERVAL: text(width=140, alignment="right"),
            words.COLUMN_N: number(format="localized", width=100),
            words.COLUMN_N_REST: number(format="localized", width=136),
            words.COLUMN_VERDICT: text(width=150),
        },
        alt=words.GAPS_ALT,
    )


def _rate(share: float | None) -> str:
    return strings.FEW if share is None else formats.number(PER * share, 1)


def _difference(gap: Gap) -> str:
    return formats.NONE if gap.difference is None else formats.signed(PER * gap.difference, 1)


def _interval(gap: Gap) -> str:
    if gap.interval is None:
        return formats.NONE
    return " to ".join(formats.signed(PER * end, 1) for end in gap.interval)


def as_rows(found: Disparity, by: str) -> Sequence[exports.Row]:
    """Every comparison, to take away."""
    return [
        {
            "by": by.lower(),
            "category": gap.category.title,
            "group": clean(gap.group),
            **disparity.figures(gap),
            "compared": found.judged,
            "taxonomy_version": taxonomy.version(),
        }
        for gap in disparity.in_order(found)
    ]
