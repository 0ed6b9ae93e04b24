"""Panels that several of the analysts' pages have: the comparison in numbers, its shape, by slice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import formats, palette
from dashboard.charts import pair
from dashboard.charts import trend as trends
from dashboard.charts import where as where_charts
from dashboard.charts.change import Tick
from dashboard.charts.frame import Drawing
from dashboard.charts.trend import ComparisonLevel, Span
from dashboard.estimates import readings
from dashboard.measures.intervals import Interval
from dashboard.measures.measures import CATEGORY, FLAG
from dashboard.queries.series import SliceCounts, Window
from dashboard.safe_text import clean
from dashboard.shared import elements, score_choice
from dashboard.shared.score_choice import Chosen
from dashboard.tables import explore_rows, incident_picture
from dashboard.tables.explore_rows import SliceRow
from dashboard.wording import explore
from detectors.grid import LogGrid


def period(chosen: Chosen) -> timedelta:
    """How long it is."""
    return timedelta(seconds=chosen.period_s)


def nothing(chosen: Chosen) -> None:
    """No output at all: of what, and when."""
    at = [formats.date(t) for t in (chosen.sides.end - period(chosen), chosen.sides.end)]
    elements.empty(
        palette.NO_DATA,
        explore.NOTHING,
        explore.NOTHING_NEXT.format(
            service=clean(chosen.place.label, 60),
            score=clean(chosen.key.score, 60),
            slice=clean(chosen.key.slice, 60),
            from_=at[0],
            to=at[1],
        ),
    )
    st.button(explore.UNDO, on_click=score_choice.clear)


def trend(
    chosen: Chosen,
    window: Window,
    ticks: Sequence[Tick],
    apart: Collection[datetime],
    whole: SliceRow,
    title: str,
) -> Drawing:
    """The level over the period with its reference; ``apart`` are the times that differ from it."""
    before = whole.before
    held = before and ComparisonLevel(before.value, Interval(before.low, before.high), chosen.sides.name)
    return trends.level_over_time(
        ticks,
        held,
        elements.colors(),
        apart=apart,
        span=Span(incident_picture.at(window.from_s), incident_picture.at(window.to_s)),
        width=timedelta(seconds=window.bucket_s),
        title=title,
        scale=chosen.measure.scale,
    )


def facts(chosen: Chosen, whole: SliceRow) -> None:
    """Both levels, the change and the counts."""
    measure = chosen.measure
    with st.container(horizontal=True, gap="small"):
        for label, level in ((explore.NOW, whole.level), (explore.REFERENCE, whole.before)):
            value, note = explore.FEW, explore.FEW_NOTE.format(n=incident_picture.MIN_OUTPUTS)
            if level is not None:
                value = measure.level(level.value)
                note = readings.interval_words(measure, level.low, level.high)
            elements.fact(label, value, note)
        effect = explore_rows.effect_text(measure, whole.effect)
        value, note = formats.split_interval(effect)
        said = f"{note} · {whole.verdict}" if note else whole.verdict
        elements.fact(explore.CHANGE, value, said)
        label = explore.OUTPUTS_OF.get(chosen.key.unit, explore.OUTPUTS)
        note = explore.OUTPUTS_NOTE.format(n=formats.count(whole.n_before))
        elements.fact(label, formats.count(whole.n), note)


def titled(chosen: Chosen) -> str:
    """The measure, and of which slice."""
    title = clean(chosen.measure.title, 60)
    if chosen.measure.is_share or not chosen.measure.score.unit:
        median = "" if chosen.measure.is_share else ", median"
    else:
        median = f", median in {chosen.measure.score.unit}"
    where = "" if chosen.key.slice == score_choice.ALL else f", {incident_picture.readable(chosen.key.slice)}"
    return f"{title}{median}{where}"


def shape(chosen: Chosen, own: SliceCounts, whole: SliceRow) -> None:
    """The distribution of both sides; a flag has two levels, a category the change of each name."""
    measure, colors = chosen.measure, elements.colors()
    moved = whole.effect is not None and (whole.effect.low > 0 or whole.effect.high < 0)
    drawing, title, note = None, explore.SHAPE, ""
    if measure.what == FLAG:
        title, note = explore.SHAPE_FLAG, explore.SHAPE_FLAG_NOTE
        if whole.before is not None and whole.level is not None:
            drawing = pair.level_pair(
                pair.Side("reference", *whole.before, whole.n_before),
                pair.Side("period", *whole.level, whole.n),
                colors,
                measure.scale,
                moved=moved,
            )
    elif measure.what == CATEGORY:
        title, note = explore.SHAPE_NAMES, explore.SHAPE_NAMES_NOTE
        found = incident_picture.category_bars(own.before, own.after)
        drawing = where_charts.ranking(found.bars, colors, found.unit) if found.bars else None
    else:
        cells = incident_picture.bins(measure, own.before, own.after)
        note = explore.SHAPE_NOTE.format(
            n=formats.count(own.after.n), before=formats.count(own.before.n), verdict=whole.verdict
        )
        log = isinstance(measure.score.grid, LogGrid)
        if cells:
            drawing = where_charts.distribution_shift(
                cells, colors, measure.score.unit, log=log, moved=moved, narrow=True
            )
    elements.section(title, note)
    if drawing is None:
        elements.nothing(explore.SHAPE_NONE, explore.SHAPE_NONE_NEXT)
    else:
        elements.show(drawing, key="shape")


def table(chosen: Chosen, slices: Sequence[SliceCounts], dims: Sequence[str]) -> list[SliceRow]:
    """Values of a dimension; a row narrows the page to it."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            note = explore.BY_NOTE.format(n=incident_picture.MIN_OUTPUTS)
            elements.section(explore.BY, note if dims else "")
        if dims:
            dimension = score_choice.one_of(explore.DIMENSION, dims, "by", chosen.address, width=170)
    if not dims:
        elements.nothing(explore.BY_NONE, explore.BY_NONE_NEXT)
        return []
    measure = chosen.measure
    rows = explore_rows.by_value(measure, slices, dimension)
    frame = pd.DataFrame(
        {
            explore.COLUMN_VALUE: [explore_rows.named(r) for r in rows],
            explore.COLUMN_LEVEL: [explore_rows.level_text(measure, r.level) for r in rows],
            explore.COLUMN_N: [r.n for r in rows],
            explore.COLUMN_BEFORE: [explore_rows.level_text(measure, r.before) for r in rows],
            explore.COLUMN_N_BEFORE: [r.n_before for r in rows],
            explore.COLUMN_EFFECT: [explore_rows.effect_text(measure, r.effect) for r in rows],
            explore.COLUMN_VERDICT: [r.verdict for r in rows],
        }
    )
    st.dataframe(
        frame,
        key=f"rows-{dimension}-{chosen.key.slice}",
        hide_index=True,
        height="content",
        row_height=36,
        column_config={
            explore.COLUMN_VALUE: st.column_config.TextColumn(width=190),
            explore.COLUMN_LEVEL: st.column_config.TextColumn(width=156, alignment="right"),
            explore.COLUMN_N: st.column_config.NumberColumn(format="localized", width=96),
            explore.COLUMN_BEFORE: st.column_config.TextColumn(width=156, alignment="right"),
            explore.COLUMN_N_BEFORE: st.column_config.NumberColumn(format="localized", width=110),
            explore.COLUMN_EFFECT: st.column_config.TextColumn(width=200, alignment="right"),
            explore.COLUMN_VERDICT: st.column_config.TextColumn(width=130),
        },
        on_select=partial(narrow, f"rows-{dimension}-{chosen.key.slice}", [r.slice for r in rows]),
        selection_mode="single-row",
        alt=explore.BY_ALT,
    )
    elements.secondary(explore.SELECT)
    return rows


def narrow(key: str, slices: Sequence[str]) -> None:
    """Look at the slice of the selected row alone."""
    selected = st.session_state[key].selection.rows
    if selected and selected[0] < len(slices):
        st.session_state["slice"] = slices[selected[0]]
