"""Every page over the real store: full, empty, hostile, with each role, and when the store goes away."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from clickhouse_connect.driver.client import Client
from streamlit.testing.v1 import AppTest

import dashboard
from dashboard.shared import data
from dashboard.tables import trend_rows
from dashboard.views.trends import report_panel
from detectors.finding import SEVERAL, SliceEffect
from infra.clickhouse import connect
from infra.settings import StoreSettings
from tests.at_length import at_length
from tests.dashboard import world, world_hostile, world_incidents
from tests.dashboard.drawn import assert_drawn
from tests.dashboard.serving import environment
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

MAIN = Path(dashboard.__file__).parent / "main.py"
FLEET, INCIDENTS, INCIDENT, TRENDS = (
    f"views/{n}/{n}.py" for n in ("fleet", "incidents", "incident", "trends")
)
PAGES = (FLEET, INCIDENTS, TRENDS)


class Filled:
    """The database and the ids of its incidents."""

    def __init__(self, settings: StoreSettings) -> None:
        self.settings = settings
        client = connect(settings)
        self.ids = world.fill(client, lineage="demo-1")
        self.kinds = _kinds(client)
        self.hostile = world_hostile.fill(client, world.NOW, lineage="hostile-1")
        client.close()


def _kinds(client: Client) -> dict[str, str]:
    """Incidents of the other kinds, in a lineage of their own."""
    owner = {"lineage": "kinds-1"}
    world.fill(client, lineage="kinds-1")
    desk = world_incidents.Desk(client)
    none = dict.fromkeys(("effect", "effect_low", "effect_high", "effect_unit", "baseline_value"), None)
    bare = none | dict.fromkeys(
        ("current_value", "evidence", "threshold", "n_baseline", "inputs_changed"), None
    )
    made = {
        "category": world_incidents.japanese(world.NOW, **owner),
        "other": world_incidents.japanese(
            world.NOW,
            **owner,
            service="support-bot",
            finding_id="f1",
            notes=("share of values outside the commonest",),
        ),
        "tail": world_incidents.slow(
            world.NOW,
            **owner,
            service="newsletter-writer",
            environment="staging",
            finding_id="f2",
            slice="all",
            slices=(),
            effect=0.09,
            effect_low=0.08,
            effect_high=0.1,
            effect_unit="rate",
            baseline_value=0.03,
            current_value=0.12,
            notes=("share of values above 5.02",),
        ),
        "several": world_incidents.finding(
            world.NOW,
            **owner,
            finding_id="f4",
            service=SEVERAL,
            slice="request_model=m-1",
            slices=(SliceEffect("request_model=m-1", 1.0, 0.04),),
            cleared=(),
            services_hit=("support-bot", "claims-triage"),
            services_spared=("newsletter-writer",),
        ),
        "policy": world_incidents.finding(
            world.NOW,
            **owner,
            **bare,
            finding_id="f3",
            alert_kind="policy",
            service="claims-triage",
            score="secrets",
            slices=(),
            onset=None,
            onset_low=None,
            onset_high=None,
        ),
    }
    return {name: desk.take(found) for name, found in made.items()}


@pytest.fixture(scope="module")
def filled(store: str) -> Filled:
    return Filled(fresh_database(store, "lightship_dashboard_pages"))


@pytest.fixture
def app(filled: Filled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AppTest]:
    yield from served(filled.settings, monkeypatch, tmp_path)


def served(
    settings: StoreSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, alerts_port: int = 4320
) -> Iterator[AppTest]:
    """The dashboard over a database."""
    for name, value in environment(settings, tmp_path, alerts_port=alerts_port).items():
        monkeypatch.setenv(name, value)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield AppTest.from_file(str(MAIN), default_timeout=60)
    st.cache_data.clear()
    st.cache_resource.clear()


def shown(app: AppTest) -> str:
    """Everything a person reads on the page, outside of grids and cards."""
    parts = [*app.title, *app.header, *app.subheader, *app.markdown, *app.text, *app.code]
    texts = [str(p.value) for p in parts] + [f"{m.label} {m.value}" for m in app.metric]
    return re.sub(r"\\|\u2060", "", " ".join(texts))


def opened(app: AppTest, page: str, **query: str) -> AppTest:
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    if page != FLEET:
        app.switch_page(page)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
    assert_drawn(app)
    return app


def test_the_fleet_tells_every_service_and_what_watching_proves(app: AppTest) -> None:
    opened(app, FLEET, lineage="demo-1")
    metrics = {m.label: m.value for m in app.metric}
    assert [metrics[w] for w in ("Page", "Ticket", "No data", "Learning", "OK")] == ["1"] * 5
    assert metrics["False pages, 30 d"] == "1 of 3"
    table, proof, newest = (d.value for d in app.dataframe)
    assert newest["Trace"][0].startswith("trace?id=")
    assert list(table["Service"]) == [
        "support-bot",
        "claims-triage",
        "invoice-reader",
        "newsletter-writer · staging",
        "code-helper",
    ]
    assert table["Worst change"][0] == "refusal 2.1 → 6.4\u202f%"
    assert table["Effect (95 % interval)"][0] == "+4.3\u202fpp (+3.1 to +5.5)"
    assert table["Slice · share"][0] == "language=de · 71\u202f%"
    assert table["Newest"][2] == "85\u202fmin"
    assert proof["State"][0] == ["○ Learning"]
    assert "Updated" in shown(app)
    assert "No outputs since 01:47 UTC; usually 410 an hour" in shown(app)


def test_a_trace_shows_its_spans_and_texts_to_those_who_may_read_them(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(app, "views/trace/trace.py", lineage="demo-1", id=f"{100:032x}")
    (spans,) = (d.value for d in app.dataframe)
    assert list(spans["Outcome"]) == ["stop"]
    assert "1 model calls, 0 other spans" in shown(app)
    assert "dabei kann ich nicht helfen" in shown(app)
    monkeypatch.setenv("LIGHTSHIP_ROLE", "viewer")
    opened(app, "views/trace/trace.py", lineage="demo-1", id=f"{100:032x}")
    assert "dabei kann ich nicht helfen" not in shown(app)
    assert "shown to analysts and responders" in shown(app)
    opened(app, "views/trace/trace.py", lineage="demo-1", id="f" * 32)
    assert "Nothing of trace" in shown(app)


def test_an_incident_answers_what_when_where_how_sure_and_what_next(app: AppTest, filled: Filled) -> None:
    opened(app, INCIDENT, lineage="demo-1", id=filled.ids["refusal"])
    page = shown(app)
    for part in (
        "support-bot: refusals 2.1",
        "Effect +4.3\u202fpp",
        "Onset 02:05 UTC",
        "02:01 to 02:09 · fired 02:17",
        "Outputs since 2,214",
        "Certainty 493 times",
        "Suspect v18",
        "First checks",
        "Where it changed",
        "on-call primary notified",
        "baseline v12",
    ):
        assert part in page
    assert app.button[0].label == "Acknowledge"
    assert not app.button[0].disabled


def test_a_number_shows_its_shape_and_a_silence_shows_none(app: AppTest, filled: Filled) -> None:
    opened(app, INCIDENT, lineage="demo-1", id=filled.ids["latency"])
    assert "Latency: before and since" in shown(app)
    assert "median 2.0" in shown(app)
    opened(app, INCIDENT, lineage="demo-1", id=filled.ids["silence"])
    assert "Silent since 01:47 UTC" in shown(app)
    assert "Where it changed" not in shown(app)


@pytest.mark.parametrize(
    ("kind", "said"),
    at_length(
        [
            ("category", ("Prompt language, share of ja", "which values moved", "+18\u202fpp")),
            ("other", ("Prompt language, share of", "which values moved")),
            (
                "tail",
                ("Latency, share above 5.02\u202fs", "Latency: before and since", "Effect +9.0\u202fpp"),
            ),
            ("policy", ("Hits 2,214", "counted", "Secrets in outputs, every")),
            ("several", ("request_model=m-1",)),
        ],
        2,
    ),
)
def test_every_kind_of_finding_has_its_page(
    app: AppTest, filled: Filled, kind: str, said: tuple[str, ...]
) -> None:
    opened(app, INCIDENT, lineage="kinds-1", id=filled.kinds[kind])
    for part in said:
        assert part in shown(app), shown(app)


@pytest.mark.parametrize(("name", "offered"), [("refusal", True), ("latency", False)])
def test_an_example_is_judged_by_what_its_score_says_where_it_says_something_of_it(
    app: AppTest, filled: Filled, name: str, offered: bool
) -> None:
    opened(app, INCIDENT, lineage="demo-1", id=filled.ids[name])
    choices = [choice for group in app.button_group for choice in group.options]
    assert "right" in choices
    assert ("What the score says: Refusals" in choices) == offered
    assert any(choice.startswith("What the score says") for choice in choices) == offered


def test_a_fleet_with_every_kind_of_incident(app: AppTest) -> None:
    opened(app, FLEET, lineage="kinds-1")
    assert "more under Incidents" in shown(app)


def test_trends_say_the_week_in_words_and_in_a_table(app: AppTest) -> None:
    opened(app, TRENDS, lineage="demo-1")
    assert "Week of 16 March, so far" in shown(app)
    assert "Output cut off rose" in shown(app)
    table, _ = (d.value for d in app.dataframe)
    assert list(table["Risk category"])[:2] == ["Secret in output", "Personal data in output"]
    assert all(re.fullmatch(r"[\d,.]+–[\d,.]+", text) for text in table["Interval"])
    assert table["Against baseline"][list(table["Risk category"]).index("Output cut off")] == "▲ above"


def test_trends_hold_each_language_against_the_rest(app: AppTest) -> None:
    opened(app, TRENDS, lineage="demo-1")
    table = app.dataframe[1].value
    refused = table[table["Risk category"] == "Refusal"].set_index("Group")
    assert set(refused.index) == set(world.LANGUAGES)
    # Japanese and French answers are refused a third more often, and English is most of everybody's rest
    above = set(refused.index[refused["Verdict"] == "▲ more than the rest"])
    assert above == {"fr", "ja"}
    assert refused.loc["en", "Verdict"] == "▼ less than the rest"


def test_the_report_of_the_trends_page_is_that_of_its_weeks_and_service(app: AppTest) -> None:
    opened(app, TRENDS, lineage="demo-1", weeks="4", service="support-bot")
    labels = [button.label for button in app.download_button]
    assert {"Report (HTML)", "Its numbers (JSON)"} <= set(labels)
    seen = app.session_state["seen"]
    weeks = trend_rows.span(seen.scope.at, 4, "support-bot")
    told = json.loads(report_panel.made(seen.viewer, seen.scope, weeks, "json"))
    assert (told["service"], told["period"]["from"]) == ("support-bot", "2026-02-23T00:00:00Z")
    table = app.dataframe[0].value
    refused = next(c for c in told["categories"] if c["title"] == "Refusal")
    shown = table["Outputs"][list(table["Risk category"]).index("Refusal")]
    assert refused["weeks"][-1]["n"] == shown
    assert report_panel.made(seen.viewer, seen.scope, weeks, "html").startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("asked", "groups"),
    [
        ({"groups": "Services"}, {made.service for made in world.FLEET}),
        ({"groups": "Services", "service": "support-bot"}, set(world.LANGUAGES)),
    ],
)
def test_trends_compare_services_where_there_are_several(
    app: AppTest, asked: dict[str, str], groups: set[str]
) -> None:
    opened(app, TRENDS, lineage="demo-1", **asked)
    assert set(app.dataframe[1].value["Group"]) == groups


def test_choices_stand_in_the_address(app: AppTest) -> None:
    opened(app, TRENDS, lineage="demo-1", weeks="4", service="support-bot", language="de")
    assert app.selectbox(key="service").value == "support-bot"
    assert app.selectbox(key="lineage").value == "demo-1"
    table = app.dataframe[0].value
    assert "4 weeks" in table.columns
    assert table["Latest"][list(table["Risk category"]).index("Refusal")] != "few"


@pytest.mark.parametrize("page", PAGES)
def test_a_lineage_without_data_offers_nothing_false(app: AppTest, page: str) -> None:
    opened(app, page)
    assert app.selectbox(key="lineage").value == "live"
    text = shown(app)
    assert any(w in text for w in ("Nothing has arrived", "No incident is open", "Nothing was counted"))
    assert "✓" not in text


def test_a_link_to_a_lineage_that_does_not_exist_says_so(app: AppTest) -> None:
    opened(app, FLEET, lineage="<b>nope</b>")
    assert app.selectbox(key="lineage").value == "live"
    assert any("does not exist" in c.value for c in app.caption)


def test_an_unknown_id_is_told_in_plain_text(app: AppTest) -> None:
    opened(app, INCIDENT, lineage="demo-1", id="[x](javascript:alert(1))")
    assert app.text[0].value == "There is no incident [x](javascript:alert(1)) in lineage demo-1."


def test_an_id_of_another_lineage_is_offered_there(app: AppTest, filled: Filled) -> None:
    opened(app, INCIDENT, id=filled.ids["refusal"])
    assert "Unknown incident" in shown(app)
    (way,) = app.button
    assert way.label.replace("\\", "") == "It is in lineage demo-1"
    way.click().run()
    assert "Onset 02:05 UTC" in shown(app)


@pytest.mark.parametrize("page", [FLEET, INCIDENTS, TRENDS, INCIDENT])
def test_hostile_names_and_texts_are_text(app: AppTest, filled: Filled, page: str) -> None:
    opened(app, page, lineage="hostile-1", id=filled.hostile)
    ours = re.compile(r":(gray|small|material|[a-z]+-badge)|\*\*|^\d+\. |^- ", re.MULTILINE)
    for element in (*app.markdown, *app.title, *app.header, *app.subheader):
        text = str(element.value)
        if "**How bad:**" in text:  # a runbook of ours, whose commands hold "$USER"
            text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
        label = re.sub(r"\\.", "", ours.sub("", text))
        for sign in ("<", "](", "![", "$", ":red", "javascript:", "://"):
            assert sign not in label, element.value


def test_a_viewer_sees_numbers_but_no_text_and_cannot_act(
    app: AppTest, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTSHIP_ROLE", "viewer")
    opened(app, INCIDENT, lineage="demo-1", id=filled.ids["refusal"])
    assert "Texts are shown to analysts and responders" in shown(app)
    assert "Bestellung" not in repr(app)
    assert app.button[0].disabled
    assert "Your role (viewer) may look" in shown(app)


def test_another_tenant_sees_its_own_only(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSHIP_TENANT", "third")
    opened(app, FLEET, lineage="demo-1")
    assert "Nothing has arrived in lineage live" in shown(app)


@pytest.mark.parametrize("page", [FLEET, INCIDENTS, TRENDS])
def test_an_empty_database_is_not_an_error_and_not_ok(
    store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str
) -> None:
    empty = fresh_database(store, "lightship_dashboard_empty_pages")
    for app in served(empty, monkeypatch, tmp_path):
        opened(app, page)
        assert "No process has ever reported" in shown(app)
        assert not app.dataframe


def test_numbers_stay_with_their_time_when_the_store_goes_away(
    app: AppTest, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(app, FLEET, lineage="demo-1")
    before = app.dataframe[0].value
    time.sleep(1.1)  # an answer is kept for a look of another second, too
    monkeypatch.setenv("LIGHTSHIP_CLICKHOUSE", "http://default:x@127.0.0.1:9")
    st.cache_data.clear()
    data.settings.clear()
    app.run()
    assert_drawn(app)
    assert "The store does not answer; numbers are from" in shown(app)
    after = app.dataframe[0].value
    assert list(after["Outputs"]) == list(before["Outputs"])
    assert "✗ Error" in [row[0] for row in after["State"]]  # what was fine is not known to be
    assert "✓ OK" not in [row[0] for row in after["State"]]
