"""The schema on the embedded engine: up, down, up again, interrupted; rows kept as the settings say."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from clickhouse_connect.driver.client import Client

from infra import retention
from infra.clickhouse import Migration, connect, migrate, read_migrations
from infra.errors import InfraError, Misconfigured, Unavailable
from infra.settings import KafkaSettings, Settings, StoreSettings
from infra.setup import setup

pytestmark = pytest.mark.integration

NAMES = [f"{m.number:04d}_{m.name}" for m in read_migrations()]
NEWEST = len(NAMES)
TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"


@pytest.fixture
def settings(store: str) -> Iterator[StoreSettings]:
    """A database of its own."""
    own = StoreSettings(url=store, database=f"m_{uuid.uuid4().hex[:8]}")
    yield own
    root = connect(own, database="default")
    root.command(f"DROP DATABASE IF EXISTS {own.database}")
    root.close()


@pytest.fixture
def client(settings: StoreSettings) -> Iterator[Client]:
    migrate(settings)
    opened = connect(settings)
    yield opened
    opened.close()


def tables(client: Client) -> list[str]:
    return [str(row[0]) for row in client.query(TABLES).result_rows]


def definitions(client: Client) -> dict[str, str]:
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()"
    ).result_rows
    return {str(name): str(sql) for name, sql in rows}


def test_down_takes_back_everything_and_up_makes_the_same_again(
    settings: StoreSettings, client: Client
) -> None:
    before = definitions(client)
    assert migrate(settings) == []
    assert migrate(settings, to=0) == [f"took back {name}" for name in reversed(NAMES)]
    assert tables(client) == ["schema_migrations"]
    assert migrate(settings, to=0) == []
    assert migrate(settings) == [f"applied {name}" for name in NAMES]
    assert definitions(client) == before


@pytest.mark.long
def test_every_state_is_the_same_whichever_way_it_is_reached(settings: StoreSettings, client: Client) -> None:
    """By single steps from above and from below, and by several: no way is made of anything else."""
    states = {NEWEST: definitions(client)}
    for to in reversed(range(NEWEST)):
        assert migrate(settings, to=to) == [f"took back {NAMES[to]}"]
        states[to] = definitions(client)
    for to in range(NEWEST):
        assert migrate(settings, to=to + 1) == [f"applied {NAMES[to]}"]
        assert definitions(client) == states[to + 1]
    for to in (NEWEST // 2, 1, NEWEST - 1):
        migrate(settings, to=to)
        assert definitions(client) == states[to]


@pytest.mark.long
@pytest.mark.parametrize("up", [True, False])
def test_an_interrupted_migration_is_finished_by_the_next_run(
    settings: StoreSettings, client: Client, up: bool
) -> None:
    """Whichever statement was the last one that was carried out: what is there is what was to be there.

    Every migration is run alone, between the states before and after it; the newest ones are stopped at every
    other statement, those before them, which nobody changes any more, once in the middle.
    """
    shipped = read_migrations()
    for at, migration in reversed(list(enumerate(shipped))):
        after = definitions(client)
        migrate(settings, to=at)
        start, target, wanted = (at, at + 1, after) if up else (at + 1, at, definitions(client))
        stopped = [*shipped[:at], replace(migration), *shipped[at + 1 :]]
        statements = len(migration.up if up else migration.down)
        for survived in range(0, statements, 2) if at >= NEWEST - 3 else (statements // 2,):
            migrate(settings, to=start)
            stopped[at] = _stopped(migration, survived)
            with pytest.raises(Unavailable, match=f"migration {NAMES[at]}: .*the power went"):
                migrate(settings, to=target, migrations=stopped)
            migrate(settings, to=target)
            assert definitions(client) == wanted
        migrate(settings, to=at)
    assert tables(client) == ["schema_migrations"]


def _stopped(migration: Migration, survived: int) -> Migration:
    """A migration that ends after so many statements, in either direction."""
    end = ("SELECT throwIf(1, 'the power went')",)
    return replace(migration, up=migration.up[:survived] + end, down=migration.down[:survived] + end)


@pytest.mark.parametrize("to", [-1, NEWEST + 1])
def test_there_is_no_such_migration(settings: StoreSettings, to: int) -> None:
    with pytest.raises(Misconfigured, match=f"no migration {to}"):
        migrate(settings, to=to)


def test_a_newer_schema_is_left_alone(settings: StoreSettings, client: Client) -> None:
    client.insert("schema_migrations", [[NEWEST + 1, "later", True]], ["number", "name", "applied"])
    with pytest.raises(Misconfigured, match=f"at migration {NEWEST + 1}"):
        migrate(settings, to=0)
    assert len(tables(client)) > 1


def test_texts_and_rows_are_kept_as_long_as_the_settings_say(settings: StoreSettings, client: Client) -> None:
    assert retention.keep(settings) == []
    shorter = replace(settings, text_days=7, score_months=3)
    altered = retention.keep(shorter)
    assert {line.split()[0] for line in altered} == {k.table for k in retention.declared(read_migrations())}
    for table, created in definitions(client).items():
        if table != "snapshots":
            assert "toIntervalDay(30)" not in created
            assert "toIntervalMonth(13)" not in created
        else:
            assert "toIntervalDay(7)" in created
    assert retention.keep(shorter) == []
    retention.keep(settings)
    assert retention.keep(settings) == []


def test_what_is_past_its_time_goes(settings: StoreSettings, client: Client) -> None:
    """Text of a week ago goes with a shorter time, its row stays; the row goes with its own."""
    columns = ["tenant", "lineage", "service", "trace_id", "span_id", "received_at", "input_text"]
    [[week, quarter]] = client.query(
        "SELECT now64(9) - toIntervalDay(8), now64(9) - toIntervalDay(100)"
    ).result_rows
    rows = [["default", "live", "s", "t", span, at, "words"] for span, at in (("a", week), ("b", quarter))]
    client.insert("interactions", rows, columns)
    retention.keep(replace(settings, text_days=7, score_months=3))
    client.command("OPTIMIZE TABLE interactions FINAL")
    left = client.query("SELECT span_id, input_text FROM interactions FINAL").result_rows
    assert [tuple(row) for row in left] == [("a", None)]


EVENT_TIMES = {
    "interactions": ("start", "received_at", "input_text"),
    "context_spans": ("start", "received_at", "tool_arguments"),
    "judgements": ("judged_at", "received_at", "explanation"),
    "content_records": ("at", "received_at", "body"),
    "traces": ("start", "received_at", "name"),
    "cells": ("tick", "written_at", "slice"),
    "days": ("day", "written_at", "slice"),
}
"""Of each table with times that senders give: that column, the one its age counts from, and a text."""


def test_what_came_now_stays_whatever_time_its_sender_gave_it(client: Client) -> None:
    """A broken clock says 1970, or the last second that a column holds: neither makes a row old or young."""
    for table, (at, came, text) in EVENT_TIMES.items():
        row = "source_offset" if came == "received_at" else "unit"
        for number, when in enumerate(("1970-01-01 00:00:01", "2106-02-07 06:28:15")):
            for tenant, months in (("now", 0), ("before", 14)):
                client.command(
                    f"INSERT INTO {table} (tenant, {at}, {came}, {text}, {row}) SELECT '{tenant}', "
                    f"toDateTime('{when}', 'UTC'), now() - toIntervalMonth({months}), 'words', '{number}'"
                )
        client.command(f"OPTIMIZE TABLE {table} FINAL")
        left = client.query(f"SELECT tenant, {text} FROM {table} FINAL").result_rows  # noqa: S608
        assert [tuple(row) for row in left] == [("now", "words")] * 2, table


def test_setup_does_all_of_it_and_again_nothing(store: str, broker: str, settings: StoreSettings) -> None:
    said: list[str] = []
    whole = Settings(
        store=replace(settings, text_days=3), kafka=KafkaSettings(bootstrap=broker, partitions=4)
    )
    setup(whole, said.append)
    assert said[0] == "topics are there (4 partitions)"
    assert f"applied {NAMES[-1]}" in said
    assert "interactions keeps text 3 days, rows 13 months" in said
    said.clear()
    setup(whole, said.append)
    assert said == ["topics are there (4 partitions)", "the schema is up to date"]


def refused(settings: StoreSettings, error: type[InfraError]) -> str:
    with pytest.raises(InfraError) as caught:
        connect(settings)
    assert type(caught.value) is error
    return str(caught.value)


def test_a_database_that_is_not_there_is_made_by_setup(settings: StoreSettings) -> None:
    message = refused(settings, Unavailable)
    assert settings.database in message
    assert "run `lightship setup`" in message


@pytest.mark.parametrize("account", ["default:geheim", "somebody:geheim", "somebody"])
def test_a_refused_account_is_named_without_its_password(store: str, account: str) -> None:
    url = f"http://{account}@{urlsplit(store).netloc.rpartition('@')[2]}"
    message = refused(StoreSettings(url=url), Misconfigured)
    assert f"refuses user {account.partition(':')[0]!r}" in message
    assert "LIGHTSHIP_CLICKHOUSE_PASSWORD_FILE" in message
    assert "geheim" not in message


def test_the_password_may_stand_in_a_file(store: str, tmp_path: Any) -> None:
    password = urlsplit(store).password
    file = tmp_path / "password"
    file.write_text(f"{password}\n")
    url = store.replace(f":{password}@", "@")
    client = connect(StoreSettings(url=url, password_file=str(file)), database="default")
    assert client.query("SELECT 1").result_rows == [(1,)]
    client.close()
