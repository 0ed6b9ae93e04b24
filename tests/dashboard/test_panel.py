"""A panel that fails takes nothing else of its page down, says its name, and shows no text of the failure."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.shared import data
from dashboard.shared.elements import Panel
from infra.errors import Unavailable
from tests.dashboard.test_pages_without_store import MAIN, no_store  # noqa: F401 - a fixture

PAGE = """
import streamlit as st
from dashboard.shared.elements import Panel

for name in ("first", "second", "third"):
    with st.container(border=True), Panel(name):
        if name == "second":
            raise KeyError("a text of a user")
        st.markdown(f"drawn: {name}")
"""


def test_the_panels_around_it_are_drawn_and_it_is_named() -> None:
    app = AppTest.from_string(PAGE).run()
    shown = [str(m.value).replace("\\", "") for m in app.markdown]
    assert [text for text in shown if text.startswith("drawn")] == ["drawn: first", "drawn: third"]
    assert any("“second” could not be drawn" in text for text in shown)
    assert any("KeyError" in text for text in shown)
    assert not app.exception
    assert "a text of" not in " ".join(shown)


def test_what_the_whole_page_says_is_left_to_it() -> None:
    with pytest.raises(Unavailable), Panel("any"):
        raise Unavailable("no store")


def test_a_page_that_fails_says_so_and_shows_no_text_of_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise KeyError("a text of a user")

    monkeypatch.setattr(data, "lineages", fails)
    app = AppTest.from_file(str(MAIN), default_timeout=60).run()
    shown = " ".join(str(m.value) for m in app.markdown)
    assert "This page failed to draw" in shown
    assert not app.exception
    assert "a text of" not in repr(app)
