"""The outputs page, whose question is: what do the changed outputs look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard import formats, strings
from dashboard.estimates import sides
from dashboard.measures.measures import BELOW, CATEGORY, FLAG, Measure
from dashboard.measures.scores import known
from dashboard.queries import catalogue, examples, series
from dashboard.queries.examples import Example, Wanted
from dashboard.queries.narrowed import Narrow, words_of
from dashboard.safe_text import clean
from dashboard.shared import data, elements, score_choice, session
from dashboard.shared.data import Reading
from dashboard.shared.score_choice import Address, Chosen
from dashboard.shared.session import Session
from dashboard.tables import cards, explore_rows
from dashboard.tables.explore_rows import SliceRow
from dashboard.views.outputs import outputs_query, run_tree
from dashboard.views.outputs.outputs_query import Context, Step
from dashboard.wording import outputs as words
from detectors.schema import DIMENSION_COLUMNS

SHOWN = 6
"""Outputs on each side."""
MAX_QUERY = 200
KEPT_DAYS = 30
STEP_WORDS = 160
HIT = "hit="


def render() -> None:
    """The page."""
    seen = session.current()
    top = st.container()
    chosen = score_choice.choose(seen, against=sides.BEFORE)
    if chosen is None:
        with top:
            elements.header(strings.OUTPUTS, words.QUESTION, seen, [], "")
        return
    values = chosen.measure.what != FLAG
    compared = data.read(
        seen.viewer, series.slices, seen.scope, chosen.key, chosen.sides.compare, values=values
    )
    with top:
        found: list[Reading[object]] = [*chosen.readings, compared]
        elements.header(strings.OUTPUTS, words.QUESTION, seen, found, chosen.sides.name)
    if chosen.sides.instead:
        elements.secondary(chosen.sides.instead)
    if not seen.viewer.may_read_text:
        score_choice.write(chosen.address)
        elements.nothing(words.NO_TEXTS, words.NO_TEXTS_NEXT.format(role=seen.viewer.role))
        return
    narrow = _narrow(seen, chosen)
    with elements.Panel(strings.PANEL_CHANGE):
        _changed(chosen, explore_rows.whole(chosen.measure, compared.value, chosen.key.slice))
    shown = _both(seen, chosen, narrow, _rising(chosen, compared.value))
    _context(seen, shown, chosen.address, chosen.measure)
    score_choice.write(chosen.address)


def _narrow(seen: Session, chosen: Chosen) -> Narrow:
    """Words, values of dimensions and flags; in the address like the rest."""
    scores = data.read(seen.viewer, catalogue.scores, seen.scope, chosen.place)
    dims = [name for name in chosen.slices if name.partition("=")[0] in DIMENSION_COLUMNS and "," not in name]
    flags = [f"{HIT}{s.score}" for s in scores.value if s.kind == "flag" and s.unit == "interaction"]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input(
            words.FIND, key="find", bind="query-params", max_chars=MAX_QUERY, help=words.FIND_HELP, width=320
        )
        only = st.multiselect(
            words.ONLY, [*dims, *flags], key="only", bind="query-params", help=words.ONLY_HELP, width=560
        )
    return Narrow(
        tuple(name for name in only if not name.startswith(HIT)),
        tuple(name.removeprefix(HIT) for name in only if name.startswith(HIT)),
        words_of(text or ""),
    )


def _changed(chosen: Chosen, whole: SliceRow | None) -> None:
    """The change these outputs are to explain, in one line."""
    if whole is None:
        return
    measure = chosen.measure
    counts = {"n": formats.count(whole.n), "before": formats.count(whole.n_before)}
    if whole.effect is None or whole.level is None or whole.before is None:
        elements.section(clean(measure.title, 80), words.CHANGED_FEW.format(**counts))
        return
    step = measure.step(whole.before.value, whole.level.value)
    effect = f"{explore_rows.effect_text(measure, whole.effect)}, {whole.verdict}"
    elements.section(
        words.CHANGED.format(title=clean(measure.title, 80), step=step),
        words.CHANGED_NOTE.format(effect=effect, **counts),
    )


def _rising(chosen: Chosen, slices: Sequence[series.SliceCounts]) -> bool:
    """Whether large values carry the change; where nothing can be said, those that hurt."""
    whole = explore_rows.whole(chosen.measure, slices, chosen.key.slice)
    if chosen.measure.what == BELOW:
        return False
    if whole is not None and whole.effect is not None and whole.effect.value:
        return whole.effect.value > 0
    return known(chosen.key.score).harmful >= 0


def _both(seen: Session, chosen: Chosen, narrow: Narrow, rising: bool) -> list[Example]:
    """Outputs that carry the change beside ones from the reference."""
    measure, compare = chosen.measure, chosen.sides.compare
    ranked = measure.what not in {FLAG, CATEGORY} and chosen.key.unit == "interaction"
    halves = (
        (words.NOW, words.NOTE_RANKED if ranked else words.NOTE_HITS, True, compare.after_s, compare.to_s),
        (words.BEFORE, words.NOTE_BEFORE, False, compare.from_s, compare.before_s),
    )
    kind = {FLAG: "flag", CATEGORY: "category"}.get(measure.what, "number")
    shown: list[Example] = []
    for column, (title, note, hit, from_s, to_s) in zip(st.columns(2), halves, strict=True):
        wanted = Wanted(from_s, to_s, kind, hit, rising, measure.name, SHOWN, narrow)
        with column:
            found = data.read(seen.viewer, examples.examples, seen.scope, chosen.key, wanted)
            elements.section(title, note.format(n=len(found.value), name=chosen.sides.name))
            if found.value:
                elements.text_cards(
                    title, cards.cards(found.value, measure, seen.now), key=f"outputs-{title}"
                )
            else:
                elements.nothing(words.NONE, words.NONE_NEXT.format(days=KEPT_DAYS))
        shown += found.value
    if narrow.words:
        shown += _others(
            seen,
            chosen,
            Wanted(compare.after_s, compare.to_s, kind, True, rising, measure.name, SHOWN, narrow),
        )
    return shown


def _others(seen: Session, chosen: Chosen, wanted: Wanted) -> Sequence[Example]:
    """Outputs of the period with the same words that do not carry the change: words are looked for in all."""
    with_it, others = data.read(seen.viewer, examples.matches, seen.scope, chosen.key, wanted).value
    elements.secondary(words.FOUND.format(with_it=formats.count(with_it), others=formats.count(others)))
    if not others:
        return ()
    found = data.read(
        seen.viewer, examples.examples, seen.scope, chosen.key, replace(wanted, others=True)
    ).value
    elements.section(words.OTHERS, words.NOTE_OTHERS.format(n=len(found), of=formats.count(others)))
    elements.text_cards(words.OTHERS, cards.cards(found, chosen.measure, seen.now), key="outputs-others")
    return found


def _named(example: Example) -> str:
    return f"{example.trace_id}:{example.span_id}"


def _context(seen: Session, shown: Sequence[Example], address: Address, measure: Measure) -> None:
    """One output, chosen among those above or named by a link, where it happened."""
    linked = st.query_params.get("output", "")
    by_name = {_named(e): e for e in shown}
    names = [words.NOTHING_CHOSEN, *by_name]
    if linked and linked not in names:
        names.append(linked)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content"):
            elements.section(words.CONTEXT, words.CONTEXT_NOTE)
        chosen = score_choice.one_of(
            words.LOOK, names, "output", address, width=340, format_=lambda name: _label(name, by_name)
        )
    if chosen == words.NOTHING_CHOSEN:
        return
    trace_id, _, span_id = chosen.partition(":")
    found = data.read(seen.viewer, outputs_query.context, seen.scope, trace_id, span_id).value
    if found is None:
        elements.nothing(words.GONE, words.GONE_NEXT)
        return
    _steps(found, span_id)
    if len(found.turns) > 1:
        elements.section(words.TURNS, words.TURNS_NOTE.format(n=len(found.turns)))
        elements.text_cards(words.TURNS, cards.cards(found.turns, measure, seen.now), key="turns")


def _label(name: str, by_name: dict[str, Example]) -> str:
    example = by_name.get(name)
    if example is None:
        return clean(name, 60)
    facts = dict(example.facts)
    said = [f"{formats.date(example.at)}:{example.at:%S}", facts.get("language", ""), facts.get("model", "")]
    return f"{' · '.join(clean(part, 24) for part in said if part)} · {name[:8]}"


def _steps(found: Context, span_id: str) -> None:
    lines = run_tree.lines(found.steps)
    place = " · ".join(filter(None, (found.service, found.environment)))
    if len(lines) < 2:
        elements.section(words.STEPS)
        elements.nothing(words.NO_STEPS, "")
        return
    elements.section(words.STEPS, words.STEPS_NOTE.format(n=len(lines), service=clean(place, 60)))

    def step(one: Step, branch: str) -> str:
        mark = " ◂" if one.span_id == span_id else ""
        return f"{branch}{clean(one.name, 60)}{mark}"

    frame = pd.DataFrame(
        {
            words.COLUMN_STEP: [step(line.step, line.branch) for line in lines],
            words.COLUMN_WHAT: [clean(line.step.what, 24) for line in lines],
            words.COLUMN_BEGIN: [f"{line.step.begin:%H:%M:%S.%f}"[:-3] for line in lines],
            words.COLUMN_TOOK: [formats.measure(line.step.took_s, "s") for line in lines],
            words.COLUMN_FAILED: [words.FAILED if line.step.failed else "" for line in lines],
            words.COLUMN_SAID: [clean(line.step.said, STEP_WORDS) for line in lines],
        }
    )
    st.dataframe(
        frame,
        key="steps",
        hide_index=True,
        height="content" if len(lines) <= 30 else 1_100,
        row_height=34,
        column_config={
            words.COLUMN_STEP: st.column_config.TextColumn(width=270),
            words.COLUMN_WHAT: st.column_config.TextColumn(width=80),
            words.COLUMN_BEGIN: st.column_config.TextColumn(width=110),
            words.COLUMN_TOOK: st.column_config.TextColumn(width=80, alignment="right"),
            words.COLUMN_FAILED: st.column_config.TextColumn(width=80),
            words.COLUMN_SAID: st.column_config.TextColumn(width=470),
        },
        alt=words.STEPS_ALT,
    )


render()
