"""Recorded changes in the store: written as often as it takes, there once, for whom they concern alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from clickhouse_connect.driver.client import Client

from alerts.changes.change_event import RecordedChange
from alerts.repository.incidents import IncidentRepository
from dashboard.queries import releases
from dashboard.queries.releases import Marked
from dashboard.queries.store import ClickHouse, Scope, SeriesKey
from detectors.finding import Suspect
from infra.clickhouse import connect
from infra.settings import StoreSettings
from tests.dashboard.world import NOW
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

NOW_S = int(NOW.timestamp())
KEY = SeriesKey("support-bot", "production", "interaction", "refusal")
SCOPE = Scope("default", "live", NOW_S)
INDEX = RecordedChange(
    "default", "live", "support-bot", "production", Suspect("index", "faq 12", NOW - timedelta(hours=2))
)


@pytest.fixture(scope="module")
def settings(store: str) -> StoreSettings:
    return fresh_database(store, "lightship_changes")


@pytest.fixture
def client(settings: StoreSettings) -> Iterator[Client]:
    opened = connect(settings)
    opened.command("TRUNCATE TABLE changes")
    yield opened
    opened.close()


def marked(client: Client, key: SeriesKey = KEY, scope: Scope = SCOPE) -> tuple[Marked, ...]:
    return releases.marked(ClickHouse(client), scope, key, NOW_S - 86_400, NOW_S)


def record(settings: StoreSettings, *changes: RecordedChange) -> None:
    log = IncidentRepository(lambda: connect(settings))
    log.store_changes(changes)
    log.close()


def test_a_change_is_there_once_however_often_it_was_written(settings: StoreSettings, client: Client) -> None:
    record(settings)
    assert marked(client) == ()
    for _ in range(3):
        record(settings, INDEX, replace(INDEX, suspect=replace(INDEX.suspect, value="faq 13")))
    assert [(m.kind, m.value, m.since) for m in marked(client)] == [
        ("index", "faq 12", NOW - timedelta(hours=2)),
        ("index", "faq 13", NOW - timedelta(hours=2)),
    ]


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (replace(INDEX, service=None, environment=None), True),
        (replace(INDEX, environment=None), True),
        (replace(INDEX, service="other-bot"), False),
        (replace(INDEX, environment="staging"), False),
        (replace(INDEX, environment=""), False),
        (replace(INDEX, tenant="other"), False),
        (replace(INDEX, lineage="demo-1"), False),
        (replace(INDEX, suspect=replace(INDEX.suspect, since=NOW - timedelta(days=2))), False),
        (replace(INDEX, suspect=replace(INDEX.suspect, since=NOW + timedelta(hours=1))), False),
    ],
)
def test_a_page_shows_what_was_done_where_and_when_it_looks(
    settings: StoreSettings, client: Client, change: RecordedChange, seen: bool
) -> None:
    record(settings, change)
    assert bool(marked(client)) == seen


def test_text_that_steers_or_is_half_a_character_is_stored_as_text(
    settings: StoreSettings, client: Client
) -> None:
    for value in ("x'); DROP TABLE changes; --", "\u202e[a](javascript:1)", "half \ud800"):
        record(settings, replace(INDEX, suspect=replace(INDEX.suspect, value=value)))
    assert {m.value for m in marked(client)} == {
        "x'); DROP TABLE changes; --",
        "\u202e[a](javascript:1)",
        "half ?",
    }
