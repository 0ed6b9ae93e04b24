"""Choices that stand in the address."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

PAGE = """
import streamlit as st

from dashboard.shared import score_choice

address = {}
if st.session_state.get("shows", True):
    score_choice.one_of("Score", ["degenerate", "latency_s", "refusal"], "score", address, usual="refusal")
score_choice.write(address)
"""


def page() -> AppTest:
    return AppTest.from_string(PAGE, default_timeout=60)


def test_a_link_is_followed_and_what_it_asks_for_can_be_changed() -> None:
    app = page()
    app.query_params["score"] = "latency_s"
    app.run()
    assert app.selectbox[0].value == "latency_s"
    app.selectbox[0].select("degenerate").run()
    assert (app.selectbox[0].value, app.query_params["score"]) == ("degenerate", "degenerate")


def test_another_page_begins_with_what_its_address_says() -> None:
    app = page()
    app.session_state["page"] = "drift"
    app.query_params["score"] = "latency_s"
    app.run()
    app.session_state["page"] = "outputs"  # a link, with all that the first page wrote
    app.session_state["shows"] = False  # drawn in a hurry: the choice was not reached, and is gone
    app.run()
    app.session_state["shows"] = True
    app.run()
    assert app.selectbox[0].value == "latency_s"


def test_another_page_without_an_address_begins_with_its_usual_choice() -> None:
    app = page()
    app.session_state["page"] = "drift"
    app.query_params["score"] = "latency_s"
    app.run()
    app.session_state["page"] = "outputs"
    del app.query_params["score"]
    app.run()
    assert app.selectbox[0].value == "refusal"


def test_the_usual_choice_where_a_link_asks_for_what_there_is_not() -> None:
    app = page()
    app.query_params["score"] = "of another service"
    app.run()
    assert (app.selectbox[0].value, app.query_params["score"]) == ("refusal", "refusal")
