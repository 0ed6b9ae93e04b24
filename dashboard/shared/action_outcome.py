"""What came of a press, said on the page as it is drawn anew."""

from __future__ import annotations

import streamlit as st

from dashboard.shared import data


def say(sentence: str, *, done: bool) -> None:
    """Draw the page anew with a sentence on it; what was ``done`` is asked for again."""
    if done:
        data.forget()
    st.session_state["said"] = sentence
    st.rerun()
