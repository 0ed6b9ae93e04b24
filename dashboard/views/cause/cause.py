"""The cause page, whose question is: what goes with the change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import formats, strings
from dashboard.charts import where as where_charts
from dashboard.estimates import sides
from dashboard.measures import intervals
from dashboard.measures.measures import FLAG
from dashboard.measures.scores import known
from dashboard.queries import outputs, series
from dashboard.queries.series import SliceCounts
from dashboard.safe_text import clean
from dashboard.shared import analysis_panels, data, elements, score_choice, session
from dashboard.shared.data import Reading
from dashboard.shared.score_choice import Chosen
from dashboard.shared.session import Session
from dashboard.tables import explore_rows, incident_picture
from dashboard.views.cause import cause_text as words
from dashboard.views.cause import companions, terms, texts_query
from dashboard.views.cause.terms import Term
from dashboard.wording import outputs as output_words

MOST_ROWS = 10
MOST_TERMS = 12


def render() -> None:
    """The page."""
    seen = session.current()
    top = st.container()
    chosen = score_choice.choose(seen, against=sides.BEFORE)
    if chosen is None:
        with top:
            elements.header(strings.CAUSE, words.QUESTION, seen, [], "")
        return
    values = chosen.measure.what != FLAG
    compare = chosen.sides.compare
    compared = data.read(seen.viewer, series.slices, seen.scope, chosen.key, compare, values=values)
    place = (chosen.key.service, chosen.key.environment)
    scored = data.read(seen.viewer, outputs.outputs, seen.scope, *place, compare.after_s, compare.to_s)
    with top:
        found: list[Reading[object]] = [*chosen.readings, compared, scored]
        elements.header(strings.CAUSE, words.QUESTION, seen, found, chosen.sides.name)
    if chosen.sides.instead:
        elements.secondary(chosen.sides.instead)
    whole = explore_rows.whole(chosen.measure, compared.value, chosen.key.slice)
    score_choice.write(chosen.address)
    if whole is None:
        analysis_panels.nothing(chosen)
        return
    with elements.Panel(strings.PANEL_FACTS):
        analysis_panels.facts(chosen, whole)
    left, right = st.columns([1.4, 1])
    with left, st.container(border=True, height="stretch"), elements.Panel(strings.WHERE_TITLE):
        _where(chosen, compared.value)
    with right, st.container(border=True, height="stretch"), elements.Panel(strings.PANEL_TABLE):
        _scores(chosen, scored.value)
    with elements.Panel(strings.PANEL_TEXTS):
        _terms(seen, chosen)


def _where(chosen: Chosen, slices: Sequence[SliceCounts]) -> None:
    """Slices by effect, each a way to narrow."""
    measure = chosen.measure
    drawn = incident_picture.where(measure, slices, {})
    elements.section(words.WHERE, words.WHERE_NOTE.format(unit=drawn.unit))
    if not drawn.bars:
        elements.nothing(words.WHERE_NONE, words.WHERE_NONE_NEXT.format(n=incident_picture.MIN_OUTPUTS))
        return
    elements.show(where_charts.ranking(drawn.bars, elements.colors(), drawn.unit), key="where")
    enough = [
        s
        for s in slices
        if s.slice != score_choice.ALL and min(s.before.n, s.after.n) >= incident_picture.MIN_OUTPUTS
    ]
    confidence = intervals.together(len(enough))
    rows = [explore_rows.row(measure, s, confidence) for s in enough]
    rows.sort(key=lambda r: -abs(r.effect.value) if r.effect else 0.0)
    rows = rows[:MOST_ROWS]
    elements.section(words.NARROW, words.NARROW_NOTE)
    key = f"narrow-{chosen.key.slice}"
    st.dataframe(
        pd.DataFrame(
            {
                words.COLUMN_SLICE: [incident_picture.readable(r.slice) for r in rows],
                words.COLUMN_N: [r.n for r in rows],
                words.COLUMN_EFFECT: [explore_rows.effect_text(measure, r.effect) for r in rows],
                words.COLUMN_VERDICT: [r.verdict for r in rows],
            }
        ),
        key=key,
        hide_index=True,
        height="content",
        row_height=34,
        column_config={
            words.COLUMN_SLICE: st.column_config.TextColumn(width=200),
            words.COLUMN_N: st.column_config.NumberColumn(format="localized", width=76),
            words.COLUMN_EFFECT: st.column_config.TextColumn(width=170, alignment="right"),
            words.COLUMN_VERDICT: st.column_config.TextColumn(width=116),
        },
        on_select=partial(analysis_panels.narrow, key, [r.slice for r in rows]),
        selection_mode="single-row",
        alt=words.NARROW_ALT,
    )
    if chosen.key.slice != score_choice.ALL:
        st.button(words.BACK, on_click=_whole_again, icon=":material/arrow_back:")


def _whole_again() -> None:
    st.session_state["slice"] = score_choice.ALL


def _scores(chosen: Chosen, scored: outputs.Outputs) -> None:
    """Scores that go with it, output by output."""
    found = companions.companions(scored.rows, chosen.key.score)[:MOST_ROWS]
    n = formats.count(len(scored.rows))
    if not found:
        elements.section(words.SCORES)
        elements.nothing(words.SCORES_NONE, words.SCORES_NONE_NEXT.format(n=n, least=companions.LEAST))
        return
    elements.section(words.SCORES, words.SCORES_NOTE.format(n=n, of=formats.count(scored.of)))
    st.dataframe(
        pd.DataFrame(
            {
                words.COLUMN_SCORE: [known(c.score).title for c in found],
                words.COLUMN_RHO: [formats.signed(c.rho, 2) for c in found],
                words.COLUMN_RHO_INTERVAL: [
                    f"{formats.signed(c.low, 2)} to {formats.signed(c.high, 2)}" for c in found
                ],
                words.COLUMN_N: [c.n for c in found],
            }
        ),
        key="scores",
        hide_index=True,
        height="content",
        row_height=34,
        column_config={
            words.COLUMN_SCORE: st.column_config.TextColumn(width=150),
            words.COLUMN_RHO: st.column_config.TextColumn(width=80, alignment="right"),
            words.COLUMN_RHO_INTERVAL: st.column_config.TextColumn(width=110, alignment="right"),
            words.COLUMN_N: st.column_config.NumberColumn(format="localized", width=66),
        },
        alt=words.SCORES_ALT,
    )


def _terms(seen: Session, chosen: Chosen) -> None:
    """Words gained and lost, each a way to outputs that hold it."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        place = st.container(width="content")
        side = score_choice.segments(words.SIDE, texts_query.SIDES, "side", "output")
    if not seen.viewer.may_read_text:
        elements.nothing(output_words.NO_TEXTS, output_words.NO_TEXTS_NEXT.format(role=seen.viewer.role))
        return
    compare = chosen.sides.compare
    now = data.read(
        seen.viewer, texts_query.texts, seen.scope, chosen.key, side, compare.after_s, compare.to_s
    ).value
    before = data.read(
        seen.viewer, texts_query.texts, seen.scope, chosen.key, side, compare.from_s, compare.before_s
    ).value
    counts = {"n": formats.count(len(now)), "before": formats.count(len(before))}
    with place:
        elements.section(words.TERMS, words.TERMS_NOTE.format(**counts))
    gained, lost = terms.moved(before, now)
    if not gained and not lost:
        few = min(len(now), len(before)) < terms.LEAST_TEXTS
        said = words.TERMS_FEW.format(**counts) if few else words.TERMS_NONE
        elements.nothing(said, words.TERMS_NEXT.format(least=terms.LEAST_TEXTS) if few else "")
        return
    for column, title, found in zip(st.columns(2), (words.GAINED, words.LOST), (gained, lost), strict=True):
        with column:
            _words(chosen, title, found[:MOST_TERMS], side)
    elements.secondary(words.TERMS_SELECT)


def _words(chosen: Chosen, title: str, found: Sequence[Term], side: str) -> None:
    elements.section(title)
    if not found:
        elements.nothing(words.TERMS_NONE, "")
        return
    choice = st.dataframe(
        pd.DataFrame(
            {
                words.COLUMN_WORD: [clean(t.word, 40) for t in found],
                words.COLUMN_BEFORE: [formats.share(t.before) for t in found],
                words.COLUMN_NOW: [formats.share(t.now) for t in found],
                words.COLUMN_GAP: [formats.points(t.gap, t.low, t.high) for t in found],
            }
        ),
        key=f"words-{title}-{side}",
        hide_index=True,
        height="content",
        row_height=34,
        column_config={
            words.COLUMN_WORD: st.column_config.TextColumn(width=160),
            words.COLUMN_BEFORE: st.column_config.TextColumn(width=76, alignment="right"),
            words.COLUMN_NOW: st.column_config.TextColumn(width=76, alignment="right"),
            words.COLUMN_GAP: st.column_config.TextColumn(width=176, alignment="right"),
        },
        on_select="rerun",
        selection_mode="single-row",
        alt=words.TERMS_ALT.format(side=title),
    )
    selected = choice.selection.rows
    if selected and selected[0] < len(found):
        asked = {key: value for key, value in chosen.address.items() if value}
        st.switch_page("views/outputs/outputs.py", query_params={**asked, "find": found[selected[0]].word})


render()
