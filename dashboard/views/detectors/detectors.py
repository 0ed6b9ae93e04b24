"""The page about detection itself, whose question is: can I trust the detector."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import formats, palette, strings
from dashboard.safe_text import clean
from dashboard.shared import data, elements, filters, session
from dashboard.views.detectors import budget_chart as charts
from dashboard.views.detectors import detectors_query as queries
from dashboard.views.detectors import detectors_text as words
from dashboard.views.detectors import trust
from dashboard.views.detectors.detectors_query import Run, Watching
from dashboard.views.detectors.trust import BudgetUse, Row, Share
from detectors.finding import SEVERAL

DAY_S = 86_400
SHOWN = 500


def render() -> None:
    """The page."""
    seen = session.current()
    who, scope = seen.viewer, seen.scope
    top = st.container()
    days = filters.days()
    since_s = scope.now_s - days * DAY_S
    watched = data.read(who, queries.watching, scope, since_s)
    records = data.read(who, queries.record, scope, since_s)
    registered = data.read(who, queries.registered, scope, SEVERAL)
    run = data.read(who, queries.run, scope)
    with top:
        readings = [watched, records, registered, run]
        elements.header(words.TITLE, words.QUESTION, seen, readings, words.BASE.format(days=days))
    if not watched.value:
        elements.nothing_arrived(seen)
        return
    settings = data.settings()
    _config(run.value, settings.config_hash())
    spent = trust.budget_use(settings, watched.value, records.value, days)
    with elements.Panel(strings.PANEL_FACTS):
        _facts(watched.value, spent, run.value)
    with st.container(border=True), elements.Panel(words.BUDGET):
        elements.section(words.BUDGET, words.BUDGET_NOTE)
        elements.show(charts.budget_use(spent, elements.colors()), key="spending")
    place = (who.tenant, scope.lineage)
    _shares(trust.shares(settings, place, registered.value, watched.value, records.value))
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            services = len({(w.service, w.environment) for w in watched.value})
            note = words.TABLE_NOTE.format(n=formats.count(len(watched.value)), services=services)
            elements.section(words.TABLE, note)
        state = filters.series_status(tuple(trust.STANDINGS))
    with elements.Panel(words.TABLE):
        _table(trust.rows(watched.value, records.value, state), state)
    elements.secondary(words.VERIFY)


def _config(run: Run | None, here: str) -> None:
    if run is not None and run.config_hash != here:
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
            elements.badge(palette.FAILED)
            with st.container(gap=None):
                st.markdown(f"**{words.OTHER_CONFIG}**")
                running = clean(run.config_hash, 20)
                elements.secondary(words.OTHER_CONFIG_NEXT.format(running=running, here=here))


def _facts(watched: Sequence[Watching], spent: Sequence[BudgetUse], run: Run | None) -> None:
    learning, stale = sum(w.learning for w in watched), sum(w.stale for w in watched)
    on = sum(w.watching + w.accepted for w in watched)
    every = trust.ended_all(spent)
    with st.container(horizontal=True, gap="small"):
        note = words.WATCHING_NOTE.format(
            n=formats.count(on + learning + stale),
            learning=formats.count(learning),
            stale=formats.count(stale),
        )
        elements.fact(words.WATCHING, formats.count(on), note)
        for label, one in zip((words.PAGES, words.TICKETS), spent, strict=True):
            low, high = (formats.number(v, 1) for v in one.false)
            note = words.SPENT_NOTE.format(
                low=low,
                high=high,
                allowed=formats.measure(one.allowed),
                expected=formats.measure(one.expected),
            )
            elements.fact(label, f"{one.record.false}", note)
        if every.share is None:
            elements.fact(words.RECORD, formats.NONE, words.RECORD_NONE)
        else:
            low, high = (formats.percent(v, 0) for v in every.share)
            note = words.RECORD_NOTE.format(low=low, high=high, k=every.false, n=every.judged)
            elements.fact(words.RECORD, formats.percent(every.false / every.judged, 0), note)
        if run is None:
            elements.fact(words.ENGINE, formats.NONE, words.ENGINE_NONE)
        else:
            name, _, version = run.engine.rpartition(".")
            since = formats.moment(run.since, data.wall())
            note = words.ENGINE_NOTE.format(name=clean(name, 30), value=clean(run.config_hash, 20), at=since)
            elements.fact(words.ENGINE, words.ENGINE_VERSION.format(value=clean(version, 12)), note)


def _shares(found: Sequence[Share]) -> None:
    elements.section(words.SHARES, words.SHARES_NOTE)
    shown = found[:SHOWN]
    numbers = {
        words.SERIES: [s.series for s in shown],
        words.FIRED_PAGES: [s.pages.fired for s in shown],
        words.FALSE_PAGES: [s.pages.false for s in shown],
        words.FIRED_TICKETS: [s.tickets.fired for s in shown],
        words.FALSE_TICKETS: [s.tickets.false for s in shown],
        words.OPEN: [s.pages.open + s.tickets.open for s in shown],
    }
    texts = {
        words.PAGES_MONTH: [formats.measure(s.pages_per_month) for s in shown],
        words.TICKETS_WEEK: [formats.measure(s.tickets_per_week) for s in shown],
    }
    st.dataframe(
        pd.DataFrame({words.SERVICE: [clean(s.service, 60) for s in shown], **texts, **numbers}),
        hide_index=True,
        height="content" if len(shown) <= 10 else 420,
        row_height=38,
        column_config={
            words.SERVICE: st.column_config.TextColumn(width=230),
            **{name: st.column_config.TextColumn(width=118, alignment="right") for name in texts},
            **{name: st.column_config.NumberColumn(format="localized", width=100) for name in numbers},
        },
        alt=words.SHARES_ALT,
    )


def _table(rows: Sequence[Row], state: str) -> None:
    if not rows:
        elements.nothing(words.NOTHING.format(state=state), "")
        st.button(words.UNDO, on_click=filters.forget, args=("standing",))
        return
    shown = rows[:SHOWN]
    st.dataframe(
        pd.DataFrame(
            {
                words.STANDING: [[r.standing.label] for r in shown],
                strings.COLUMN_SERVICE: [clean(r.service, 60) for r in shown],
                words.SCORE: [clean(r.score, 60) for r in shown],
                words.ITS_SERIES: [r.series for r in shown],
                words.RESTS_ON: [r.rests_on for r in shown],
                words.EVIDENCE: [r.evidence for r in shown],
                words.NOTICES: [r.notices for r in shown],
                words.FIRED: [r.fired for r in shown],
                words.ENDED: [r.record for r in shown],
            }
        ),
        hide_index=True,
        height="content" if len(shown) <= 10 else 420,
        row_height=38,
        column_config={
            words.STANDING: st.column_config.MultiselectColumn(
                options=[s.label for s in trust.STANDINGS.values()],
                color=[s.color for s in trust.STANDINGS.values()],
                width=112,
            ),
            strings.COLUMN_SERVICE: st.column_config.TextColumn(width=170),
            words.SCORE: st.column_config.TextColumn(width=150),
            words.ITS_SERIES: st.column_config.TextColumn(width=120, help=words.ITS_SERIES_HELP),
            words.RESTS_ON: st.column_config.TextColumn(
                width=88, alignment="right", help=words.RESTS_ON_HELP
            ),
            words.EVIDENCE: st.column_config.TextColumn(
                width=96, alignment="right", help=words.EVIDENCE_HELP
            ),
            words.NOTICES: st.column_config.TextColumn(width=120, alignment="right", help=words.NOTICES_HELP),
            words.FIRED: st.column_config.NumberColumn(format="localized", width=64),
            words.ENDED: st.column_config.TextColumn(width=160, help=words.ENDED_HELP),
        },
        alt=words.TABLE_ALT,
    )


render()
