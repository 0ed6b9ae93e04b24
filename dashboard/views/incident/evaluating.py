"""Judging an example where it is shown: right or wrong, and why."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import formats
from dashboard.measures.scores import known
from dashboard.queries.examples import Example
from dashboard.safe_text import escape
from dashboard.shared import data, elements
from dashboard.shared.actions import MAX_REASON
from dashboard.shared.session import Session
from dashboard.views.incident import feedback
from dashboard.views.incident import incident_text as words


def judge(examples: Sequence[Example], seen: Session, key: str, score: str) -> None:
    """A way to judge one of the examples above it, or what ``score`` says of it; or why there is none."""
    if not seen.viewer.may_act:
        elements.secondary(words.JUDGE_ROLE.format(role=seen.viewer.role))
        return
    with st.popover(words.JUDGE, icon=":material/rule:"):
        by_label = {f"{n} · {formats.stamp(e.at)}": e for n, e in enumerate(examples, 1)}
        chosen = st.selectbox(words.JUDGE_WHICH, list(by_label), key=f"{key}-which")
        about = words.JUDGE_OUTPUT
        named = feedback.of_score(score)
        if named:
            of_score = words.JUDGE_SCORE.format(title=escape(known(score).title, 40))
            about = st.segmented_control(
                words.JUDGE_ABOUT,
                (words.JUDGE_OUTPUT, of_score),
                default=words.JUDGE_OUTPUT,
                required=True,
                key=f"{key}-about",
            )
        name = feedback.NAME if about == words.JUDGE_OUTPUT or not named else named
        said = st.segmented_control(
            words.JUDGE_SAID,
            (words.RIGHT, words.WRONG),
            default=words.WRONG,
            required=True,
            key=f"{key}-said",
        )
        why = st.text_input(words.JUDGE_WHY, max_chars=MAX_REASON, key=f"{key}-why")
        if st.button(words.JUDGE_DO, key=f"{key}-do") and chosen in by_label:
            example = by_label[chosen]
            answer = feedback.judge(
                data.settings(),
                seen.viewer,
                seen.scope,
                f"{example.trace_id}:{example.span_id}",
                right=said == words.RIGHT,
                why=why.strip(),
                name=name,
            )
            done = words.JUDGED.format(said=f"{chosen}, {said}")
            st.session_state["judged"] = done if answer.done else words.JUDGE_NOT.format(reason=answer.reason)
            if answer.done:
                data.forget()
            st.rerun()
        elements.secondary(words.JUDGE_NOTE.format(name=name))
        if named:
            elements.secondary(words.JUDGE_SCORE_NOTE)
