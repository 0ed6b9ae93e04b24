"""Rows that the store has lost are stored again from Kafka, and nothing is counted or told twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.kafka import OBSERVATIONS
from tests.ingest.telemetry import chat, span, traces
from tests.journey import Journey
from tests.judged import SPOKEN, accounted_for, aggregated, stored
from tests.running import Running, end_of, reader, running, wait

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("refused_connections"),
]

LINEAGE = "evaluation-lost"
COLUMNS = "* EXCEPT '^written_at$'"
"""All but when a row was written."""
AT_ONCE = {f"interactions.{name}" for name in ("revision", "late_scores", "other_scores")}
"""What tells that a text came after its span, in a log record: of a row made whole both come at once."""
TABLES = {
    "interactions": "tenant, lineage, trace_id, span_id",
    "context_spans": "tenant, lineage, trace_id, span_id",
    "content_records": "tenant, lineage, source_topic, source_partition, source_offset, ordinal",
    "judgements": "trace_id, response_id, source_topic, source_partition, source_offset, ordinal",
    "traces": "tenant, lineage, trace_id",
    "ledger": "topic, partition, offset",
    "cells": "service, environment, unit, score, generation, slice, tick, part",
    "findings": "finding_id",
}


@pytest.fixture(scope="module")
def lightship(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("replay") / "home", dashboard=False) as started:
        yield started


Contents = dict[str, dict[tuple[str, ...], dict[str, str]]]


def contents(lightship: Running) -> Contents:
    """Every row of every table that a replay could touch: its columns as text, by its key."""
    out: Contents = {}
    with lightship.store() as client:
        for table, key in TABLES.items():
            found = client.query(f"SELECT {COLUMNS} FROM {table} FINAL")  # noqa: S608
            rows = [dict(zip(found.column_names, map(str, row), strict=True)) for row in found.result_rows]
            out[table] = {tuple(row[name] for name in key.split(", ")): row for row in rows}
            assert len(out[table]) == len(rows)
    return out


def changed(before: Contents, after: Contents) -> set[str]:
    """Tables whose rows are others, and columns whose values are."""
    out = {table for table in TABLES if before[table].keys() != after[table].keys()}
    for table in TABLES.keys() - out:
        for key, row in before[table].items():
            now = after[table][key]
            out |= {f"{table}.{name}" for name, value in row.items() if now[name] != value}
    return out


def ends(lightship: Running) -> dict[int, int]:
    """Where the observation log ends: what is sent there is counted."""
    with reader(lightship.kafka) as consumer:
        return {p.partition: end_of(consumer, p) for p in lightship._places(OBSERVATIONS)}


def replayed(lightship: Running, *options: str) -> tuple[int, dict[str, Any]]:
    done = lightship.lightship("replay", "--from-kafka", "--json", *options)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


def lose(lightship: Running, table: str, which: str) -> None:
    """Delete rows as a part that is gone would."""
    with lightship.store() as client:
        client.command(f"ALTER TABLE {table} DELETE WHERE {which}", settings={"mutations_sync": 2})


def test_lost_rows_are_stored_again_as_they_were(lightship: Running) -> None:
    journey = Journey.of(LINEAGE, 80)
    journey.send(lightship)
    lightship.settle(LINEAGE)
    before = contents(lightship)
    lose(lightship, "interactions", "source_offset % 3 = 0")
    lose(lightship, "context_spans", "source_offset % 4 = 1")
    lose(lightship, "content_records", "source_offset % 2 = 1")
    lose(lightship, "ledger", "offset % 5 IN (2, 3)")
    assert lightship.lightship("ledger").returncode == 1

    code, planned = replayed(lightship, "--dry-run")
    assert (code, planned["messages"]) == (0, 0)
    assert planned["unaccounted"] > 0

    code, report = replayed(lightship)
    assert (code, report["left"], report["gone"]) == (0, [], [])
    assert report["messages"] == planned["unaccounted"]
    after = contents(lightship)
    assert changed(before, after) <= AT_ONCE
    for all_rows in (before, after):
        all_rows["interactions"] = {
            key: row for key, row in all_rows["interactions"].items() if row["service"] in SPOKEN
        }
    assert changed(before, after) == set()
    stored(lightship, journey)
    aggregated(lightship, journey)
    accounted_for(lightship, journey)


def test_what_a_second_span_added_to_a_lost_row_is_added_again(lightship: Running) -> None:
    bare = {**chat(), "gen_ai.response.id": "of-both"}
    told = {k: v for k, v in bare.items() if not k.endswith("messages")}
    requests = (
        traces(span(told, span_id=41, parent=1, start_s=0.1, duration_s=0.5), scope="com.openai.sdk.python"),
        traces(span(bare, span_id=1)),
    )
    for request in requests:
        posted = httpx.post(
            f"{lightship.gateway}/v1/traces",
            content=request.SerializeToString(),
            headers={"content-type": "application/x-protobuf", "lightship-lineage": "evaluation-twice"},
        )
        assert posted.status_code == 200
        wait("it is read", lightship._read)
    rows = "SELECT span_id, output_text FROM interactions FINAL WHERE lineage = 'evaluation-twice'"
    before = lightship.rows(rows)
    assert before == [(f"{41:016x}", "A ship that is a lighthouse.")]
    lose(lightship, "interactions", "lineage = 'evaluation-twice'")
    assert lightship.rows(rows) == []
    code, report = replayed(lightship)
    assert (code, report["messages"]) == (0, 1)
    assert lightship.rows(rows) == before


def test_another_tenant_and_another_topic_are_left_alone(lightship: Running) -> None:
    lose(lightship, "ledger", "offset = 0")
    _, report = replayed(lightship, "--tenant", "somebody-else")
    assert report["messages"] == 0
    assert report["of_other_tenants"] == report["unaccounted"] > 0
    logs = {r["topic"] for r in replayed(lightship, "--dry-run", "--topic", "otlp_logs")[1]["left"]}
    assert logs == {"otlp_logs"}
    code, report = replayed(lightship)
    assert (code, report["ok"]) == (0, True)


def test_a_topic_without_records_is_refused(lightship: Running) -> None:
    wrong = lightship.lightship("replay", "--from-kafka", "--topic", "ticks")
    assert wrong.returncode == 2
    assert "otlp_spans" in wrong.stderr
