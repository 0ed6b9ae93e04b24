"""Stage 1, its account and its questions on the real store engine."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from google.protobuf.message import Message
from kafka import KafkaConsumer, KafkaProducer

from detectors.counts.aggregate import SeriesKey
from detectors.counts.series_rows import CellRow
from detectors.observation import ServiceKey
from infra import clickhouse
from infra.embedded.pair import broker_spec, kafka_address
from infra.kafka import LOGS, SPANS, create_topics
from infra.kafka import SETTINGS as SETTINGS_TOPIC
from infra.settings import KafkaSettings
from ingest.agents.detect.writer import ClickHouseDetectStore
from ingest.agents.score import settings_reader
from ingest.agents.score.settings_reader import SettingsReader
from ingest.agents.score.stage import ScoreStage
from ingest.errors import Unavailable
from ingest.messages import RawMessage
from ingest.operations.importing.findings import findings_of, would_have_paged
from ingest.operations.ledger.proof import next_offsets, report
from ingest.operations.ledger.read import read_accounts, read_holes, remember_holes
from ingest.operations.ledger.topic_ends import log_ends
from ingest.otlp.assembly.assemble import EVALUATION_EVENT
from ingest.repository.stage_store import MemoryStore, SpanQuery, StageStore
from ingest.repository.tables import (
    CONTENT_RECORDS,
    CONTEXT_SPANS,
    FINDINGS,
    INTERACTIONS,
    JUDGEMENTS,
    LEDGER,
    TRACES,
    Row,
    Table,
)
from ingest.repository.writer import ClickHouseStore
from ingest.stage_settings import ContextScope, StageSettings
from ingest.topics.dead_letter import read as read_letter
from tests.databases import fresh_database
from tests.embedded_pair import start
from tests.ingest.raw import HASH_KEY, PARTITIONS, RECEIVED_NS, SCORING, SETTINGS, observations, raw
from tests.ingest.telemetry import START_NS, chat, log, logs, span, traces

pytestmark = pytest.mark.integration

TABLES = (INTERACTIONS, CONTEXT_SPANS, CONTENT_RECORDS, JUDGEMENTS, TRACES, LEDGER, FINDINGS)


@pytest.fixture(scope="module")
def database(store: str) -> Iterator[Client]:
    settings = fresh_database(store, "score_stage")
    opened = clickhouse.connect(settings)
    yield opened
    opened.close()


@pytest.fixture
def client(database: Client) -> Client:
    for table in TABLES:
        database.command(f"TRUNCATE TABLE {table.name}")
    return database


def stage(store: StageStore) -> ScoreStage:
    return ScoreStage(store, SCORING, SETTINGS, HASH_KEY)


def stored(client: Client, table: Table) -> list[Row]:
    names = ", ".join(f"`{n}`" for n in table.names)
    order = ", ".join(table.key)
    sql = f"SELECT {names} FROM {table.name} FINAL ORDER BY {order}"  # noqa: S608
    return list(client.query(sql, query_formats={"DateTime64": "int"}).result_rows)


def plain(rows: list[Row]) -> list[list[object]]:
    """Rows with sequences as lists, whichever store they come from."""
    return [[list(v) if isinstance(v, tuple) else v for v in row] for row in rows]


def stream(seed: int, n: int) -> list[RawMessage]:
    """Traces of agents over both partitions, half of them with content in log records, some sent twice."""
    rng = random.Random(seed)
    out: list[RawMessage] = []
    offsets: dict[tuple[str, int], int] = {}
    bare = {k: v for k, v in chat().items() if not k.endswith("messages")}

    def put(topic: str, partition: int, request: Message) -> None:
        offset = offsets.get((topic, partition), 0)
        offsets[topic, partition] = offset + 1
        out.append(raw(topic, partition, offset, request))

    for t in range(n):
        name, p = f"{t + 1:032x}", t % PARTITIONS
        late = rng.random() < 0.5
        call = (
            bare
            if late
            else chat(f"¿{t}?", "hunter2" if rng.random() < 0.2 else "Sí, señor: \u2713 \\ '\t\n")
        )
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
        children = traces(
            span(call, span_id=1, parent=9, trace=name, start_s=t * 0.01),
            span(tool, span_id=2, parent=9, trace=name, start_s=t * 0.01, error="no" if t % 7 == 0 else None),
        )
        agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "pilot"}
        root = traces(span(agent, span_id=9, trace=name, start_s=t * 0.01, duration_s=2))
        said = logs(
            log("gen_ai.user.message", body={"content": f"Question {t}"}, trace=name),
            log("gen_ai.choice", body={"message": {"content": f"Answer {t}"}}, trace=name, at_s=0.9),
            log("app.event", body="nothing of ours", trace=name),
        )
        pieces: list[tuple[str, Message]] = [("otlp_spans", children), ("otlp_spans", root)]
        if late:
            pieces.insert(rng.randrange(3), ("otlp_logs", said))
        if rng.random() < 0.3:
            pieces.append(pieces[0])
        if rng.random() < 0.6:
            pieces.insert(rng.randrange(len(pieces) + 1), ("otlp_logs", evaluation(name, t)))
        for topic, request in pieces:
            put(topic, p, request)
    return out


def evaluation(trace: str, t: int) -> Message:
    """A judgement of the call, of the run or of the whole trace, with a number or a label."""
    said: dict[str, Any] = {"gen_ai.evaluation.name": "fit \\ ✓", "gen_ai.evaluation.explanation": "'tis\n"}
    said["gen_ai.evaluation.score." + ("value" if t % 2 else "label")] = t / 40 if t % 2 else "naïve"
    span_id = (1, 9, None)[t % 3]
    return logs(log(EVALUATION_EVENT, attributes=said, span_id=span_id, trace=trace, at_s=0.9))


def test_judgements_are_found_by_what_they_name_and_never_far_away(client: Client) -> None:
    answer = {**chat(), "gen_ai.response.id": "resp-'1", "gen_ai.conversation.id": "[session:1]"}
    spans = raw("otlp_spans", 0, 0, traces(span(answer)))
    day = 86_400.0

    def of(name: str, at_s: float, **named: Any) -> Message:
        attributes = {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": 1, **named}
        return logs(log(EVALUATION_EVENT, attributes=attributes, span_id=None, trace=None, at_s=at_s))

    requests = (
        of("response", day, **{"gen_ai.response.id": "resp-'1"}),
        of("session", 20 * day, **{"session.id": "[session:1]"}),
        of("much later", 40 * day, **{"session.id": "[session:1]"}),
        logs(log(EVALUATION_EVENT, attributes={"gen_ai.evaluation.name": "span"}, at_s=10 * day)),
    )
    days = (1, 20, 40, 10)
    messages = [
        spans,
        *(
            raw("otlp_logs", 1, n, r, received_ns=RECEIVED_NS + days[n] * 86_400 * 10**9)
            for n, r in enumerate(requests)
        ),
    ]
    memory, real = MemoryStore(), ClickHouseStore(client)
    for message in messages:
        outputs = stage(memory).process([message])
        assert stage(real).process([message]) == outputs
        assert stage(real).process([message]) == outputs
    rows = stored(client, JUDGEMENTS)
    assert plain(rows) == plain(memory.rows(JUDGEMENTS))
    at = JUDGEMENTS.index
    met = {r[at["name"]]: bool(r[at["judged_span_id"]]) for r in rows}
    assert met == {"response": True, "session": True, "much later": False, "span": True}


def test_rows_outputs_and_account_are_those_of_the_store_in_memory(client: Client) -> None:
    messages = stream(seed=5, n=40)
    memory, real = MemoryStore(), ClickHouseStore(client)
    on_memory, on_real = stage(memory), stage(real)
    for at in range(0, len(messages), 9):
        batch = messages[at : at + 9]
        outputs = on_memory.process(batch)
        assert on_real.process(batch) == outputs
        assert stage(real).process(batch) == outputs  # from a process that knows nothing but the store
        on_memory.acknowledged(batch)
        on_real.acknowledged(batch)
    for table in TABLES:
        assert plain(stored(client, table)) == plain(memory.rows(table)), table.name
        assert memory.rows(table), table.name


def test_runs_without_a_root_and_calls_told_twice_are_found_by_where_they_came_from(client: Client) -> None:
    sdk = "com.openai.sdk.python"
    bare = {k: v for k, v in chat().items() if not k.endswith("messages")}
    answered = {**chat(), "gen_ai.response.id": "resp_0123456789"}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    other = "b7" * 16
    requests = (
        (0, traces(span(answered, span_id=1, parent=77))),
        (0, traces(span(bare, span_id=3, parent=1, start_s=0.1, duration_s=0.5), scope=sdk)),
        (1, traces(span({**answered, "x": 1}, span_id=5, trace=other), resource={"service.name": "proxy"})),
        (0, traces(span(tool, span_id=2, parent=77, start_s=2))),
        (0, traces(span(chat(), span_id=8, parent=7, trace="c1" * 16, start_s=900))),
        (0, traces(span({}, span_id=77, name="run", duration_s=9))),
    )
    offsets = [0, 0]
    memory, real = MemoryStore(), ClickHouseStore(client)
    on_memory = stage(memory)
    for partition, request in requests:
        message = raw("otlp_spans", partition, offsets[partition], request, received_ns=START_NS + 10**12)
        offsets[partition] += 1
        outputs = on_memory.process([message])
        on_memory.acknowledged([message])
        sent = stage(real).process([message])  # from a process that knows nothing but the store
        assert observations(sent) == observations(outputs)
        assert stage(real).process([message]) == sent
    for table in (INTERACTIONS, CONTEXT_SPANS, TRACES, LEDGER):
        assert plain(stored(client, table)) == plain(memory.rows(table)), table.name
    assert len(memory.rows(INTERACTIONS)) == 2
    (run,) = stored(client, TRACES)
    assert (run[TRACES.index["closed_by"]], run[TRACES.index["source_offset"]]) == ("idle", 3)


def test_the_ledger_balances_and_finds_what_is_missing(client: Client) -> None:
    lost = logs(log(EVALUATION_EVENT, attributes={"gen_ai.evaluation.name": "x"}, trace="f" * 32))
    messages = [*stream(seed=6, n=20)]
    ends = [m.offset for m in messages if (m.topic, m.partition) == ("otlp_logs", 0)]
    messages.append(raw("otlp_logs", 0, max(ends) + 1, lost))
    on = stage(ClickHouseStore(client))
    on.process(messages)
    accounts, tenants = read_accounts(client, 0)
    assert read_accounts(client, 1, recent=True) == (accounts, tenants)
    told = report(accounts, tenants, {k: n + 2 for k, n in next_offsets(accounts).items()})
    assert told["balanced"] is True
    assert {p["pending"] for p in told["partitions"]} == {2}
    assert {(p["topic"], p["partition"]) for p in told["partitions"]} == {
        (m.topic, m.partition) for m in messages
    }
    (tenant,) = told["tenants"]
    records = sum(int(m.headers["lightship-records"]) for m in messages)
    assert tenant["received"] == records == sum(p["received"] for p in told["partitions"])
    assert tenant["rejected"] == tenant["reasons"]["not_genai"] > 0
    assert tenant["duplicate"] > 0
    assert tenant["judgement_without_interaction"] == 1

    client.command("DELETE FROM interactions WHERE source_partition = 0 AND source_offset = 0")
    broken = report(*read_accounts(client, 0))
    assert broken["balanced"] is False
    assert [p["problems"] for p in broken["partitions"] if p["problems"]] == [
        ["1 messages have another number of rows stored than the account says"]
    ]
    client.command("DELETE FROM ledger WHERE topic = 'otlp_spans' AND partition = 0 AND offset = 1")
    gap = [p for p in report(*read_accounts(client, 0))["partitions"] if p["problems"]]
    assert any("have no account" in words for words in gap[0]["problems"])
    hole = {("otlp_spans", 0): [(1, 1)]}
    remember_holes(client, hole)
    remember_holes(client, hole)
    assert read_holes(client) == hole


def test_a_row_that_cannot_be_stored_costs_itself_alone(client: Client) -> None:
    store = ClickHouseStore(client)
    on = stage(MemoryStore())
    on.process([raw("otlp_spans", 0, 0, traces(*(span(chat(), span_id=i) for i in range(1, 8))))])
    rows = [list(r) for r in on._store.rows(INTERACTIONS)]  # type: ignore[attr-defined]
    rows[2][INTERACTIONS.index["input_tokens"]] = 1 << 40
    rows[5][INTERACTIONS.index["input_text"]] = "\ud800"
    assert [r.index for r in store.insert(INTERACTIONS, rows)] == [2, 5]
    assert len(stored(client, INTERACTIONS)) == 5


def test_a_row_of_detection_that_cannot_be_stored_costs_itself_alone(client: Client) -> None:
    store, month_s = ClickHouseDetectStore(client), 31 * 86_400
    key = ServiceKey("acme", "live", "", "chat")
    series = SeriesKey("interaction", "refusal", "all")
    good = CellRow(series, 1, month_s, 0, 3, 1.0, [0, 1], [2, 1], [])
    bad = [
        good._replace(start_s=1 << 60),
        good._replace(start_s=month_s * 2000),
        good._replace(n=-1),
        good._replace(cells=[1 << 40], counts=[1]),
        good._replace(series=replace(series, slice="language=\ud800")),
    ]
    rows = [good._replace(start_s=month_s * n) for n in range(1, 150)]
    store.write_cells([(key, row, 9) for row in (*rows[:70], *bad, *rows[70:])])
    stored = client.query("SELECT count() FROM cells WHERE tenant = 'acme' AND service = 'chat'").result_rows
    assert stored == [(len(rows),)]
    letters = [read_letter(output.value) for output in store.take_refused()]
    assert [x.kind for x in letters] == ["not_storable"] * len(bad)
    assert all(x.reason.startswith("cells: ") for x in letters)
    assert len({x.key() for x in letters}) == len(bad)
    assert store.take_refused() == []


def test_names_that_look_like_sql_are_only_names(client: Client) -> None:
    store = ClickHouseStore(client)
    evil = "x' OR 1=1 --\\"
    resource = {"service.name": evil}
    stage(store).process([raw("otlp_spans", 0, 0, traces(span(chat()), resource=resource), tenant=evil)])
    (row,) = stored(client, INTERACTIONS)
    ask = SpanQuery(evil, "live", frozenset({evil}), frozenset({row[INTERACTIONS.index["trace_id"]]}))
    assert len(store.find(INTERACTIONS, ask)) == 1
    assert store.find(INTERACTIONS, replace(ask, tenant="x")) == []
    assert store.has(CONTENT_RECORDS, evil, "live") is False


def test_a_table_that_is_missing_is_waited_for(client: Client) -> None:
    client.command("RENAME TABLE ledger TO ledger_away")
    try:
        with pytest.raises(Unavailable, match="ledger"):
            stage(ClickHouseStore(client)).process([raw("otlp_spans", 0, 0, traces(span(chat())))])
        with pytest.raises(Unavailable):
            read_accounts(client, 0)
    finally:
        client.command("RENAME TABLE ledger_away TO ledger")


def test_the_columns_of_the_code_are_those_of_the_migrations(client: Client) -> None:
    for table in (INTERACTIONS, CONTEXT_SPANS, CONTENT_RECORDS, TRACES, LEDGER):
        have = {str(r[0]): str(r[1]) for r in client.query(f"DESCRIBE TABLE {table.name}").result_rows}
        assert {n: t.replace(", ", ",") for n, t in table.columns} == {
            n: t.replace(", ", ",") for n, t in have.items()
        }


def test_policy_findings_are_those_an_import_would_have_paged_about(client: Client) -> None:
    message = raw("otlp_spans", 0, 0, traces(span(chat("q", "hunter2"))), lineage="import-1")
    stage(ClickHouseStore(client)).process([message])
    found = findings_of(client, "default", "import-1")
    assert [(f["score"], f["severity"], f["status"]) for f in would_have_paged(found)] == [
        ("secrets", "page", "confirmed")
    ]
    assert findings_of(client, "default", "live") == []


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[str]:
    """A broker of one's own: the raw topics have fixed names."""
    running, spec = start(tmp_path, broker_spec)
    try:
        yield kafka_address(spec)
    finally:
        running.stop()


def test_settings_are_read_to_their_end_and_followed(
    own_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = KafkaSettings(bootstrap=own_broker, partitions=PARTITIONS)
    create_topics(settings, (SETTINGS_TOPIC,))
    reader = SettingsReader(settings)
    reader.start()
    producer = KafkaProducer(bootstrap_servers=own_broker, enable_idempotence=False)
    try:
        assert reader.current(30) == StageSettings()
        scopes = [ContextScope("default", "live", f"desk/{n}", "com.openai.sdk") for n in range(700)]
        for scope in scopes:
            o = scope.to_output()
            producer.send(o.topic, key=o.key, value=o.value, partition=o.partition)
        producer.flush()
        again = SettingsReader(settings)
        again.start()
        assert set(again.current(30).context_scopes) == set(scopes)
        again.stop()
        _two_errors_do_not_end_reading(settings, set(scopes), monkeypatch)
        until = time.monotonic() + 30
        while reader.current() != StageSettings(700, dict.fromkeys(scopes, True)):
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        producer.close()
        reader.stop()


def _two_errors_do_not_end_reading(
    settings: KafkaSettings, scopes: set[ContextScope], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even such as Kafka's client does not document."""
    errors = iter((ValueError("odd"), struct.error("short")))

    def consumer(**options: object) -> KafkaConsumer:
        if (error := next(errors, None)) is not None:
            raise error
        return KafkaConsumer(**options)

    monkeypatch.setattr(settings_reader, "KafkaConsumer", consumer)
    monkeypatch.setattr(settings_reader, "RETRY_S", 0.1)
    reader = SettingsReader(settings)
    reader.start()
    try:
        assert set(reader.current(30).context_scopes) == scopes
    finally:
        reader.stop()


def test_the_ends_of_the_raw_topics_are_those_of_the_log(own_broker: str) -> None:
    settings = KafkaSettings(bootstrap=own_broker, partitions=PARTITIONS)
    create_topics(settings, (SPANS, LOGS))
    producer = KafkaProducer(bootstrap_servers=own_broker, linger_ms=50, enable_idempotence=False)
    for n in range(7):  # one batch of several: the embedded broker tells its start as the end
        producer.send(SPANS.name, value=b"x%d" % n, partition=1)
    producer.flush()
    producer.close()
    ends = log_ends(settings, {(SPANS.name, 1): 3})
    assert ends[SPANS.name, 1] == 7
    assert {k: n for k, n in ends.items() if n} == {(SPANS.name, 1): 7}


def test_calls_that_only_log_records_tell_of_are_made_once_counted_and_proven(client: Client) -> None:
    details = "gen_ai.client.inference.operation.details"
    told = {**chat(), "gen_ai.response.id": "chatcmpl-lightship-1"}
    nameless = log(
        details, attributes={**chat(), "gen_ai.response.id": "lightship-2"}, trace=None, span_id=None
    )
    later_ns = RECEIVED_NS + round(SETTINGS.detection.lateness_s * 1e9)
    messages = [
        raw("otlp_logs", 0, 0, logs(log(details, attributes=told))),
        raw("otlp_logs", 0, 1, logs(nameless)),
        raw("otlp_logs", 0, 2, b"", received_ns=later_ns),
        raw("otlp_spans", 0, 0, traces(span(told, parent=9)), received_ns=later_ns),
    ]
    memory, real = MemoryStore(), ClickHouseStore(client)
    for message in messages:
        outputs = stage(memory).process([message])  # each by a process that knows nothing but the store
        assert stage(real).process([message]) == outputs
        assert stage(real).process([message]) == outputs
    for table in (INTERACTIONS, CONTENT_RECORDS, LEDGER):
        assert plain(stored(client, table)) == plain(memory.rows(table)), table.name
    at = INTERACTIONS.index
    assert sorted((r[at["response_id"]][-1], r[at["duration_s"]]) for r in stored(client, INTERACTIONS)) == [
        ("1", 1.0),
        ("2", None),
    ]
    accounts, (tenant,) = read_accounts(client, 0)
    assert report(accounts, [tenant])["balanced"]
    assert (tenant["stored"], tenant["duplicate"], tenant["reasons"]) == (2, 1, {"event_calls": 2})
    client.command("DELETE FROM interactions WHERE span_id != '0000000000000001'")
    accounts, _ = read_accounts(client, 0)
    assert [a.row_mismatches for a in accounts if a.topic == "otlp_logs"] == [1]
