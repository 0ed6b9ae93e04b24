"""The analysts' pages over the real store: full, empty, hostile, and for whom texts are not meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from infra.clickhouse import connect
from infra.embedded.ports import spare
from infra.settings import StoreSettings
from tests.at_length import at_length
from tests.dashboard import world, world_fine, world_hostile, world_mix, world_runs
from tests.dashboard.serving import alerts_api
from tests.databases import fresh_database
from tests.integration.test_dashboard_pages import opened, served, shown

pytestmark = pytest.mark.integration

EXPLORE, OUTPUTS, DRIFT, RELEASES, CAUSE = PAGES = tuple(
    f"views/{name}/{name}.py" for name in ("explore", "outputs", "drift", "releases", "cause")
)
BOT = "support-bot · production"


@pytest.fixture(scope="module")
def filled(store: str) -> StoreSettings:
    settings = fresh_database(store, "lightship_analysis_pages")
    client = connect(settings)
    world.fill(client, lineage="demo-1")
    world_runs.fill(client, world.NOW, lineage="demo-1")
    world_fine.fill(client, world.NOW)
    world_mix.fill(client, world.NOW)
    world_hostile.fill(client, world.NOW, lineage="hostile-1")
    world_runs.hostile(client, world.NOW, lineage="hostile-1")
    place = ["default", "demo-1", world.NOW - timedelta(minutes=90), "support-bot", "production"]
    columns = ["tenant", "lineage", "since", "service", "environment", "kind", "value"]
    client.insert("changes", [[*place, "index", "faq-12 [x](y)"]], column_names=columns)
    client.close()
    return settings


@pytest.fixture
def app(filled: StoreSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AppTest]:
    yield from served(filled, monkeypatch, tmp_path)


def test_explore_reads_its_choice_from_the_address_and_writes_all_of_it(app: AppTest) -> None:
    asked = {"service": BOT, "score": "refusal", "slice": "language=de"}
    opened(app, EXPLORE, lineage="demo-1", period="6 h", by="language", **asked)
    page = shown(app)
    assert "Refusals, language = de, every 5\u202fmin" in page
    assert "baseline v12 of 23 Dec to 06 Jan" in page
    assert "▲ above" in page
    assert {k: app.query_params[k] for k in (*asked, "unit", "by")} == {
        **asked,
        "unit": "interaction",
        "by": "language",
    }
    table = app.dataframe[0].value.set_index("Value")
    assert (table["Verdict"]["de"], table["Verdict"]["en"]) == ("▲ above", "no clear change")
    rule, statement = (c.value for c in app.code)
    assert 'slice = "language=de"' in rule
    assert "SET param_tenant = 'default';" in statement


@pytest.mark.parametrize(
    ("choice", "said"),
    at_length(
        [
            ({"score": "latency_s"}, ("Latency, median in s, every 15", "Distribution")),
            ({"score": "latency_s", "way": "share above 5"}, ("Latency, share above 5\u202fs, every 15",)),
            ({"score": "language", "way": "share of de"}, ("Prompt language, share of de, every", "moved")),
            ({"unit": "trace"}, ("Runs ", "Both sides", "not divided by any dimension")),
            (
                {"period": "7 d", "against": "weeks before"},
                ("the same hours a week before", "Refusals, every 2.0"),
            ),
            (
                {"until": "2020-01-01T00:00"},
                ("No output of this choice in the period", "frozen after this period"),
            ),
            ({"service": "newsletter-writer · staging"}, ("no frozen baseline yet", "Refusals")),
            ({"service": "gone", "score": "gone", "slice": "gone=1"}, ("Refusals, every 15",)),
        ],
        3,
    ),
)
def test_explore_shows_every_kind_of_score_and_says_what_is_missing(
    app: AppTest, choice: dict[str, str], said: tuple[str, ...]
) -> None:
    opened(app, EXPLORE, **({"lineage": "demo-1", "service": BOT} | choice))
    for part in said:
        assert part in shown(app), shown(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_lineage_without_series_says_so_and_claims_nothing(app: AppTest, page: str) -> None:
    opened(app, page)
    assert "Nothing is scored in lineage live yet" in shown(app)
    assert "✓" not in shown(app)


@pytest.mark.parametrize("page", PAGES)
def test_hostile_names_are_text(app: AppTest, page: str) -> None:
    opened(app, page, lineage="hostile-1", output=f"{'e411' * 8}:{9:016x}")
    ours = re.compile(r":(gray|small|material|[a-z]+-badge)|\*\*|^\d+\. |^- ", re.MULTILINE)
    assert app.markdown
    for element in (*app.markdown, *app.title, *app.header, *app.subheader):
        label = re.sub(r"\\.", "", ours.sub("", str(element.value)))
        for sign in ("<", "](", "![", "$", ":red", "javascript:", "://"):
            assert sign not in label, element.value


def test_outputs_show_the_change_what_carries_it_and_where_it_happened(app: AppTest) -> None:
    opened(app, OUTPUTS, lineage="demo-1", service=BOT, score="refusal", output=world_runs.ASKED)
    page = shown(app)
    for part in (
        "Refusals: 2.2 → 2.2",
        "6 with it, newest first",
        "6 from the period before",
        "Its conversation",
    ):
        assert part in page, page
    assert app.query_params["output"] == world_runs.ASKED
    steps = app.dataframe[0].value
    assert list(steps["Step"])[-2:] == ["├─ search_orders", "└─ issue_refund"]
    assert list(steps["Error"])[-1] == "✗ error"


def test_outputs_are_narrowed_by_words_values_and_flags(app: AppTest) -> None:
    app.query_params["find"] = "bestellung"
    opened(
        app, OUTPUTS, lineage="demo-1", service=BOT, score="refusal", find="bestellung", only="language=de"
    )
    assert "3 with it, newest first" in shown(app)
    assert re.search(r"3 outputs with these words show the change, [1-9]\d* others", shown(app))
    assert "Same words, without the change" in shown(app)
    app.multiselect(key="only").set_value(["language=en"]).run()
    assert "0 with it" in shown(app)
    assert "No stored text matches" in shown(app)


def test_a_link_to_an_output_that_is_gone_says_so(app: AppTest) -> None:
    opened(app, OUTPUTS, lineage="demo-1", service=BOT, output="<b>gone</b>:1")
    assert "no longer stored" in shown(app)


def test_who_may_not_read_texts_sees_none(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSHIP_ROLE", "viewer")
    opened(app, OUTPUTS, lineage="demo-1", service=BOT, output=world_runs.ASKED)
    assert "Outputs are shown to analysts and responders" in shown(app)
    assert "Bestellung" not in repr(app)
    assert "refund" not in repr(app)


def test_drift_opens_at_the_greatest_change_with_its_evidence_and_what_was_found(app: AppTest) -> None:
    opened(app, DRIFT, lineage="fine-1")
    page = shown(app)
    for part in (
        "Refusals, every 30",
        "baseline v3 of 08 Mar to 13 Mar",
        "That the share changed, as a power of ten · recomputed from stored ticks of 5",
        "drift, confirmed Sun 00:37 · onset Sun 00:12",
        "▲ above",
    ):
        assert part in page, page
    assert app.query_params["until"] == "2026-03-15T16:00"
    assert len(app.get("vega_lite_chart")) == 3
    assert list(app.dataframe[0].value["Verdict"]) == ["no clear change", "▲ above"]


@pytest.mark.parametrize(
    ("choice", "said"),
    at_length(
        [
            ({"score": "latency_s", "until": "2026-03-15T16:00"}, ("share above the baseline's median",)),
            ({"until": "2026-03-16T12:00"}, ("no clear change", "No finding about this series")),
            ({"period": "30 d"}, ("computed for periods of up to 7 days",)),
            ({"slice": "language=de", "until": "2026-03-15T16:00"}, ("Refusals, language = de", "Evidence")),
            ({"until": "never"}, ("Refusals, every",)),
        ],
        2,
    ),
)
def test_drift_shows_every_kind_of_series_and_says_what_it_cannot(
    app: AppTest, choice: dict[str, str], said: tuple[str, ...]
) -> None:
    opened(app, DRIFT, **({"lineage": "fine-1"} | choice))
    for part in said:
        assert part in shown(app), shown(app)


def test_releases_tell_what_is_in_the_mix_from_what_a_value_does(app: AppTest) -> None:
    opened(app, RELEASES, lineage="fine-1", score="refusal")
    page = shown(app)
    for part in (
        "prompt version v2, first seen",
        "Every output had the same: 1.0.",
        "part of the difference as counted comes from the mix",
        "No output names one.",
    ):
        assert part in page, page
    models, prompts = (d.value.set_index("Value") for d in app.dataframe)
    assert models["Verdict"]["b-2"] == "▲ above the rest"
    assert prompts["Verdict"]["v2"] == "no clear difference"
    assert prompts["Difference, as counted"]["v2"].startswith("+1")


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (
            {"lineage": "demo-1", "service": BOT},
            ("prompt version v18, named by an incident", "index faq-12 [x](y), recorded"),
        ),
        ({"lineage": "demo-1", "service": BOT, "unit": "trace"}, ("This is compared for interactions",)),
        ({"period": "90 d"}, ("compared for periods of up to 30 days",)),
        ({"score": "latency_s", "period": "7 d"}, ("Latency, median in s", "By prompt version")),
    ],
)
def test_releases_say_what_changed_and_what_they_cannot_tell(
    app: AppTest, choice: dict[str, str], said: tuple[str, ...]
) -> None:
    opened(app, RELEASES, **({"lineage": "fine-1"} | choice))
    for part in said:
        assert part in shown(app), shown(app)


def test_a_cause_is_looked_for_in_slices_scores_and_words(app: AppTest) -> None:
    opened(app, CAUSE, lineage="fine-1", score="refusal", side="prompt")
    slices, scores, gained, lost = (d.value for d in app.dataframe)
    assert list(slices["Slice"]) == ["language = de", "language = en"]
    assert list(scores["Score"]) == ["Output length"]  # a refusal is short
    assert scores["Correlation"][0].startswith("−")
    assert "wie" in list(gained["Word"])  # German, as the newer prompt's users
    assert "work" in list(lost["Word"])


def test_who_may_not_read_texts_sees_no_word_of_them(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSHIP_ROLE", "viewer")
    opened(app, CAUSE, lineage="fine-1", score="refusal")
    assert len(app.dataframe) == 2
    assert "Outputs are shown to analysts" in shown(app)


def test_an_admin_adds_the_suggested_rule_and_removes_it(
    filled: StoreSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = spare()
    monkeypatch.setenv("LIGHTSHIP_ROLE", "admin")
    with alerts_api(filled, tmp_path, port) as desk:
        for app in served(filled, monkeypatch, tmp_path, alerts_port=port):
            opened(app, EXPLORE, lineage="demo-1", service=BOT, score="refusal", slice="language=de")
            named = {one.label: one for one in (*app.text_area, *app.text_input, *app.button)}
            assert 'slice = "language=de"' in named["The rule, as in lightship.toml"].value
            named["Add the rule"].click().run()
            assert "Not done: say why" in shown(app)
            _labelled(app.text_input, "Why").input("as the *contract* says")
            _labelled(app.button, "Add the rule").click().run()
            assert "Added: it is evaluated from the next tick on." in shown(app)
            assert "refusal in language=de: rate over" in shown(app)
            assert ": as the *contract* says" in shown(app)
            _labelled(app.button, "Remove").click().run()
            assert "Removed: its alerts end with the next tick" in shown(app)
            assert "refusal in language=de: rate over" not in shown(app)
        post: Any = desk._post
    sent = post.controls
    assert [(c.action, c.key.service, c.key.environment) for c in sent] == [
        ("rule", "support-bot", "production"),
        ("rule_over", "support-bot", "production"),
    ]


def _labelled(elements: Any, label: str) -> Any:
    (found,) = (one for one in elements if one.label == label)
    return found
