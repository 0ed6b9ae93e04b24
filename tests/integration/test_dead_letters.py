"""Dead letters on a real broker: listed, shown, sent again once, and accounted for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from kafka import KafkaProducer, TopicPartition

from detectors.record import Record
from detectors.scorers.protocol import Scores
from infra.clock import SystemClock
from infra.embedded.pair import broker_spec, kafka_address
from infra.kafka import DEAD_LETTERS, LOGS, SPANS, create_topics
from infra.settings import KafkaSettings
from ingest.agents.score.account import RETRIED
from ingest.agents.score.scoring import Scoring
from ingest.agents.score.stage import ScoreStage
from ingest.errors import BadRecord
from ingest.messages import Output, RawMessage
from ingest.operations.dead_letters.command import listed, sent_again, shown
from ingest.operations.dead_letters.reader import Wanted, letters
from ingest.operations.dead_letters.retry import retry
from ingest.repository.stage_store import MemoryStore
from ingest.repository.tables import INTERACTIONS, LEDGER
from ingest.topics.reader import log_reader
from tests.embedded_pair import start
from tests.ingest.raw import HASH_KEY, PARTITIONS, SCORING, SETTINGS, SPECS, raw, score_records, score_traces
from tests.ingest.telemetry import chat, span, traces

pytestmark = pytest.mark.integration

GOOD, BAD = "all is well", "unscorable"


def forgiving(records: Sequence[Record]) -> list[Scores]:
    """The scorer, repaired."""
    return [{} if BAD in (r.prompt or "") else score_records([r])[0] for r in records]


REPAIRED = Scoring(forgiving, score_traces, SPECS, {"small": "2"})


@dataclass
class Topics:
    """A broker of one's own: the topics have fixed names."""

    settings: KafkaSettings

    def put(self, outputs: Sequence[Output]) -> None:
        producer = KafkaProducer(bootstrap_servers=self.settings.bootstrap, enable_idempotence=False)
        for o in outputs:
            if o.topic == DEAD_LETTERS.name:
                producer.send(o.topic, key=o.key, value=o.value, partition=o.partition)
        producer.flush()
        producer.close()

    def again(self, partition: int, *keys: str) -> list[RawMessage]:
        """What was sent again of these letters, in order."""
        place = TopicPartition(SPANS.name, partition)
        found: list[Any] = []
        with log_reader(self.settings, "test") as consumer:
            consumer.assign([place])
            consumer.seek(place, 0)
            while got := consumer.poll(2000).get(place, ()):
                found.extend(got)
        messages = [
            RawMessage(m.topic, m.partition, m.offset, m.value, m.key, dict(m.headers)) for m in found
        ]
        return [m for m in messages if m.headers["lightship-dead-letter"].decode() in keys]


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topics]:
    home = tmp_path_factory.mktemp("dead_letters")
    running, spec = start(home, broker_spec)
    try:
        settings = KafkaSettings(bootstrap=kafka_address(spec), partitions=PARTITIONS)
        create_topics(settings, (SPANS, LOGS, DEAD_LETTERS))
        yield Topics(settings)
    finally:
        running.stop()


def test_letters_are_listed_shown_sent_again_once_and_accounted_for(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTSHIP_KAFKA", topics.settings.bootstrap)
    monkeypatch.setenv("LIGHTSHIP_CLICKHOUSE", "http://nowhere:1")
    store = MemoryStore()
    broken = ScoreStage(store, SCORING, SETTINGS, HASH_KEY)
    calls = [span(chat(BAD if i % 2 else GOOD), span_id=i) for i in range(1, 5)]
    batch = [raw(SPANS.name, 1, 0, traces(*calls)), raw(SPANS.name, 0, 0, b"\xff", records=3)]
    unredacted = RawMessage(
        SPANS.name, 0, 1, traces(span(chat("hunter2"))).SerializeToString(),
        headers={k: v for k, v in batch[0].headers.items() if k != "lightship-redacted"},
    )  # fmt: skip
    outputs = broken.process([*batch, unredacted])
    topics.put(outputs)
    topics.put(outputs)  # a re-run after a crash writes them again
    topics.put([Output(DEAD_LETTERS.name, b"observations/0/9", b"\x07?", 0)])

    report = listed(None, Wanted(), 50)
    assert report["total"] == 5
    assert report["kinds"] == {"scorer_failed": 2, "not_otlp": 1, "not_redacted": 1, "unreadable": 1}
    assert {k["service"] for k in report["letters"] if k["kind"] == "scorer_failed"} == {"harbour-chat"}
    key = "otlp_spans/1/0/0"
    letter = shown(None, key)
    assert BAD in str(letter["record"])
    assert "cannot be scored" in letter["reason"]
    assert shown(None, "otlp_spans/0/1")["record"] is None
    assert "hunter2" not in str(shown(None, "otlp_spans/0/1"))

    done = retry(topics.settings, Wanted(kind="scorer_failed"), SystemClock())
    assert (done.letters, done.records) == (2, 2)
    again = topics.again(1, key, "otlp_spans/1/0/2")
    repaired = ScoreStage(store, REPAIRED, SETTINGS, HASH_KEY)
    moved = [RawMessage(m.topic, m.partition, 1 + i, m.value, m.key, m.headers) for i, m in enumerate(again)]
    assert not [o for o in repaired.process(moved) if o.topic == DEAD_LETTERS.name]
    rows = [dict(zip(LEDGER.names, row, strict=True)) for row in store.rows(LEDGER)]
    at = [r for r in rows if (r["topic"], r["partition"]) == (SPANS.name, 1)]
    assert [(r["received"], r["stored"], r["dead_lettered"]) for r in at] == [(4, 2, 2), (1, 1, 0), (1, 1, 0)]
    assert [r["reasons"].get(RETRIED) for r in at] == [None, 1, 1]
    assert len(store.rows(INTERACTIONS)) == 4
    original = batch[0].headers
    for name in ("lightship-tenant", "lightship-lineage", "lightship-received-at", "lightship-redacted"):
        assert {m.headers[name] for m in again} == {original[name]}

    nothing = sent_again(None, Wanted(), everything=True, force=False)
    assert nothing == {
        "retried": 1,  # not OTLP, but redacted: what it is, the worker says again
        "records": 3,
        "left": {"it was retried already": 2, "its bytes were not kept": 2},
    }
    forced = retry(topics.settings, Wanted(keys=frozenset([key])), SystemClock(), force=True)
    assert forced.letters == 1
    with pytest.raises(BadRecord, match="no dead letter"):
        shown(None, "otlp_spans/9/9")


def test_killed_before_the_mark_a_second_run_stores_nothing_twice(topics: Topics) -> None:
    store = MemoryStore()
    broken = ScoreStage(store, SCORING, SETTINGS, HASH_KEY)
    outputs = broken.process([raw(SPANS.name, 0, 500, traces(span(chat(BAD), span_id=77)))])
    topics.put(outputs)
    key = "otlp_spans/0/500/0"
    only = Wanted(keys=frozenset([key]))
    retry(topics.settings, only, SystemClock())
    retry(topics.settings, only, SystemClock(), force=True)  # as if the mark had not been written
    twice = topics.again(0, key)
    assert len(twice) == 2
    repaired = ScoreStage(store, REPAIRED, SETTINGS, HASH_KEY)
    repaired.process(
        [RawMessage(m.topic, 0, 501 + i, m.value, m.key, m.headers) for i, m in enumerate(twice)]
    )
    rows = [dict(zip(LEDGER.names, row, strict=True)) for row in store.rows(LEDGER)]
    assert [(r["stored"], r["duplicate"], r["dead_lettered"]) for r in rows] == [
        (0, 0, 1),
        (1, 0, 0),
        (0, 1, 0),
    ]
    assert next(k for k in letters(topics.settings) if k.key == key).retried_ns is not None
