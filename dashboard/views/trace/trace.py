"""The page about one trace, whose question is: what happened in it."""

from __future__ import annotations

import re

import pandas as pd
import streamlit as st

from dashboard import palette
from dashboard.queries import newest as queries
from dashboard.safe_text import clean, escape
from dashboard.shared import data, elements, session
from dashboard.shared.session import Session
from dashboard.tables import newest_rows
from dashboard.wording import trace as words

_ID = re.compile(r"[0-9a-f]{32}")


def render() -> None:
    """The page; without an id in the address it asks for one."""
    seen = session.current()
    asked = st.query_params.get("id", "").strip().lower().replace("-", "")
    if not _ID.fullmatch(asked):
        elements.header(words.TITLE, words.QUESTION, seen, [], words.BASE)
        if asked:
            elements.empty(palette.NO_DATA, words.NOT_AN_ID, words.ASK_HELP)
        typed = st.text_input(words.ASK, max_chars=40, help=words.ASK_HELP)
        if typed:
            st.query_params["id"] = typed
            st.rerun()
        return
    found = data.read(seen.viewer, queries.spans, seen.scope, asked)
    elements.header(words.TITLE, words.QUESTION, seen, [found], words.BASE)
    calls, steps = found.value
    if not calls and not steps:
        lineage = clean(seen.scope.lineage, 40)
        elements.empty(
            palette.NO_DATA, words.UNKNOWN.format(trace=asked, lineage=lineage), words.UNKNOWN_NEXT
        )
        return
    elements.section(words.SPANS.format(calls=len(calls), steps=len(steps)), asked)
    st.dataframe(
        pd.DataFrame(newest_rows.spans(calls, steps)),
        key="spans",
        hide_index=True,
        height="content",
        column_config={words.TOOK: st.column_config.NumberColumn(format="%.3f")},
        alt=words.SPANS_ALT,
    )
    if calls:
        _texts(seen, asked, {one.span_id: one for one in calls})


def _texts(seen: Session, trace_id: str, calls: dict[str, queries.NewCall]) -> None:
    elements.section(words.TEXTS)
    if not seen.viewer.may_read_text:
        elements.nothing(words.NO_TEXTS, "")
        return
    for texts in data.read(seen.viewer, queries.call_texts, seen.scope, trace_id).value:
        call = calls.get(texts.span_id)
        with st.container(border=True, gap="xsmall"):
            if call is not None:
                head = " · ".join(filter(None, (call.operation, call.model, newest_rows.outcome(call))))
                st.markdown(f"**{escape(head, 120)}**")
                if call.text_absent:
                    elements.secondary(words.NOT_KEPT.format(why=clean(call.text_absent, 80)))
            for side, title in words.SIDES.items():
                text = getattr(texts, side)
                if text:
                    elements.secondary(title)
                    st.code(text, language=None, wrap_lines=True)


render()
