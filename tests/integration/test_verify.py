"""``lightship verify`` on the real store engine: after kills, and after tampering with each table."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client
from kafka import KafkaProducer

from alerts.allow_rules.rule import preview, requested_rule, secrets_of
from alerts.incidents.lifecycle import fresh
from alerts.incidents.timing import Timing
from alerts.repository.incidents import IncidentRepository
from detectors.finding import Finding
from detectors.observation import Mark, Observation, decode, encode
from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor
from detectors.scorers import SPECS
from infra import clickhouse
from infra.kafka import OBSERVATIONS, create_topics
from infra.sections import DetectionSettings
from infra.settings import KafkaSettings, Settings
from ingest.agents.detect.run_config import RunConfig, engine
from ingest.agents.detect.stage import DetectStage
from ingest.agents.detect.writer import ClickHouseDetectStore
from ingest.agents.score.stage import ScoreStage
from ingest.errors import BadRecord
from ingest.messages import RawMessage
from ingest.operations.verify.archive import Archive
from ingest.operations.verify.check import Verdict
from ingest.operations.verify.command import report, show, verified
from ingest.operations.verify.logs import LOGS_BY_ROOM, OBSERVED
from ingest.otlp.redact_otlp import RequestRedactor
from ingest.repository.writer import ClickHouseStore
from tests.at_length import at_length
from tests.databases import drop, fresh_database
from tests.detectors.test_watcher import refusals_in_spanish
from tests.detectors.traffic import DAY, START, Row, World, observation
from tests.ingest.raw import HASH_KEY, SCORING, SETTINGS
from tests.ingest.raw import raw as raw_message
from tests.ingest.telemetry import chat, logs, span, traces
from tests.ingest.telemetry import log as log_record
from tests.ingest.test_detect_stage import log_of, mark, raw, said

pytestmark = pytest.mark.integration

AT_ONCE = 40


@dataclass
class Stored:
    """Stage 2 has written all of a log to a database of its own."""

    client: Client
    settings: Settings
    ids: list[str]

    def verify(self, *, whole: bool = False) -> list[Verdict]:
        return verified(Archive(self.client, 13), self.settings, self.ids, whole=whole)


@pytest.fixture(scope="module")
def log() -> list[RawMessage]:
    return raw(log_of(World(seed=1, per_day=150, days=15, refusal=0.01, change=refusals_in_spanish)))


@pytest.fixture
def empty(store: str) -> Iterator[Stored]:
    """A database in which nothing is stored yet."""
    own = fresh_database(store, "verify")
    client = clickhouse.connect(own)
    yield Stored(client, Settings(store=own, kafka=KafkaSettings(partitions=2)), [])
    client.close()
    drop(own)


def stage(on: Stored) -> DetectStage:
    """Stage 2 over the database, as a worker that starts with its settings."""
    e, kept = engine(on.settings), ClickHouseDetectStore(on.client)
    return DetectStage(kept, e.config, e.partitions, e.lateness_ns, e.limits, run=RunConfig.of(on.settings))


@pytest.fixture
def stored(empty: Stored, log: Sequence[RawMessage]) -> Stored:
    client, settings = empty.client, empty.settings
    running, ids = stage(empty), []
    for at in range(0, len(log), AT_ONCE):
        ids += [json.loads(f)["finding_id"] for f in said(running.process(log[at : at + AT_ONCE]))]
        if at % (3 * AT_ONCE) == 0:
            running.snapshot()
        if at % (5 * AT_ONCE) == 0:  # killed: what comes after its last snapshot is applied again
            running = stage(empty)
            begin = at // (3 * AT_ONCE) * 3 * AT_ONCE + AT_ONCE
            running.process(log[begin : at + AT_ONCE])
    assert ids
    return Stored(client, settings, sorted(set(ids)))


def first(verdicts: Sequence[Verdict]) -> str:
    """What the first finding that differs says."""
    return next((v.difference.text() for v in verdicts if v.difference), "")


def test_all_is_verified_after_kills_and_says_from_what(stored: Stored) -> None:
    for whole in (False, True):
        verdicts = stored.verify(whole=whole)
        assert first(verdicts) == ""
        text = show(verdicts, explained=True)
        assert "the beginning of the log" in text
        assert "log evidence" in text
        told = report(verdicts)
        assert told["verified"]
        assert {f["finding_id"] for f in told["findings"]} == set(stored.ids)
    assert stored.client.query("SELECT count() FROM kept_snapshots").result_rows[0][0] > 0


def one_more_refusal(blob: bytes) -> bytes:
    message = decode(blob)
    assert isinstance(message, Observation)
    column = message.scores["refusal"]
    rows = (1 - column.rows[0], *column.rows[1:])
    return encode(replace(message, scores={**message.scores, "refusal": replace(column, rows=rows)}))


def test_a_changed_row_of_the_log_is_named_by_the_original_in_kafka(
    stored: Stored, log: Sequence[RawMessage], shared_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offset = max(m.offset for m in log[:-60] if isinstance(decode(m.value), Observation))
    blob = one_more_refusal(log[offset].value)
    stored.client.command(
        f"ALTER TABLE observations UPDATE blob = unhex('{blob.hex()}') WHERE offset = {offset} "
        "SETTINGS mutations_sync = 2"
    )
    where = f"observations, partition 0 offset {offset} (observation), blob"
    assert first(stored.verify()).startswith(f"{where}: expected ")
    topic = replace(OBSERVATIONS, name=f"verify-{uuid.uuid4().hex[:8]}")
    kafka = KafkaSettings(bootstrap=shared_broker, partitions=2)
    create_topics(kafka, (topic,))
    producer = KafkaProducer(bootstrap_servers=shared_broker, enable_idempotence=False, acks="all")
    for message in log[: offset + 1]:
        producer.send(topic.name, value=message.value, partition=0)
    producer.flush(60)
    producer.close()
    monkeypatch.setitem(LOGS_BY_ROOM, OBSERVED.room, replace(OBSERVED, topic=topic))
    stored.settings = replace(stored.settings, kafka=kafka)
    assert first(stored.verify()).startswith(f"{where}, scores.refusal of row 0: expected ")


LATENESS = """replace(body, '"lateness_s": 120.0', '"lateness_s": 60.0')"""
SEVERITY = """replace(body, '"severity":"page"', '"severity":"info"')"""


@pytest.mark.parametrize(
    ("table", "change", "named"),
    at_length(
        [
            (
                "observations",
                "DELETE WHERE offset = 300",
                "partition 0 offset 300: expected rows, found none",
            ),
            ("run_configs", f"UPDATE body = {LATENESS}", "detection.lateness_s: expected 120.0, found 60.0"),
            ("baselines", "UPDATE count = arrayMap(c -> c + 1, count)", "count[0]: expected "),
            ("kept_snapshots", "UPDATE blob = concat(blob, 'x')", "snapshot at offset "),
            ("findings", "UPDATE effect = effect / 2", ", effect: expected "),
            ("findings", f"UPDATE body = {SEVERITY}", "body, severity: expected page, found info"),
            ("evidence", "UPDATE chain = 'x'", ", chain: expected "),
        ],
        2,
    ),
)
def test_what_was_changed_in_a_table_is_named(stored: Stored, table: str, change: str, named: str) -> None:
    where = "" if "WHERE" in change else " WHERE 1"
    stored.client.command(f"ALTER TABLE {table} {change}{where} SETTINGS mutations_sync = 2")
    told = first(stored.verify())
    assert told.startswith(f"{table}, ")
    assert named in told


LOST = ("findings", "evidence", "observations", "kept_snapshots", "baselines", "interactions")
"""Tables that lose rows with time."""


def hold(held: Stored, finding_id: str, lost: Sequence[str] = LOST) -> None:
    """What a person's hold does for the incident of one finding, and time after it."""
    ((body,),) = held.client.query(
        "SELECT body FROM findings FINAL WHERE finding_id = {id:String}", {"id": finding_id}
    ).result_rows
    log = IncidentRepository(lambda: clickhouse.connect(held.settings.store))
    log.legal_hold_usage().keep(fresh(Finding.from_dict(json.loads(body)), Timing()))
    log.close()
    for table in lost:
        held.client.command(f"TRUNCATE TABLE {table}")


@pytest.mark.long
def test_a_held_finding_is_verified_from_the_copies_when_all_else_is_gone(stored: Stored) -> None:
    mine = stored.ids[-1]
    assert all(v.held == {} for v in stored.verify())
    hold(stored, mine)
    stored.ids = [mine]
    (verdict,) = stored.verify()
    assert verdict.difference is None
    assert {"findings", "evidence", "observations"} <= set(verdict.held)
    assert verdict.held["findings"] == 1
    told = report([verdict])["findings"][0]
    assert told["held"] == dict(verdict.held)
    n = verdict.held["observations"]
    assert verdict.path is not None
    assert n == verdict.path.messages
    assert f"the rows being gone: {told['held'].get('baselines', 0)} of baselines" in show(
        [verdict], explained=False
    )


@pytest.mark.long
def test_gaps_of_the_log_are_filled_with_copies_and_others_are_named(stored: Stored) -> None:
    mine = stored.ids[-1]
    hold(stored, mine, lost=())
    stored.ids = [mine]
    keys = stored.client.query("SELECT key FROM held_rows WHERE source = 'observations'").result_rows
    places = sorted(tuple(map(int, key.split())) for (key,) in keys)
    lost = [offset for _, offset in places if offset % 2]
    partition, middle = places[0][0], lost[len(lost) // 2]
    gone = "ALTER TABLE {} DELETE WHERE {} SETTINGS mutations_sync = 2"
    here = f"partition = {partition} AND offset IN ({', '.join(map(str, lost))})"
    stored.client.command(gone.format("observations", here))
    (verdict,) = stored.verify()
    assert verdict.difference is None
    assert dict(verdict.held) == {"observations": len(lost)}
    stored.client.command(
        gone.format("held_rows", f"source = 'observations' AND key = '{partition} {middle}'")
    )
    told = first(stored.verify())
    assert told.startswith("observations, ")
    assert str(middle) in told


def slow_from(minute: int, minutes: int) -> Iterator[Observation | Mark]:
    """Two learned days of a call every four seconds, then calls five times as slow, of one user each."""
    draw, specs = np.random.default_rng(3), {"latency_s": SPECS["latency_s"]}
    before = range(START, minute - 20, 5)
    for offset, at in enumerate((*before, *range(minute - 20, minute + minutes))):
        n = 75 if at in before else 15
        latencies = np.exp(draw.normal(0.2, 0.5, n)) * (5.0 if at >= minute else 1.0)
        whole = observation([Row(at, {}, {"latency_s": float(v)}) for v in latencies], offset, specs=specs)
        who = tuple(int(w) for w in draw.integers(1, 2**62, n))
        when = tuple(int(t) for t in np.sort(draw.integers(0, 60_000, n)))
        yield replace(whole, users=who, conversations=who, at_ms=when)
        yield mark(0, offset + 1, at)


def test_a_value_of_the_fast_path_is_verified_from_the_original_and_from_held_copies(empty: Stored) -> None:
    one = KafkaSettings(partitions=1)
    empty.settings = replace(empty.settings, kafka=one, detection=DetectionSettings(learn_days=2))
    change = START + 2 * DAY + 37
    running, told = stage(empty), list[dict[str, Any]]()
    log = raw(list(slow_from(change, 20)))
    for at in range(0, len(log), AT_ONCE):  # the change comes as it is sent, so that ticks are open
        step = AT_ONCE if at < len(log) - 80 else 1
        for k in range(at, min(at + AT_ONCE, len(log)), step):
            told += [json.loads(f) for f in said(running.process(log[k : k + step]))]
        running.snapshot()
    assert told[0]["detector"].startswith("fast_values.")
    assert (told[0]["score"], told[0]["status"]) == ("latency_s", "provisional")
    assert told[0]["log_to"] < len(log) - 20  # while the change goes on
    empty.ids = sorted({f["finding_id"] for f in told})
    for whole in (False, True):
        assert first(empty.verify(whole=whole)) == ""
    mine = told[0]["finding_id"]
    hold(empty, mine)
    empty.ids = [mine]
    (verdict,) = empty.verify()
    assert verdict.difference is None
    assert {"findings", "evidence", "observations"} <= set(verdict.held)
    slower = r"replaceRegexpOne(body, '(current_value[^0-9]+)[0-9.]+', '\\199.0')"
    empty.client.command(
        f"ALTER TABLE held_rows UPDATE body = {slower} WHERE source = 'findings' SETTINGS mutations_sync = 2"
    )
    assert "current_value: expected " in first(empty.verify())


def test_a_copy_is_believed_no_more_than_the_row_was(stored: Stored) -> None:
    mine = stored.ids[-1]
    hold(stored, mine)
    stored.ids = [mine]
    changed = 'ALTER TABLE held_rows UPDATE body = replaceOne(body, \'"blob":"\', \'"blob":"AAAA\')'
    of = "source = 'observations' AND key IN (SELECT max(key) FROM held_rows WHERE source = 'observations')"
    stored.client.command(f"{changed} WHERE {of} SETTINGS mutations_sync = 2")
    assert first(stored.verify()).startswith("observations, ")
    stored.client.command("TRUNCATE TABLE holds")  # released
    with pytest.raises(BadRecord, match="no finding or incident"):
        stored.verify()


def test_policy_hits_follow_from_the_stored_interactions(empty: Stored) -> None:
    plain = {k: v for k, v in chat().items() if not k.endswith("messages")}
    spans = traces(
        span(chat("q", "hunter2"), span_id=1),
        span(chat("q", "hunter2 again"), span_id=2, start_s=1),
        span(plain, span_id=3, start_s=120),
    )
    said_later = {"index": 0, "message": {"content": "hunter2"}}
    late = logs(log_record("gen_ai.choice", body=said_later, span_id=3, at_s=120.9))
    messages = [raw_message("otlp_spans", 0, 7, spans), raw_message("otlp_logs", 0, 4, late)]
    ScoreStage(ClickHouseStore(empty.client), SCORING, SETTINGS, HASH_KEY).process(messages)
    empty.ids = Archive(empty.client, 13).of_lineage("live")
    assert len(empty.ids) == 2
    assert first(empty.verify()) == ""
    for change, named in (
        ("score_secrets = 0", "score_secrets: expected 0.5 or more, found 0.0"),
        ("score_secrets = NULL", "score_secrets: expected 0.5 or more, found nothing"),
    ):
        empty.client.command(f"ALTER TABLE interactions UPDATE {change} WHERE 1 SETTINGS mutations_sync = 2")
        told = [v.difference.text() for v in empty.verify() if v.difference]
        assert len(told) == 2
        assert all(t.startswith("interactions, interaction ") and t.endswith(named) for t in told)


def test_the_secrets_of_hits_are_named_by_pseudonym_and_an_allow_rule_is_previewed_on_them(
    empty: Stored,
) -> None:
    """Over the real store: what stage 1 wrote is what the alerts service reads."""
    spans = traces(
        span(chat("q", "hunter2: AKIAQWERTYUIOP234567"), span_id=1),
        span(chat("q", "hunter2 again: AKIAQWERTYUIOP234567"), span_id=2, start_s=120),
        span(chat("q", "hunter2: AKIAPOIUYTREWQ765432"), span_id=3, start_s=240),
    )
    RequestRedactor(Redactor(RedactionPolicy(), Pseudonymiser(HASH_KEY))).request(spans)
    messages = [raw_message("otlp_spans", 0, 7, spans)]
    ScoreStage(ClickHouseStore(empty.client), SCORING, SETTINGS, HASH_KEY).process(messages)
    incidents = IncidentRepository(lambda: empty.client)
    found = incidents.policy_findings("default", "live", 0)
    texts = [t for (t,) in empty.client.query("SELECT output_text FROM interactions").result_rows]
    named = [secrets_of(f) for f in found]
    assert all(len(n) == 1 and any(n[0] in t for t in texts) for n in named)
    assert len(set(named)) == 2
    asked = {"secrets": max(named, key=named.count)[0], "service": "*"}
    rule = requested_rule("default", asked, "ana", "an example", time.time_ns(), 86_400)
    assert preview([rule], found) == {"hits": 3, "covered": 2, "unknown": 0}
    over = rule.over("bo", "it is real", rule.made_ns + 1)
    for row in (rule, over, rule):  # written again after a failure
        incidents.store_allow_rule(row)
    assert incidents.allow_rules().all == (over,)
    empty.ids = Archive(empty.client, 13).of_lineage("live")
    assert first(empty.verify()) == ""
    forged = "replaceOne(body, 'holds [aws_', 'holds [aws_0')"
    empty.client.command(f"ALTER TABLE findings UPDATE body = {forged} WHERE 1 SETTINGS mutations_sync = 2")
    assert first(empty.verify()).startswith("findings, ")
    gone = "ALTER TABLE interactions UPDATE output_text = NULL WHERE 1 SETTINGS mutations_sync = 2"
    empty.client.command(gone)  # texts expire before scores do
    assert first(empty.verify()) == ""


def test_a_held_policy_hit_follows_from_the_copies(empty: Stored) -> None:
    spans = traces(
        span(chat("q", "hunter2"), span_id=1), span(chat("q", "hunter2 again"), span_id=2, start_s=1)
    )
    messages = [raw_message("otlp_spans", 0, 7, spans)]
    ScoreStage(ClickHouseStore(empty.client), SCORING, SETTINGS, HASH_KEY).process(messages)
    empty.ids = Archive(empty.client, 13).of_lineage("live")
    (mine,) = empty.ids
    hold(empty, mine)
    (verdict,) = empty.verify()
    assert verdict.difference is None
    assert dict(verdict.held) == {"findings": 1, "interactions": 2}


def test_what_nobody_stored_is_said(empty: Stored) -> None:
    empty.ids = ["0123456789abcdef"]
    with pytest.raises(BadRecord, match="no finding or incident '0123456789abcdef'"):
        empty.verify()
