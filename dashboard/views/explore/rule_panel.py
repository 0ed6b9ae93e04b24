"""A rule about what is being looked at: to copy, and for admins to add, beside those that were added."""

from __future__ import annotations

import streamlit as st

from dashboard import formats
from dashboard.safe_text import clean, escape
from dashboard.shared import actions, data, elements
from dashboard.shared.action_outcome import say
from dashboard.shared.actions import Answer
from dashboard.shared.score_choice import Chosen
from dashboard.shared.session import Session
from dashboard.views.explore import explore_query
from dashboard.views.explore.rule_text import Suggestion
from dashboard.wording import explore as words

WHY = "rule-why"
"""Key of the reason that is given."""


def panel(seen: Session, chosen: Chosen, found: Suggestion) -> None:
    """What is suggested and why; who may not add it can copy it."""
    said = st.session_state.pop("said", None)
    if said:
        st.text(said)
    elements.secondary(found.why)
    if found.toml and not seen.viewer.may_set:
        st.code(found.toml, language=None, wrap_lines=True)
        elements.secondary(words.WATCH_NOTE)
    if seen.viewer.may_set:
        _add(seen, chosen, found.toml)
    _added(seen, chosen)


def _add(seen: Session, chosen: Chosen, toml: str) -> None:
    """The rule to change, and what adding it takes."""
    key = chosen.key
    about = f"rule-{key.service}-{key.unit}-{key.score}-{key.slice}-{chosen.measure.name}"
    text = st.text_area(
        words.RULE, toml, height=260, max_chars=actions.MAX_RULE, key=about, help=words.WATCH_NOTE
    )
    why = st.text_input(words.RULE_WHY, max_chars=actions.MAX_REASON, key=WHY)
    if st.button(words.RULE_DO, icon=":material/add:"):
        _refuse_without(why)
        answer = actions.add_rule(data.settings(), seen.viewer, text, _place(seen, chosen), why.strip())
        _say(answer, words.RULE_ADDED)


def _added(seen: Session, chosen: Chosen) -> None:
    """The service's added rules about this score."""
    key = chosen.key
    read = data.read(seen.viewer, explore_query.added, seen.scope, key.service, key.environment)
    own = [one for one in read.value if one.rule.score == key.score]
    if own:
        elements.section(words.RULES_ADDED, "")
    for one in own:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(
                words.RULE_BY.format(
                    rule=escape(one.rule.text(), 200),
                    name=escape(one.actor, 40),
                    at=formats.date(one.made_at),
                    why=escape(one.reason, 120),
                )
            )
            if seen.viewer.may_set and st.button(words.RULE_REMOVE, key=f"remove-{one.rule.rule_id}"):
                why = st.session_state.get(WHY, "")
                _refuse_without(why)
                which = {**_place(seen, chosen), "service": key.service}
                of = one.rule.rule_id
                _say(
                    actions.remove_rule(data.settings(), seen.viewer, of, which, why.strip()),
                    words.RULE_REMOVED,
                )


def _place(seen: Session, chosen: Chosen) -> dict[str, str]:
    return {"lineage": seen.scope.lineage, "environment": chosen.key.environment}


def _refuse_without(why: str) -> None:
    if not why.strip():
        _say(Answer(False, words.RULE_NEEDS_WHY), "")


def _say(answer: Answer, what: str) -> None:
    said = what if answer.done else words.RULE_REFUSED.format(reason=answer.reason)
    say(clean(said, 300), done=answer.done)
