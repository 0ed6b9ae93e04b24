"""The releases page, whose question is: did a model, prompt or index change cause it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard import formats, strings
from dashboard.charts import where as where_charts
from dashboard.charts.where import Bar
from dashboard.estimates import sides
from dashboard.queries import releases
from dashboard.queries.releases import Marked
from dashboard.safe_text import clean, escape
from dashboard.shared import analysis_panels, data, elements, score_choice, session
from dashboard.shared.data import Reading
from dashboard.shared.score_choice import Chosen
from dashboard.shared.session import Session
from dashboard.tables import explore_rows
from dashboard.views.releases import release_rows
from dashboard.views.releases import releases_text as words
from dashboard.views.releases.release_rows import ValueRow
from detectors.finding import parse_rfc3339

MOST_DAYS = 30
MOST_BARS = 8
MOST_CHANGES = 12
LOOK_BACK_S = 90 * 86_400


def render() -> None:
    """The page."""
    seen = session.current()
    top = st.container()
    chosen = score_choice.choose(seen, against=sides.BEFORE, held=False)
    if chosen is None:
        with top:
            elements.header(strings.RELEASES, words.QUESTION, seen, [], "")
        return
    score_choice.write(chosen.address)
    end_s = chosen.sides.compare.to_s
    start_s = end_s - chosen.period_s
    found: list[Reading[object]] = list(chosen.readings)
    if chosen.key.unit != "interaction" or chosen.period_s > MOST_DAYS * 86_400:
        with top:
            elements.header(strings.RELEASES, words.QUESTION, seen, found, words.BASELINE)
        long = words.TOO_LONG.format(days=MOST_DAYS)
        elements.nothing(words.NOT_HERE if chosen.key.unit != "interaction" else long, words.NOT_HERE_NEXT)
        return
    width_s, width = (3600, "hour") if chosen.period_s <= 3 * 86_400 else (86_400, "day")
    first = data.read(
        seen.viewer, releases.first_seen, seen.scope, chosen.key, max(0, end_s - LOOK_BACK_S), end_s
    )
    named = data.read(seen.viewer, releases.recorded, seen.scope, chosen.key, start_s)
    marked = data.read(seen.viewer, releases.marked, seen.scope, chosen.key, start_s, end_s)
    strata = {
        dimension: data.read(
            seen.viewer,
            releases.strata,
            seen.scope,
            chosen.key,
            chosen.measure,
            dimension,
            width_s,
            start_s,
            end_s,
        )
        for dimension in releases.DIMENSIONS
    }
    with top:
        all_read: list[Reading[object]] = [*found, first, named, marked, *strata.values()]
        elements.header(strings.RELEASES, words.QUESTION, seen, all_read, words.BASELINE)
    st.header(escape(analysis_panels.titled(chosen)), anchor=False)
    with elements.Panel(strings.PANEL_CHANGE):
        _changes(first.value, named.value, marked.value, start_s, seen.now)
    for dimension, reading in strata.items():
        with st.container(border=True), elements.Panel(dimension):
            rows = release_rows.rows(chosen.measure, reading.value)
            _dimension(chosen, dimension, rows, first.value, width, seen)


def _changes(
    first: Mapping[tuple[str, str], datetime],
    named: Sequence[tuple[str, str, str]],
    marked: Sequence[Marked],
    start_s: int,
    now: datetime,
) -> None:
    """Values that appeared, and changes that were recorded, newest first."""
    lines = [
        (at, words.APPEARED.format(what=dimension.replace("_", " "), value=clean(value, 40)))
        for (dimension, value), at in first.items()
        if at.timestamp() >= start_s
    ]
    lines += [
        (m.since, words.RECORDED.format(kind=clean(m.kind.replace("_", " "), 30), value=clean(m.value, 60)))
        for m in marked
    ]
    recorded = {(m.kind, m.value) for m in marked}
    for kind, value, since in named:
        if (kind, value) in recorded:
            continue
        try:
            at = parse_rfc3339(since)
        except ValueError:
            continue
        lines.append((at, words.NAMED.format(kind=clean(kind.replace("_", " "), 30), value=clean(value, 60))))
    lines.sort(key=lambda line: line[0], reverse=True)
    with st.container(border=True):
        elements.section(words.CHANGES, words.CHANGES_NOTE)
        if not lines:
            elements.nothing(words.CHANGES_NONE, words.CHANGES_NONE_NEXT)
        for at, said in lines[:MOST_CHANGES]:
            with st.container(horizontal=True, gap="small", wrap=False):
                st.markdown(f":gray[{escape(formats.moment(at, now))}]", width=96)
                st.markdown(escape(said, 200), width="stretch")


def _dimension(
    chosen: Chosen,
    dimension: str,
    rows: Sequence[ValueRow],
    first: Mapping[tuple[str, str], datetime],
    width: str,
    seen: Session,
) -> None:
    def since(value: str) -> str:
        at = first.get((dimension, value))
        return formats.moment(at, seen.now) if at else formats.NONE

    title = words.TITLES[dimension]
    if len(rows) < 2:
        elements.section(title)
        if rows:
            said = words.ONE.format(value=clean(rows[0].value, 60))
            came = since(rows[0].value)
            elements.nothing(said, "" if came == formats.NONE else words.ONE_NEXT.format(since=came))
        else:
            elements.nothing(words.NONE, words.NONE_NEXT)
        return
    elements.section(title, words.NOTE.format(width=width))
    measure = chosen.measure
    bars = [
        Bar(clean(r.value, 24), r.within.value, r.within.low, r.within.high, None) for r in rows if r.within
    ][:MOST_BARS]
    if bars:
        unit = next(r.within.unit for r in rows if r.within)
        drawing = where_charts.ranking(bars, elements.colors(), unit)
        elements.show(drawing, key=f"within-{dimension}")
    if any(_mixed(r) for r in rows):
        elements.secondary(words.MIX.format(width=width))
    within = words.COLUMN_WITHIN.format(width=width)
    frame = pd.DataFrame(
        {
            words.COLUMN_VALUE: [clean(r.value, 64) for r in rows],
            words.COLUMN_SINCE: [since(r.value) for r in rows],
            words.COLUMN_N: [r.n for r in rows],
            words.COLUMN_LEVEL: [explore_rows.level_text(measure, r.level) for r in rows],
            words.COLUMN_COUNTED: [explore_rows.effect_text(measure, r.counted) for r in rows],
            within: [explore_rows.effect_text(measure, r.within) for r in rows],
            words.COLUMN_COMPARED: [formats.percent(r.compared, 0) for r in rows],
            words.COLUMN_VERDICT: [r.verdict for r in rows],
        }
    )
    st.dataframe(
        frame,
        key=f"table-{dimension}",
        hide_index=True,
        height="content" if len(rows) <= 20 else 760,
        row_height=36,
        column_config={
            words.COLUMN_VALUE: st.column_config.TextColumn(width=150),
            words.COLUMN_SINCE: st.column_config.TextColumn(width=110),
            words.COLUMN_N: st.column_config.NumberColumn(format="localized", width=78),
            words.COLUMN_LEVEL: st.column_config.TextColumn(width=130, alignment="right"),
            words.COLUMN_COUNTED: st.column_config.TextColumn(width=180, alignment="right"),
            within: st.column_config.TextColumn(width=190, alignment="right"),
            words.COLUMN_COMPARED: st.column_config.TextColumn(
                width=76, alignment="right", help=words.COLUMN_COMPARED_HELP
            ),
            words.COLUMN_VERDICT: st.column_config.TextColumn(width=130),
        },
        alt=words.ALT.format(title=title),
    )


def _mixed(row: ValueRow) -> bool:
    """Whether what was counted and what stays within strata tell different stories."""
    if row.counted is None or row.within is None:
        return False
    return not row.within.low <= row.counted.value <= row.within.high


render()
