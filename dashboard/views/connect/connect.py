"""The page about connecting, whose question is: does what I sent arrive, and is it complete."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import formats, palette
from dashboard.safe_text import clean, escape
from dashboard.shared import data, elements, filters, newest_panel, session
from dashboard.shared.session import Session
from dashboard.views.connect import connect_query as queries
from dashboard.views.connect import connect_text as words
from dashboard.views.connect import snippets
from dashboard.views.connect.snippets import Connected
from infra.missing_instrumentation import Lack, UnseenCalls, why_unseen
from infra.settings import LOOPBACK

SHOWN = 50


def render() -> None:
    """The page."""
    seen = session.current()
    found = data.read(seen.viewer, queries.sending, seen.scope)
    elements.header(words.TITLE, words.QUESTION, seen, [found], words.BASE)
    waits = not found.value
    elements.section(words.SEEN, words.SEEN_NOTE if waits else "")
    st.fragment(_arriving, run_every="10s" if waits else None)(seen)
    newest_panel.newest(seen)
    known = snippets.runtimes()
    runtime = known[filters.runtime(tuple(known))]
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        _variables(runtime)
    with right, st.container(border=True, height="stretch"):
        _framework(runtime)
    _silent(data.read(seen.viewer, queries.silent, seen.scope).value)
    _missing(snippets.connected(found.value), seen)


def _arriving(seen: Session) -> None:
    """Reruns alone while nothing has come: the first call shows without a reload."""
    now = seen.renewed()
    found = data.read(now.viewer, queries.sending, now.scope).value
    latest = snippets.newest(found)
    if latest is None:
        said = words.WAITING.format(lineage=clean(now.scope.lineage, 40))
        elements.empty(palette.NO_DATA, said, words.WAITING_NEXT)
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        title = words.FIRST if snippets.is_new(latest, now.now) else words.NEWEST
        elements.badge(palette.OK, title)
        line = words.SEEN_LINE.format(
            service=clean(latest.facts.service, 60),
            dialect=clean(latest.facts.dialect, 40),
            model=clean(latest.model, 40) or words.NO_MODEL,
            at=formats.moment(latest.newest, now.now),
            age=formats.span(now.now - latest.newest),
        )
        st.markdown(escape(line, 300))


def _variables(runtime: str) -> None:
    settings = data.settings()
    elements.section(words.STEP_VARIABLES, words.STEP_VARIABLES_NOTE)
    if command := snippets.command(runtime):
        st.code(command, language=None, wrap_lines=True)
    st.code(snippets.variables(settings, runtime), language=None, wrap_lines=True)
    if settings.gateway.host not in LOOPBACK:
        elements.secondary(words.STEP_KEY)
    elements.secondary(words.STEP_ELSEWHERE)


def _framework(runtime: str) -> None:
    elements.section(words.STEP_FRAMEWORK, words.STEP_FRAMEWORK_NOTE)
    known = {one.title: one for one in snippets.frameworks() if runtime in one.runtimes}
    chosen = known[filters.framework(tuple(known))]
    for block in chosen.blocks:
        st.code(block.code, language=None, wrap_lines=True)  # highlighting has too little contrast


def _silent(found: Sequence[UnseenCalls]) -> None:
    """Services that send and of which no call is seen: nothing falls silent."""
    if not found:
        return
    elements.section(words.SILENT, words.SILENT_NOTE)
    for one in found[:SHOWN]:
        with st.container(border=True, gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                elements.badge(palette.FAILED)
                st.markdown(f"**{escape(one.service, 80)}**", width="content")
            _lacks(why_unseen(one))


def _missing(found: list[Connected], seen: Session) -> None:
    if not found:
        return
    elements.section(words.MISSING, words.MISSING_NOTE)
    for one in found[:SHOWN]:
        with st.container(border=True, gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                elements.badge(one.state)
                st.markdown(f"**{escape(one.name, 80)}**", width="content")
                f = one.sending.facts
                calls = words.CALLS.format(
                    n=f.n,
                    dialect=clean(f.dialect, 40),
                    at=formats.since(one.sending.newest, seen.now),
                )
                elements.secondary(calls, width="content")
                elements.secondary(words.SCORES.format(k=one.scores, of=one.of), width="content")
            if one.without_text:
                st.markdown(escape(words.NO_TEXT.format(off=one.off, of=one.of)))
            _lacks(one.lacks)


def _lacks(found: Sequence[Lack]) -> None:
    for lack in found:
        st.markdown(escape(lack.says, 200))
        st.code(lack.remedy, language=None, wrap_lines=True)


render()
