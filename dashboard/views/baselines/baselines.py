"""The page about learned levels, whose question is: is what was learned what we want."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from alerts.baselines.proposal import LearnedBaseline
from dashboard import formats, strings
from dashboard.safe_text import clean
from dashboard.shared import actions, data, elements, filters, session
from dashboard.shared.session import Session
from dashboard.views.baselines import baselines_query as queries
from dashboard.views.baselines import baselines_text as words
from dashboard.views.baselines import level_chart as charts
from dashboard.views.baselines import proposals
from dashboard.views.baselines.proposals import Row
from detectors.finding import ALL

SHOWN = 500


def render() -> None:
    """The page."""
    seen = session.current()
    learned = data.read(seen.viewer, queries.learned, seen.scope)
    elements.header(words.TITLE, words.QUESTION, seen, [learned], words.BASE)
    if said := st.session_state.pop("said", None):
        st.text(said)
    levels = learned.value
    if not levels:
        if seen.has_services:
            days = formats.measure(data.settings().detection.learn_days)
            elements.nothing(words.NONE, words.NONE_NEXT.format(days=days))
        else:
            elements.nothing_arrived(seen)
        return
    _facts(levels)
    _accept(levels, seen)
    elements.section(words.TABLE, words.TABLE_NOTE)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        service = filters.service(sorted({proposals.place(one) for one in levels}))
        shown = filters.verdict(tuple(words.SHOW))
    _table(proposals.rows(levels, service, words.SHOW[shown]), shown, len(levels))
    _compare(levels)


def _facts(levels: Sequence[LearnedBaseline]) -> None:
    found = proposals.counted(levels)
    with st.container(horizontal=True, gap="small"):
        for label, n, note in (
            (words.BEYOND, found.beyond, words.BEYOND_NOTE),
            (words.PROPOSED, found.proposed, words.PROPOSED_NOTE),
            (words.WITHIN, found.within, words.WITHIN_NOTE),
            (words.ACCEPTED, found.accepted, words.ACCEPTED_NOTE),
        ):
            elements.fact(label, formats.count(n), note)


def _accept(levels: Sequence[LearnedBaseline], seen: Session) -> None:
    """Take levels for fine, with a reason."""
    waiting = [one for one in levels if proposals.is_open(one)]
    with st.container(border=True):
        elements.section(words.ACCEPT, words.ACCEPT_NOTE)
        if not waiting:
            elements.secondary(words.ACCEPT_NONE)
            return
        if not seen.viewer.may_act:
            elements.secondary(words.ACCEPT_ROLE.format(role=seen.viewer.role))
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            names = sorted({proposals.place(one) for one in waiting})
            service = st.selectbox(words.ACCEPT_SERVICE, names, key="accept-service", width=220)
            own = {proposals.title(o): o for o in waiting if proposals.place(o) == service}
            chosen = st.multiselect(words.ACCEPT_SCORES, list(own), key=f"accept-{service}", width=400)
            why = st.text_input(words.ACCEPT_WHY, max_chars=actions.MAX_REASON, key="accept-why", width=250)
            if st.button(words.ACCEPT_DO, icon=":material/check:"):
                st.session_state["said"] = _accepted([own[n] for n in chosen if n in own], why, seen)
                st.rerun()


def _accepted(chosen: Sequence[LearnedBaseline], why: str, seen: Session) -> str:
    """What came of it, in a sentence. Each names the version that was looked at."""
    if not chosen:
        return words.NEEDS_SCORES
    if not why.strip():
        return words.NEEDS_WHY
    done, refused = [], []
    for one in chosen:
        which = {"lineage": one.lineage, "service": one.service, "environment": one.environment}
        which |= {"unit": one.unit, "score": one.score, "slice": ALL, "version": one.version}
        answer = actions.accept_baselines(data.settings(), seen.viewer, which, why.strip())
        name = proposals.title(one)
        if answer.done:
            done.append(name)
        else:
            refused.append(words.REFUSED.format(name=name, reason=answer.reason))
    data.forget()
    said = [words.ACCEPTED_SAID.format(names=", ".join(done))] if done else []
    return " ".join([*said, *refused])


def _table(rows: Sequence[Row], shown: str, n: int) -> None:
    if not rows:
        elements.nothing(
            words.NOTHING.format(shown=shown.lower()), words.NOTHING_NEXT.format(n=formats.count(n))
        )
        st.button(words.UNDO, on_click=filters.forget, args=("verdict", "service"))
        return
    listed = rows[:SHOWN]
    st.dataframe(
        pd.DataFrame(
            {
                words.VERDICT: [[r.verdict.label] for r in listed],
                strings.COLUMN_SERVICE: [clean(r.service, 60) for r in listed],
                words.CATEGORY: [clean(r.title, 60) for r in listed],
                words.LEVEL: [r.level for r in listed],
                words.EXAMPLES: [r.examples for r in listed],
                words.LIMIT: [r.limit for r in listed],
                words.GAP: [r.gap for r in listed],
                words.SAID: [clean(r.said, 120) or formats.NONE for r in listed],
            }
        ),
        hide_index=True,
        height="content" if len(listed) <= 12 else 494,
        row_height=38,
        column_config={
            words.VERDICT: st.column_config.MultiselectColumn(
                options=[v.label for v in proposals.VERDICTS.values()],
                color=[v.color for v in proposals.VERDICTS.values()],
                width=124,
            ),
            strings.COLUMN_SERVICE: st.column_config.TextColumn(width=170),
            words.CATEGORY: st.column_config.TextColumn(width=176),
            words.LEVEL: st.column_config.TextColumn(width=170, alignment="right"),
            words.EXAMPLES: st.column_config.TextColumn(
                width=130, alignment="right", help=words.EXAMPLES_HELP
            ),
            words.LIMIT: st.column_config.TextColumn(width=68, alignment="right", help=words.LIMIT_HELP),
            words.GAP: st.column_config.TextColumn(width=146, alignment="right", help=words.GAP_HELP),
            words.SAID: st.column_config.TextColumn(width=160),
        },
        alt=words.TABLE_ALT,
    )


def _compare(levels: Sequence[LearnedBaseline]) -> None:
    """One score across services; that of the most urgent level unless asked."""
    titles = {proposals.title(one): one for one in levels if one.level is not None}
    if not titles:
        return
    first = next(r.title for r in proposals.rows(levels) if r.of.level is not None)
    chosen = titles[filters.compared_score(sorted(titles), first)]
    measure = proposals.measure_of(chosen)
    with st.container(border=True):
        elements.section(words.COMPARED.format(score=clean(proposals.title(chosen), 60)), words.COMPARED_NOTE)
        found = proposals.compared(levels, chosen.score)
        elements.show(charts.by_service(found, measure, elements.colors()), key="compared")
        if len(found) > charts.MOST:
            elements.secondary(words.COMPARED_MORE.format(n=charts.MOST, of=len(found)))


render()
