"""The operators' pages over the real store: full, empty, hostile, and with each role's limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import dashboard
from alerts.access.keys import FILE
from infra.clickhouse import connect
from infra.embedded.ports import spare
from infra.settings import StoreSettings
from tests.dashboard import world, world_hostile, world_operators
from tests.dashboard.drawn import assert_drawn
from tests.dashboard.serving import alerts_api, environment
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

MAIN = Path(dashboard.__file__).parent / "main.py"
ALERTS, PIPELINE, DETECTORS, LEVELS, CONNECT = (
    f"views/{name}/{name}.py" for name in ("alerts", "pipeline", "detectors", "baselines", "connect")
)
PAGES = (ALERTS, PIPELINE, DETECTORS, LEVELS, CONNECT)


@pytest.fixture(scope="module")
def filled(store: str) -> StoreSettings:
    settings = fresh_database(store, "lightship_dashboard_care")
    client = connect(settings)
    world_operators.fill(client)
    world_hostile.fill(client, world.NOW, lineage="hostile-1")
    # what is hostile about an incident is hostile about levels and silences as well
    name, hostile = world_hostile.NAME, world_hostile.TEXT
    said = "baseline_version = 'v1', baseline_value = 0.02, accepted_by = {name:String}"
    where = "lineage = 'hostile-1' SETTINGS mutations_sync = 1"
    client.command(f"ALTER TABLE series UPDATE {said} WHERE {where}", parameters={"name": name})
    ends = datetime(2100, 1, 1, tzinfo=UTC)
    row = {"tenant": "default", "silence_id": "feed", "in_force": True, "service": name, "score": "*"}
    row |= {"slice": "*", "severity": "*", "actor": name, "reason": hostile, "ends_at": ends}
    client.insert("silences", [list(row.values())], column_names=list(row))
    client.close()
    return settings


@pytest.fixture
def app(filled: StoreSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AppTest]:
    yield from _app(filled, monkeypatch, tmp_path)


def _app(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch, home: Path, alerts_port: int = 9
) -> Iterator[AppTest]:
    for name, value in environment(settings, home, alerts_port=alerts_port).items():
        monkeypatch.setenv(name, value)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield AppTest.from_file(str(MAIN), default_timeout=120)
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(app: AppTest, page: str, **query: str) -> AppTest:
    for name, value in query.items():
        app.query_params[name] = value
    if not app.title:
        app.run()
    app.switch_page(page)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert_drawn(app)
    return app


def shown(app: AppTest) -> str:
    parts = [*app.title, *app.header, *app.markdown, *app.text, *app.code]
    texts = [str(p.value) for p in parts] + [f"{m.label} {m.value}" for m in app.metric]
    return re.sub(r"\\|\u2060", "", " ".join(texts))


def test_on_call_is_told_in_figures_with_intervals_and_in_tables(app: AppTest) -> None:
    opened(app, ALERTS, lineage=world_operators.LINEAGE, days="90")
    said = shown(app)
    for part in ("Is on-call healthy?", "Pages a week 1.2", "Acted on 88", "False alarms 4", "median of 12"):
        assert part in said
    assert "code-helper · ticket" in said
    (table,) = (d.value for d in app.dataframe)
    assert list(table["Receiver"]) == ["archive", "on-call pager", "team channel"]
    assert table["State"][0] == ["✗ Error"]
    assert "connection refused" in table["Last error"][0]


def test_the_pipeline_says_what_is_wrong_and_what_to_do(app: AppTest) -> None:
    opened(app, PIPELINE, lineage=world_operators.LINEAGE)
    said = shown(app)
    assert "14 records could not be processed" in said
    assert "lightship dead-letters list" in said
    assert "alerts does not answer (ConnectError)" in said
    reasons = next(d.value for d in app.dataframe if "Outcome" in d.value.columns)
    found = dict(zip(reasons["Reason"], reasons["Records"], strict=True))
    assert (set(found), found["not otlp"]) == ({"not genai", "not otlp"}, 14)


def test_the_detectors_page_tells_states_budget_and_record(app: AppTest) -> None:
    opened(app, DETECTORS, lineage=world_operators.LINEAGE)
    assert "Can I trust the detector?" in shown(app)
    assert "False pages 2" in shown(app)
    assert "another configuration" not in shown(app)
    shares, scores = (d.value for d in app.dataframe)
    assert list(shares["Service"])[-1].startswith("shared by services")
    assert {s for (s,) in scores["State"]} == {"● Watching", "○ Learning"}


def test_choices_of_the_operators_stand_in_the_address(app: AppTest) -> None:
    opened(app, DETECTORS, lineage=world_operators.LINEAGE, standing="Learning", framework="LiteLLM")
    assert {s for (s,) in app.dataframe[1].value["State"]} == {"○ Learning"}
    app.switch_page(CONNECT)
    app.query_params["framework"] = "LiteLLM"
    app.run()
    assert 'litellm.callbacks = ["otel"]' in shown(app)


def test_levels_are_proposals_and_a_person_accepts_some(
    filled: StoreSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = spare()
    with alerts_api(filled, tmp_path, port) as desk:
        for app in _app(filled, monkeypatch, tmp_path, port):
            opened(app, LEVELS, lineage=world_operators.LINEAGE)
            assert "Beyond limit 1" in shown(app)
            table = app.dataframe[0].value
            assert table["Verdict"][0] == ["▲ Beyond limit"]
            assert (table["Service"][0], table["Limit"][0]) == ("code-helper · production", "0.4\u202f%")
            press = next(b for b in app.button if b.label == "Accept")
            press.click().run()
            assert "choose at least one score" in shown(app)
            app.multiselect[0].select("Secret in output")
            app.text_input(key="accept-why").set_value("agreed with the privacy office")
            next(b for b in app.button if b.label == "Accept").click().run()
            assert "Recorded: Secret in output" in shown(app)
            (control,) = desk._post.controls  # type: ignore[attr-defined]
            assert (control.action, control.key.service) == ("accept_level", "claims-triage")
            assert control.body["reason"] == "agreed with the privacy office"


def test_what_a_service_lacks_is_said_with_what_to_set(app: AppTest) -> None:
    opened(app, CONNECT, lineage=world_operators.LINEAGE)
    assert "No text:" in shown(app)
    assert "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY" in shown(app)


def each(app: AppTest, **query: str) -> Iterator[tuple[str, AppTest]]:
    """Every page with the same choices in its address."""
    for page in PAGES:
        yield page, opened(app, page, **query)


def test_a_lineage_without_data_is_not_called_fine(app: AppTest) -> None:
    words = ("Nothing has arrived", "No model call has arrived yet", "No record arrived")
    for page, there in each(app):
        said = shown(there)
        assert any(w in said for w in words), page
        assert "green-badge" not in re.sub(r"green-badge\[[^]]*pipeline", "", said), page


def test_hostile_names_are_text(app: AppTest) -> None:
    ours = re.compile(r":(gray|small|material|[a-z]+-badge)|\*\*|^\d+\. |^- ", re.MULTILINE)
    for _, there in each(app, lineage="hostile-1"):
        for element in (*there.markdown, *there.title, *there.header, *there.subheader):
            label = re.sub(r"\\.", "", ours.sub("", str(element.value)))
            for sign in ("<", "](", "![", "$", ":red", "javascript:", "://"):
                assert sign not in label, element.value


def test_a_viewer_reads_every_page_and_changes_nothing(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIGHTSHIP_ROLE", "viewer")
    for page, there in each(app, lineage=world_operators.LINEAGE):
        assert "Accept" not in {b.label for b in there.button}
        if page in {ALERTS, LEVELS}:
            assert "needs the responder role; yours is viewer" in shown(there)
    assert not (tmp_path / FILE).exists()  # nobody even looked for the token


def test_an_empty_database_is_not_an_error_and_not_ok(
    store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = fresh_database(store, "lightship_dashboard_care_empty")
    for app in _app(empty, monkeypatch, tmp_path):
        for _, there in each(app):
            assert "No process has ever reported" in shown(there)
            assert not there.dataframe
