"""The explore page, whose question is: how does one score behave, and for whom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import streamlit as st

from dashboard import exports, formats, strings
from dashboard.charts.change import Tick
from dashboard.estimates import levels
from dashboard.measures.measures import FLAG
from dashboard.queries import series
from dashboard.queries.series import Half, SliceCounts, Window
from dashboard.shared import analysis_panels, data, elements, score_choice, session
from dashboard.shared.score_choice import Chosen
from dashboard.shared.session import Session
from dashboard.tables import explore_rows, incident_picture
from dashboard.tables.explore_rows import SliceRow
from dashboard.views.explore import rule_panel, rule_text
from dashboard.wording import explore

POINTS = 96


def render() -> None:
    """The page."""
    seen = session.current()
    top = st.container()  # the header tells how fresh the numbers below are, which are read after it
    chosen = score_choice.choose(seen)
    if chosen is None:
        with top:
            elements.header(strings.EXPLORE, explore.QUESTION, seen, [], "")
        return
    values = chosen.measure.what != FLAG
    compared = data.read(
        seen.viewer, series.slices, seen.scope, chosen.key, chosen.sides.compare, values=values
    )
    window = incident_picture.in_buckets(
        chosen.sides.end - analysis_panels.period(chosen), chosen.sides.end, POINTS
    )
    buckets = data.read(seen.viewer, series.ticks, seen.scope, chosen.key, window, values=values)
    with top:
        found = [*chosen.readings, compared, buckets]
        elements.header(strings.EXPLORE, explore.QUESTION, seen, found, chosen.sides.name)
    if chosen.sides.instead:
        elements.secondary(chosen.sides.instead)
    whole = explore_rows.whole(chosen.measure, compared.value, chosen.key.slice)
    if whole is None or not buckets.value:
        score_choice.write(chosen.address)
        analysis_panels.nothing(chosen)
        return
    ticks = incident_picture.points(chosen.measure, buckets.value, window.bucket_s)
    apart = explore_rows.apart(chosen.measure, buckets.value, window.bucket_s, whole.before)
    own = next(s for s in compared.value if s.slice == chosen.key.slice)
    dims = explore_rows.dimensions([s.slice for s in compared.value])
    actions = st.container()
    with elements.Panel(strings.PANEL_FACTS):
        analysis_panels.facts(chosen, whole)
    left, right = st.columns([2.1, 1])
    with left, st.container(border=True, height="stretch"), elements.Panel(strings.PANEL_CHANGE):
        _trend(chosen, window, ticks, apart, whole)
    with right, st.container(border=True, height="stretch"), elements.Panel(strings.PANEL_SHAPE):
        analysis_panels.shape(chosen, own, whole)
    rows = analysis_panels.table(chosen, compared.value, dims)
    score_choice.write(chosen.address)
    with actions:
        _actions(seen, chosen, window, ticks, whole, rows, own)


def _trend(
    chosen: Chosen, window: Window, ticks: Sequence[Tick], apart: Collection[datetime], whole: SliceRow
) -> None:
    step = formats.span(timedelta(seconds=window.bucket_s))
    title = explore.TREND.format(title=analysis_panels.titled(chosen), step=step)
    elements.section(title, explore.TREND_NOTE.format(reference=chosen.sides.name))
    if not ticks:
        elements.nothing(strings.CHANGE_EMPTY, explore.SHAPE_NONE_NEXT)
        return
    elements.show(analysis_panels.trend(chosen, window, ticks, apart, whole, title), key="trend")


def _actions(
    seen: Session,
    chosen: Chosen,
    window: Window,
    ticks: Sequence[Tick],
    whole: SliceRow,
    rows: Sequence[SliceRow],
    own: SliceCounts,
) -> None:
    """What can be taken away: a rule, the statement, the numbers."""
    with st.container(horizontal=True, gap="small"):
        with st.popover(explore.WATCH, icon=":material/visibility:", width="content"):
            _rule(seen, chosen, whole, own)
        with st.popover(explore.SQL, icon=":material/code:", width="content"):
            elements.secondary(explore.SQL_NOTE)
            asked = series.ticks_statement(seen.scope, chosen.key, window, values=chosen.measure.what != FLAG)
            st.code(asked.text(), language=None, wrap_lines=True)
        with st.popover(explore.EXPORT, icon=":material/download:", width="content"):
            elements.secondary(explore.EXPORT_NOTE)
            _exports(chosen, ticks, [whole, *rows])


def _rule(seen: Session, chosen: Chosen, whole: SliceRow, own: SliceCounts) -> None:
    usual = own.before if whole.before is not None else own.after
    hours = chosen.period_s / 3600
    found = rule_text.suggestion(
        chosen.key,
        chosen.measure,
        levels.level(chosen.measure, usual),
        _mean(usual),
        own.after.n / hours,
    )
    rule_panel.panel(seen, chosen, found)


def _mean(half: Half) -> float | None:
    return half.total / half.n if half.n else None


def _exports(chosen: Chosen, ticks: Sequence[Tick], rows: Sequence[SliceRow]) -> None:
    key = chosen.key
    place = {"service": key.service, "environment": key.environment, "unit": key.unit, "score": key.score}
    over_time = [
        {
            **place,
            "slice": key.slice,
            "measure": chosen.measure.title,
            "time": f"{t.time:%Y-%m-%dT%H:%M:%SZ}",
            "n": t.n,
            "value": t.value,
            "low": t.low,
            "high": t.high,
        }
        for t in ticks
    ]
    table = [{**place, **row} for row in explore_rows.exported(chosen.measure, rows, chosen.sides.name)]
    for label, name, found in (
        (explore.EXPORT_TREND_CSV, "trend.csv", exports.as_csv(over_time)),
        (explore.EXPORT_TREND_PARQUET, "trend.parquet", exports.as_parquet(over_time)),
        (explore.EXPORT_TABLE_CSV, "slices.csv", exports.as_csv(table)),
        (explore.EXPORT_TABLE_PARQUET, "slices.parquet", exports.as_parquet(table)),
    ):
        mime = "text/csv" if name.endswith("csv") else "application/vnd.apache.parquet"
        st.download_button(label, data=found, file_name=name, mime=mime, key=name, on_click="ignore")


render()
