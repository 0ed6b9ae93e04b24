"""The trends page, whose question is: how did risk move over the weeks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pandas as pd
import streamlit as st

from dashboard import exports, formats, palette, strings
from dashboard.charts import risk, small
from dashboard.charts.risk import PER
from dashboard.estimates import taxonomy
from dashboard.estimates.taxonomy import Category
from dashboard.queries import catalogue, trends
from dashboard.queries.days_and_cells import Weeks
from dashboard.queries.trends import ValueWeek
from dashboard.safe_text import clean, escape
from dashboard.shared import data, elements, filters, session
from dashboard.shared.data import Reading
from dashboard.shared.session import Session
from dashboard.tables import trend_rows
from dashboard.tables.trend_rows import CategoryWeeks
from dashboard.views.trends import disparity_panel, report_panel

CARDS = 4
PANEL_COLUMNS = 3
DIMENSION = "language"
USUAL = "refusal"


def render() -> None:
    """The page."""
    seen = session.current()
    services = data.read(seen.viewer, catalogue.places, seen.scope)
    top = st.container()  # the header tells how fresh the numbers below are, which are read after it
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        service = filters.service(sorted({item.service for item in services.value}))
        n_weeks = filters.weeks()
        weeks = trend_rows.span(seen.scope.at, n_weeks, service)
        panel_rows = _by_language(seen, weeks)
        language = filters.language(trend_rows.languages(panel_rows.value))
        report_panel.show(seen, weeks)
    slice_ = f"{DIMENSION}={trend_rows.encoded(language)}" if language else "all"
    pairs = taxonomy.counted()
    counts = data.read(seen.viewer, trends.by_score, seen.scope, weeks, pairs, slice_)
    with top:
        readings = [services, panel_rows, counts]
        elements.header(strings.TRENDS, strings.TRENDS_QUESTION, seen, readings, strings.TRENDS_BASELINE)
    rows = trend_rows.table(taxonomy.categories(), counts.value)
    if not rows:
        _nothing(service, language, n_weeks)
        return
    partial = seen.scope.at < trend_rows.monday(seen.scope.at) + timedelta(days=7)
    with elements.Panel(strings.PANEL_FACTS):
        _sentences(rows, partial=partial)
        _cards(rows)
    with st.container(border=True), elements.Panel(strings.HEAT):
        elements.section(strings.HEAT, strings.HEAT_NOTE.format(few=formats.count(trend_rows.FEW)))
        cells = [cell for row in rows for cell in row.cells]
        elements.show(risk.heat_map(cells, elements.colors()), key="taxonomy")
    with elements.Panel(strings.PANEL_TABLE):
        _table(rows, n_weeks, service)
    with elements.Panel(strings.PANEL_CHANGE):
        _panels(panel_rows.value, rows)
    with elements.Panel(strings.PANEL_GROUPS):
        disparity_panel.show(seen, weeks, DIMENSION, slice_)


def _category() -> Category:
    """The category whose languages are compared; refusals unless asked."""
    flags = {c.title: c for c in taxonomy.categories() if c.at_least is None}
    usual = next(c for c in flags.values() if c.id == USUAL)
    return flags.get(filters.chosen_category(), usual)


def _by_language(seen: Session, weeks: Weeks) -> Reading[tuple[ValueWeek, ...]]:
    category = _category()
    return data.read(
        seen.viewer,
        trends.by_value,
        seen.scope,
        weeks,
        unit=category.unit,
        score=category.scores[0],
        dimension=DIMENSION,
    )


def _nothing(service: str, language: str, n_weeks: int) -> None:
    elements.empty(
        palette.NO_DATA,
        strings.TRENDS_NONE,
        strings.TRENDS_NONE_NEXT.format(
            service=clean(service) or strings.ALL_OF_THEM.lower(),
            language=clean(language) or strings.ALL_LANGUAGES.lower(),
            weeks=n_weeks,
        ),
    )
    st.button(strings.TRENDS_UNDO, on_click=filters.forget, args=("service", "language", "weeks"))


def _sentences(rows: Sequence[CategoryWeeks], *, partial: bool) -> None:
    """The latest week in words, for those who read nothing else."""
    week = formats.day(rows[0].latest.week)
    with st.container(border=True):
        elements.section((strings.WEEK_SO_FAR if partial else strings.WEEK_OF).format(day=week))
        lines = []
        for sentence in trend_rows.sentences(rows, taxonomy.categories(), partial=partial):
            stressed = f"**{escape(sentence.stressed, 120)}**" if sentence.stressed else ""
            lines.append(f"- {stressed}{escape(sentence.rest, 400)}")
        st.markdown("\n".join(lines))


def _cards(rows: Sequence[CategoryWeeks]) -> None:
    """The categories that moved most, or, where none did, the first ones."""
    known = [row for row in rows if trend_rows.weeks_of(row)]
    known.sort(key=lambda row: -abs(row.latest.shade))
    for column, row in zip(st.columns(CARDS), known[:CARDS], strict=False):
        weeks = trend_rows.weeks_of(row)
        last = weeks[-1]
        note = strings.FACT_RATE_NOTE.format(
            low=formats.number(PER * last.interval.low, 1),
            high=formats.number(PER * last.interval.high, 1),
            verdict=trend_rows.verdict(last.interval, last.baseline),
        )
        with column:
            elements.fact(
                row.category.title,
                formats.number(PER * last.rate, 1),
                note,
                small.sparkline(weeks, row.category.title, elements.colors()),
            )


def _panels(values: Sequence[ValueWeek], rows: Sequence[CategoryWeeks]) -> None:
    """One category by language, on one scale."""
    chosen = _category()
    offered = [row.category.title for row in rows if row.category.at_least is None]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            elements.section(strings.PANELS.format(category=chosen.title), strings.PANELS_NOTE)
        if offered:
            filters.category(offered, next(c.title for c in taxonomy.categories() if c.id == USUAL))
    found = trend_rows.panels(values)
    if not found:
        elements.nothing(
            strings.PANELS_NONE,
            strings.PANELS_NONE_NEXT.format(n=formats.count(trend_rows.FEW_IN_PANEL)),
        )
        return
    top = max(week.interval.high for _, weeks in found for week in weeks) * 1.1
    for start in range(0, len(found), PANEL_COLUMNS):
        part = found[start : start + PANEL_COLUMNS]
        for column, (name, weeks) in zip(st.columns(PANEL_COLUMNS), part, strict=False):
            with column.container(border=True, gap="xsmall"):
                last = weeks[-1]
                said = f"{formats.share_interval(*last.interval)} · "
                said += trend_rows.verdict(last.interval, last.baseline)
                with st.container(horizontal=True, horizontal_alignment="distribute"):
                    st.markdown(f"**{escape(name, 24)}**", width="content")
                    st.markdown(
                        f"**{escape(formats.share(last.rate))}** :gray[:small[{escape(said)}]]",
                        width="content",
                    )
                drawing = small.panel(weeks, clean(name, 24), top, elements.colors())
                elements.show(drawing, key=f"panel-{start}-{name}")


def _table(rows: Sequence[CategoryWeeks], n_weeks: int, service: str) -> None:
    """The heat map's numbers, readable without colour, and to take away."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            elements.section(strings.TABLE)
        st.download_button(
            strings.DOWNLOAD,
            data=_csv(rows, service),
            file_name="risk_by_week.csv",
            mime="text/csv",
            icon=":material/download:",
        )
    latest = [row.latest for row in rows]
    weeks = strings.TABLE_WEEKS.format(n=n_weeks)
    frame = pd.DataFrame(
        {
            strings.TABLE_CATEGORY: [row.category.title for row in rows],
            weeks: [[round(PER * c.rate, 2) for c in row.cells if not c.few] for row in rows],
            strings.TABLE_LATEST: [
                strings.FEW if cell.few else formats.number(PER * cell.rate, 1) for cell in latest
            ],
            strings.TABLE_INTERVAL: [
                formats.NONE
                if cell.few
                else f"{formats.number(PER * cell.interval.low, 1)}{formats.DASH}"
                f"{formats.number(PER * cell.interval.high, 1)}"
                for cell in latest
            ],
            strings.TABLE_BASELINE: [
                formats.NONE if cell.baseline is None else formats.number(PER * cell.baseline, 1)
                for cell in latest
            ],
            strings.TABLE_VERDICT: [
                strings.FEW if cell.few else trend_rows.verdict(cell.interval, cell.baseline)
                for cell in latest
            ],
            strings.TABLE_OUTPUTS: [cell.n for cell in latest],
            strings.TABLE_FRAMEWORKS: [row.category.frameworks or formats.NONE for row in rows],
        }
    )
    st.dataframe(
        frame,
        hide_index=True,
        height="content",
        row_height=36,
        column_config={
            strings.TABLE_CATEGORY: st.column_config.TextColumn(width=170),
            weeks: st.column_config.LineChartColumn(
                width=130, color=elements.colors().current, help=strings.TABLE_WEEKS_HELP
            ),
            strings.TABLE_LATEST: st.column_config.TextColumn(width=70, alignment="right"),
            strings.TABLE_INTERVAL: st.column_config.TextColumn(width=110, alignment="right"),
            strings.TABLE_BASELINE: st.column_config.TextColumn(width=76, alignment="right"),
            strings.TABLE_VERDICT: st.column_config.TextColumn(width=126),
            strings.TABLE_OUTPUTS: st.column_config.NumberColumn(format="localized", width=90),
            strings.TABLE_FRAMEWORKS: st.column_config.TextColumn(width=300),
        },
        alt=strings.TABLE_ALT,
    )


def _csv(rows: Sequence[CategoryWeeks], service: str) -> bytes:
    """Every cell."""
    return exports.as_csv(
        [
            {
                "service": clean(service) or strings.ALL_OF_THEM,
                "category": row.category.title,
                "week": f"{cell.week:%Y-%m-%d}",
                "n": cell.n,
                "rate": cell.rate,
                "low": cell.interval.low,
                "high": cell.interval.high,
                "baseline": cell.baseline,
                "taxonomy_version": taxonomy.version(),
            }
            for row in rows
            for cell in row.cells
        ]
    )


render()
