"""A held incident whose rows have expired: the page says who holds it, and shows what is held."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.queries import examples
from dashboard.queries import incidents as stored
from dashboard.queries.examples import Wanted
from dashboard.queries.store import ClickHouse, Scope, SeriesKey
from dashboard.tables import incident as incidents
from dashboard.views.incident import legal_hold_query
from detectors.schema import DIMENSION_COLUMNS
from infra.clickhouse import connect
from infra.settings import StoreSettings
from tests.at_length import at_length
from tests.dashboard import world, world_legal_hold
from tests.databases import fresh_database
from tests.integration.test_dashboard_pages import INCIDENT, opened, served, shown

pytestmark = pytest.mark.integration

NOW_S = int(world.NOW.timestamp())
SCOPE = Scope("default", "demo-1", NOW_S)


@dataclass
class Held:
    """A database in which one incident is held."""

    settings: StoreSettings
    incident_id: str
    rows: int


@pytest.fixture(scope="module")
def kept(store: str) -> Held:
    settings = fresh_database(store, "lightship_dashboard_held")
    client = connect(settings)
    incident_id = world.fill(client, lineage="demo-1")["refusal"]
    rows = world_legal_hold.copy(client, incident_id, "demo-1")
    world_legal_hold.hold(client, incident_id, "Ada *Lovelace*")
    client.close()
    return Held(settings, incident_id, rows)


def test_copies_give_the_examples_the_rows_gave(kept: Held) -> None:
    client = connect(kept.settings)
    door = ClickHouse(client)
    row = stored.one(door, SCOPE, kept.incident_id)
    assert row is not None
    incident = incidents.read(row)
    onset = int(incident.onset.timestamp())
    for hit, begin, end in ((True, onset, NOW_S), (False, onset - 60_000, onset)):
        wanted = Wanted(begin, end, "flag", hit=hit)
        rows = examples.examples(door, SCOPE, incident.explained, wanted)
        assert rows
        assert legal_hold_query.examples(door, SCOPE, kept.incident_id, incident.explained, wanted) == rows
    found = legal_hold_query.kept(door, SCOPE, kept.incident_id)
    assert found is not None
    assert (found.rows, found.cut) == (kept.rows, False)
    assert legal_hold_query.kept(door, SCOPE, "another") is None
    client.close()


@pytest.mark.parametrize(
    ("score", "kind"),
    at_length(
        [
            *((name, "flag") for name in ("secrets", "pii_prompt", "degenerate", "tool_loop")),
            *((name, "number") for name in ("latency_s", "output_length", "output_tokens", "repetition")),
            *((name, "category") for name in ("language", "finish_reason")),
            ("judgement:helpful", "number"),
        ],
        3,
    ),
)
def test_every_kind_of_score_and_slice_can_be_asked_of_copies(kept: Held, score: str, kind: str) -> None:
    client = connect(kept.settings)
    slices = ",".join(f"{dimension}=nothing-has-this" for dimension in DIMENSION_COLUMNS)
    for slice_, unit in (("all", "interaction"), (slices, "interaction"), ("all", "trace")):
        key = SeriesKey("support-bot", "production", unit, score, slice_)
        for hit in (True, False):
            wanted = Wanted(NOW_S - 80_000, NOW_S, kind, hit=hit, category="de")
            found = legal_hold_query.examples(ClickHouse(client), SCOPE, kept.incident_id, key, wanted)
            assert slice_ == "all" or found == ()
    client.close()


@pytest.fixture
def app(kept: Held, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AppTest]:
    yield from served(kept.settings, monkeypatch, tmp_path)


def test_the_page_says_who_holds_the_evidence_and_how_much_of_it(app: AppTest, kept: Held) -> None:
    page = shown(opened(app, INCIDENT, lineage="demo-1", id=kept.incident_id))
    said = rf"Legal hold by Ada \*Lovelace\* since .* UTC · {kept.rows} rows, .* kept past every retention"
    assert re.search(said, page)
    assert "the stored texts have expired" not in page
    assert [s.label for s in app.selectbox if s.label == "Example"] == ["Example"] * 2  # to judge


def test_it_shows_the_copies_once_the_rows_are_gone_and_asks_no_judgement(app: AppTest, kept: Held) -> None:
    client = connect(kept.settings)
    client.command("TRUNCATE TABLE interactions")
    client.close()
    page = shown(opened(app, INCIDENT, lineage="demo-1", id=kept.incident_id))
    assert (
        "3 since the onset, newest first · redacted · from the held evidence: the stored texts have" in page
    )
    assert "No stored text matches." not in page
    assert [s.label for s in app.selectbox if s.label == "Example"] == []
