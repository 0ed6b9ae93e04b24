"""Every page while no store answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import dashboard
from dashboard.shared.data import LastGood
from tests.at_length import at_length

MAIN = Path(dashboard.__file__).parent / "main.py"
PAGES = (
    "views/fleet/fleet.py",
    "views/incidents/incidents.py",
    "views/trends/trends.py",
    "views/incident/incident.py",
    "views/explore/explore.py",
    "views/outputs/outputs.py",
    "views/drift/drift.py",
    "views/releases/releases.py",
    "views/cause/cause.py",
    "views/trace/trace.py",
)


@pytest.fixture(autouse=True)
def no_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIGHTSHIP_HOME", str(tmp_path))
    monkeypatch.delenv("LIGHTSHIP_CONFIG", raising=False)
    # port 9 is "discard": nothing listens there
    monkeypatch.setenv("LIGHTSHIP_CLICKHOUSE", "http://default:secret-word@127.0.0.1:9")
    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.mark.parametrize("page", at_length(PAGES, 3))
def test_a_page_says_that_the_store_does_not_answer_and_nothing_more(page: str) -> None:
    app = AppTest.from_file(str(MAIN), default_timeout=60).run()
    app.switch_page(page).run()
    shown = " ".join(str(m.value) for m in app.markdown)
    assert "The store does not answer" in shown.replace("\\", "")
    assert not app.exception
    assert "secret-word" not in repr(app)
    assert not app.metric


def test_a_wrong_address_is_named_as_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSHIP_CLICKHOUSE", "localhost")
    app = AppTest.from_file(str(MAIN), default_timeout=60).run()
    shown = " ".join(str(m.value) for m in app.markdown).replace("\\", "")
    assert "A setting of the dashboard cannot work" in shown
    assert not app.exception


def test_a_role_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSHIP_ROLE", "root")
    app = AppTest.from_file(str(MAIN), default_timeout=60).run()
    shown = " ".join(str(m.value) for m in app.markdown).replace("\\", "")
    assert "'root' is not a role" in shown


def test_answers_are_kept_up_to_a_limit_the_newest_longest() -> None:
    kept = LastGood(limit=2)
    at = datetime(2026, 3, 17, tzinfo=UTC)
    kept.keep("a", 1, at)
    kept.keep("b", 2, at)
    kept.keep("a", 3, at)
    kept.keep("c", 4, at)
    assert kept.recall("a") == (3, at)
    assert kept.recall("b") is None
    assert kept.recall("c") == (4, at)
