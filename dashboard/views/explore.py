"""The explore page, whose question is: how does one score behave, and for whom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import (
    choose,
    components,
    data,
    explore_rows,
    exports,
    formats,
    levels,
    palette,
    picture,
    readings,
    rule_text,
    session,
    strings,
)
from dashboard.charts import pair, trend
from dashboard.charts import where as where_charts
from dashboard.charts.change import Tick
from dashboard.charts.trend import Held, Span
from dashboard.choose import Chosen
from dashboard.explore_rows import SliceRow
from dashboard.intervals import Interval
from dashboard.measures import CATEGORY, FLAG
from dashboard.plain import clean
from dashboard.queries import series
from dashboard.queries.series import Half, SliceCounts, Window
from dashboard.session import Session
from dashboard.wording import explore
from detectors.grid import LogGrid

POINTS = 96


def render() -> None:
    """The page."""
    seen = session.current()
    top = st.container()  # the header tells how fresh the numbers below are, which are read after it
    chosen = choose.choose(seen)
    if chosen is None:
        with top:
            components.header(strings.EXPLORE, explore.QUESTION, seen, [], "")
        return
    values = chosen.measure.what != FLAG
    compared = data.read(
        seen.viewer, series.slices, seen.scope, chosen.key, chosen.sides.compare, values=values
    )
    window = picture.in_buckets(chosen.sides.end - _period(chosen), chosen.sides.end, POINTS)
    buckets = data.read(seen.viewer, series.ticks, seen.scope, chosen.key, window, values=values)
    with top:
        found = [*chosen.readings, compared, buckets]
        components.header(strings.EXPLORE, explore.QUESTION, seen, found, chosen.sides.name)
    if chosen.sides.instead:
        components.quiet(chosen.sides.instead)
    whole = explore_rows.whole(chosen.measure, compared.value, chosen.key.slice)
    if whole is None or not buckets.value:
        choose.write(chosen.address)
        _nothing(chosen)
        return
    ticks = picture.points(chosen.measure, buckets.value, window.bucket_s)
    apart = explore_rows.apart(chosen.measure, buckets.value, window.bucket_s, whole.before)
    own = next(s for s in compared.value if s.slice == chosen.key.slice)
    dims = explore_rows.dimensions([s.slice for s in compared.value])
    actions = st.container()
    _facts(chosen, whole)
    left, right = st.columns([2.1, 1])
    with left, st.container(border=True, height="stretch"):
        _trend(chosen, window, ticks, apart, whole)
    with right, st.container(border=True, height="stretch"):
        _shape(chosen, own, whole)
    rows = _table(chosen, compared.value, dims)
    choose.write(chosen.address)
    with actions:
        _actions(seen, chosen, window, ticks, whole, rows, own)


def _period(chosen: Chosen) -> timedelta:
    return timedelta(seconds=chosen.period_s)


def _nothing(chosen: Chosen) -> None:
    at = [formats.date(t) for t in (chosen.sides.end - _period(chosen), chosen.sides.end)]
    components.empty(
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
    st.button(explore.UNDO, on_click=choose.clear)


def _facts(chosen: Chosen, whole: SliceRow) -> None:
    measure = chosen.measure
    with st.container(horizontal=True, gap="small"):
        for label, level in ((explore.NOW, whole.level), (explore.REFERENCE, whole.before)):
            value, note = explore.FEW, explore.FEW_NOTE.format(n=picture.MIN_OUTPUTS)
            if level is not None:
                value = measure.level(level.value)
                note = readings.interval_words(measure, level.low, level.high)
            components.fact(label, value, note)
        effect = explore_rows.effect_text(measure, whole.effect)
        value, note = formats.split_interval(effect)
        said = f"{note} · {whole.verdict}" if note else whole.verdict
        components.fact(explore.CHANGE, value, said)
        label = explore.OUTPUTS_OF.get(chosen.key.unit, explore.OUTPUTS)
        note = explore.OUTPUTS_NOTE.format(n=formats.count(whole.n_before))
        components.fact(label, formats.count(whole.n), note)


def _trend(
    chosen: Chosen, window: Window, ticks: Sequence[Tick], apart: Collection[datetime], whole: SliceRow
) -> None:
    measure, before = chosen.measure, whole.before
    width = timedelta(seconds=window.bucket_s)
    held = None
    if before is not None:
        held = Held(before.value, Interval(before.low, before.high), chosen.sides.name)
    first, last = picture.at(window.from_s), picture.at(window.to_s)
    title = explore.TREND.format(title=_titled(chosen), step=formats.span(width))
    components.section(title, explore.TREND_NOTE.format(reference=chosen.sides.name))
    if not ticks:
        components.nothing(strings.CHANGE_EMPTY, explore.SHAPE_NONE_NEXT)
        return
    drawing = trend.level_over_time(
        ticks,
        held,
        components.colors(),
        apart=apart,
        span=Span(first, last),
        width=width,
        title=title,
        scale=measure.scale,
    )
    components.show(drawing, key="trend")


def _titled(chosen: Chosen) -> str:
    """The measure, and of which slice."""
    title = clean(chosen.measure.title, 60)
    if chosen.measure.is_share or not chosen.measure.score.unit:
        median = "" if chosen.measure.is_share else ", median"
    else:
        median = f", median in {chosen.measure.score.unit}"
    where = "" if chosen.key.slice == choose.ALL else f", {picture.readable(chosen.key.slice)}"
    return f"{title}{median}{where}"


def _shape(chosen: Chosen, own: SliceCounts, whole: SliceRow) -> None:
    """The distribution of both sides; a flag has two levels, a category the change of each name."""
    measure, colors = chosen.measure, components.colors()
    moved = whole.effect is not None and (whole.effect.low > 0 or whole.effect.high < 0)
    drawing, title, note = None, explore.SHAPE, ""
    if measure.what == FLAG:
        title, note = explore.SHAPE_FLAG, explore.SHAPE_FLAG_NOTE
        if whole.before is not None and whole.level is not None:
            drawing = pair.two_levels(
                pair.Side("reference", *whole.before, whole.n_before),
                pair.Side("period", *whole.level, whole.n),
                colors,
                measure.scale,
                moved=moved,
            )
    elif measure.what == CATEGORY:
        title, note = explore.SHAPE_NAMES, explore.SHAPE_NAMES_NOTE
        found = picture.category_bars(own.before, own.after)
        drawing = where_charts.ranking(found.bars, colors, found.unit) if found.bars else None
    else:
        cells = picture.bins(measure, own.before, own.after)
        note = explore.SHAPE_NOTE.format(
            n=formats.count(own.after.n), before=formats.count(own.before.n), verdict=whole.verdict
        )
        log = isinstance(measure.score.grid, LogGrid)
        if cells:
            drawing = where_charts.distribution_shift(
                cells, colors, measure.score.unit, log=log, moved=moved, narrow=True
            )
    components.section(title, note)
    if drawing is None:
        components.nothing(explore.SHAPE_NONE, explore.SHAPE_NONE_NEXT)
    else:
        components.show(drawing, key="shape")


def _table(chosen: Chosen, slices: Sequence[SliceCounts], dims: Sequence[str]) -> list[SliceRow]:
    """Values of a dimension; a row narrows the page to it."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            note = explore.BY_NOTE.format(n=picture.MIN_OUTPUTS)
            components.section(explore.BY, note if dims else "")
        if dims:
            dimension = choose.one_of(explore.DIMENSION, dims, "by", chosen.address, width=170)
    if not dims:
        components.nothing(explore.BY_NONE, explore.BY_NONE_NEXT)
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
        on_select=partial(_narrow, f"rows-{dimension}-{chosen.key.slice}", [r.slice for r in rows]),
        selection_mode="single-row",
        alt=explore.BY_ALT,
    )
    components.quiet(explore.SELECT)
    return rows


def _narrow(key: str, slices: Sequence[str]) -> None:
    """Look at the slice of the selected row alone."""
    selected = st.session_state[key].selection.rows
    if selected and selected[0] < len(slices):
        st.session_state["slice"] = slices[selected[0]]


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
            _rule(chosen, whole, own)
        with st.popover(explore.SQL, icon=":material/code:", width="content"):
            components.quiet(explore.SQL_NOTE)
            asked = series.ticks_statement(seen.scope, chosen.key, window, values=chosen.measure.what != FLAG)
            st.code(asked.text(), language=None, wrap_lines=True)
        with st.popover(explore.EXPORT, icon=":material/download:", width="content"):
            components.quiet(explore.EXPORT_NOTE)
            _exports(chosen, ticks, [whole, *rows])


def _rule(chosen: Chosen, whole: SliceRow, own: SliceCounts) -> None:
    usual = own.before if whole.before is not None else own.after
    hours = chosen.period_s / 3600
    found = rule_text.suggestion(
        chosen.key,
        chosen.measure,
        levels.level(chosen.measure, usual),
        _mean(usual),
        own.after.n / hours,
    )
    components.quiet(found.why)
    if found.toml:
        st.code(found.toml, language=None, wrap_lines=True)
        components.quiet(explore.WATCH_NOTE)


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
