"""The relay's step: foreign messages in, redacted ones out, over a producer that keeps them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import orjson
import pytest
from aiokafka import codec as aiokafka_codec
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra import kafka
from infra.clock import NS_PER_S
from ingest.agents.relay import metrics
from ingest.agents.relay.relay import OLDEST_NS, Relay, read_request, received_at
from ingest.errors import BadRecord, Defect, Unavailable
from ingest.gateway.grouping import Grouper
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.intake import Intake
from ingest.gateway.key_file import Key, KeyFile, hash_of
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import MemoryProducer
from ingest.gateway.splitting import partition_of
from ingest.messages import Output, RawMessage
from ingest.otlp.redactors import Redactors
from ingest.otlp.views import span_views
from tests.at_length import examples
from tests.ingest.telemetry import chat, log, logs, span, traces

NOW_NS = 1_795_500_100_000_000_000
SPANS_IN, LOGS_IN = kafka.SPANS_IN.name, kafka.LOGS_IN.name
KEY, OTHER_KEY = b"a key of harbour", b"a key of nobody"
SECRET = "sk-proj-T3BlbkFJ-harbour-0123456789-abcdefgh"


@dataclass(slots=True)
class Kit:
    """A relay and what it wrote to."""

    relay: Relay
    producer: MemoryProducer
    counters: Metrics

    def take(self, *messages: RawMessage, stamped_ns: int = NOW_NS) -> list[Output | None]:
        async def all_at_once() -> list[Output | None]:
            return await asyncio.gather(*(self.relay.forward(m, stamped_ns) for m in messages))

        return asyncio.run(all_at_once())

    def of(self, outcome: str, topic: str = SPANS_IN) -> tuple[float, float]:
        return (
            self.counters.value(metrics.MESSAGES, topic, outcome),
            self.counters.value(metrics.RECORDS, topic, outcome),
        )


@pytest.fixture(name="kit")
def a_kit(tmp_path: Path) -> Kit:
    return make(tmp_path)


def make(home: Path, redactors: Redactors | None = None) -> Kit:
    producer, counters = MemoryProducer(), Metrics(metrics.ALL)
    intake = Intake(
        producer,
        Grouper(producer, counters, linger_s=0.01),
        redactors or Redactors(home),
        counters,
        partitions=4,
        now_ns=lambda: NOW_NS + 1,
    )
    keys = IngestKeys(KeyFile((Key("harbour", hash_of(KEY)),)))
    return Kit(Relay(intake, keys, counters, lambda: NOW_NS), producer, counters)


def message(
    value: bytes | Message, topic: str = SPANS_IN, *, offset: int = 0, **headers: bytes
) -> RawMessage:
    body = value.SerializeToString() if isinstance(value, Message) else value
    return RawMessage(topic, 3, offset, body, b"any", {k.replace("_", "-"): v for k, v in headers.items()})


def as_json(request: Message) -> bytes:
    """What the Collector writes as ``otlp_json``: ids are hexadecimal."""
    tree = MessageToDict(request)
    for group in tree["resourceSpans"]:
        for scope in group["scopeSpans"]:
            for s in scope["spans"]:
                s["traceId"], s["spanId"] = f"{7:032x}", f"{9:016x}"
    return json.dumps(tree).encode()


def test_a_message_goes_the_gateways_way(kit: Kit) -> None:
    spans = [span(chat(asked=f"my key is {SECRET}"), trace=f"{n + 1:032x}", span_id=n + 1) for n in range(9)]
    said = logs(log("gen_ai.choice", body="x"))
    assert kit.take(message(traces(*spans)), message(said, LOGS_IN)) == [None] * 2
    seen = Counter[str]()
    for sent in kit.producer.sent:
        assert SECRET.encode() not in sent.value
        assert sent.header("lightship-tenant") == "default"
        assert sent.header("lightship-lineage") == "live"
        assert sent.header("lightship-redacted")
        seen[sent.topic] += int(sent.header("lightship-records") or 0)
        if sent.topic == kafka.SPANS.name:
            for view in span_views(ExportTraceServiceRequest.FromString(sent.value)):
                assert partition_of(bytes.fromhex(view.trace_id), 4) == sent.partition
    assert seen == {kafka.SPANS.name: 9, kafka.LOGS.name: 1}
    assert (kit.of(metrics.RELAYED), kit.of(metrics.RELAYED, LOGS_IN)) == ((1, 9), (1, 1))


def test_messages_of_several_writers_share_one(kit: Kit) -> None:
    kit.take(*(message(traces(span(chat(), span_id=n + 1)), offset=n) for n in range(20)))
    (sent,) = kit.producer.sent
    assert sent.header("lightship-records") == "20"


def test_json_is_told_from_protobuf_by_its_first_byte(kit: Kit) -> None:
    assert kit.take(message(as_json(traces(span(chat()))))) == [None]
    (view,) = span_views(ExportTraceServiceRequest.FromString(kit.producer.sent[0].value))
    assert (view.trace_id, view.span_id) == (f"{7:032x}", f"{9:016x}")
    # a first resource of 123 bytes begins with a line break and a brace
    request = traces(span({}, name="x"), resource={"service.name": "s"})
    missing = 123 - request.resource_spans[0].ByteSize()
    request.resource_spans[0].schema_url = "u" * (missing - 2)
    assert request.SerializeToString()[:2] == b"\n{"
    assert kit.take(message(request)) == [None]
    assert kit.of(metrics.RELAYED) == (2, 2)


def test_a_message_without_records_is_nothing(kit: Kit) -> None:
    assert kit.take(message(b"")) == [None]
    assert kit.producer.sent == []
    assert kit.of(metrics.RELAYED) == (1, 0)


@pytest.mark.parametrize(
    "value",
    [
        SECRET.encode(),
        b'{"resourceSpans": "' + SECRET.encode(),
        b'{"resourceSpans": "' + SECRET.encode() + b'"}',
        b'[{"traceId": "1"}]',
        traces(span(chat(asked=SECRET))).SerializeToString()[:-3],
        b"\x12\x04" + SECRET[:4].encode(),  # a field that no request has
    ],
    ids=["text", "cut JSON", "wrong JSON", "list", "cut protobuf", "unknown field"],
)
def test_poison_is_a_dead_letter_without_a_byte_of_it(
    kit: Kit, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    good = message(traces(span(chat())), offset=8)
    letter, none = kit.take(message(value, offset=7), good)
    assert none is None
    assert letter is not None
    assert (letter.topic, letter.key) == (kafka.DEAD_LETTERS.name, b"otlp_spans_in/3/7")
    body = orjson.loads(letter.value)
    assert body["value_zstd"] is None
    assert (body["bytes"], body["sha256"]) == (len(value), hashlib.sha256(value).hexdigest())
    assert body["kind"] == "undecodable"
    assert SECRET[:20].encode() not in letter.value
    assert SECRET[:20] not in caplog.text
    assert (kit.of(metrics.RELAYED), kit.of(metrics.DEAD)[0]) == ((1, 1), 1)


def test_spans_without_ids_are_refused_alone(kit: Kit) -> None:
    bad = span(chat(), span_id=5)
    bad.span_id = b"short"
    assert kit.take(message(traces(span(chat()), bad))) == [None]
    assert (kit.of(metrics.RELAYED), kit.of(metrics.REFUSED)[1]) == ((1, 1), 1)


def test_whose_a_message_is_follows_from_its_key_alone(kit: Kit) -> None:
    request = traces(span(chat()))
    kit.take(message(request, lightship_tenant=b"harbour", lightship_lineage=b"demo-x"))
    kit.take(message(request, lightship_key=KEY))
    refused = kit.take(message(request, lightship_key=OTHER_KEY))[0]
    tenants = [(m.header("lightship-tenant"), m.header("lightship-lineage")) for m in kit.producer.sent]
    assert tenants == [("default", "live"), ("harbour", "live")]
    assert refused is not None
    assert orjson.loads(refused.value)["kind"] == "unknown_key"
    assert OTHER_KEY not in refused.value
    assert (kit.of(metrics.RELAYED), kit.of(metrics.DEAD)) == ((2, 2), (1, 1))


def test_received_is_when_the_broker_had_it(kit: Kit) -> None:
    kit.take(message(traces(span(chat()))), stamped_ns=NOW_NS - 60 * NS_PER_S)
    assert kit.producer.sent[0].header("lightship-received-at") == str(NOW_NS - 60 * NS_PER_S)
    assert kit.counters.value(metrics.AGE) == 60


@given(st.integers(-(10**19), 10**19))
def test_a_clock_that_cannot_be_right_is_not_believed(stamped_ns: int) -> None:
    got = received_at(stamped_ns, NOW_NS)
    assert NOW_NS - OLDEST_NS <= got <= NOW_NS
    assert got in (stamped_ns, NOW_NS)


def test_catching_up_no_record_comes_from_later_than_it_was_received(kit: Kit) -> None:
    """Old and new messages may share one: it was received when the last of them was."""

    async def both() -> None:
        await asyncio.gather(
            *(
                kit.relay.forward(message(traces(span(chat(), span_id=n + 1))), NOW_NS - (50 - n) * NS_PER_S)
                for n in range(50)
            )
        )

    asyncio.run(both())
    (sent,) = kit.producer.sent
    assert sent.header("lightship-received-at") == str(NOW_NS - NS_PER_S)


def test_what_kafka_does_not_take_is_not_given_up(kit: Kit) -> None:
    kit.producer.down = True
    with pytest.raises(Unavailable):
        kit.take(message(traces(span(chat()))))
    assert (kit.of(metrics.RELAYED), kit.of(metrics.DEAD)) == ((0, 0), (0, 0))
    kit.producer.down = False
    assert kit.take(message(traces(span(chat())))) == [None]
    assert kit.of(metrics.RELAYED) == (1, 1)


class _Failing(Redactors):
    def of(self, tenant: str) -> NoReturn:
        raise KeyError(f"{SECRET} of {tenant}")


def test_a_defect_of_ours_stops_the_relay_before_it_has_buried_everything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kit = make(tmp_path, _Failing(tmp_path))
    request = message(traces(span(chat())))
    for _ in range(20):
        letter = kit.take(request)[0]
        assert letter is not None
        assert orjson.loads(letter.value)["kind"] == "defect"
    with pytest.raises(Defect, match="21 of 21 messages failed"):
        kit.take(request)
    assert SECRET not in caplog.text


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
def test_whatever_compression_a_writer_chose_can_be_read(codec: str) -> None:
    """The consumer's codecs are a package of their own; without it a partition would stand still."""
    assert getattr(aiokafka_codec, f"has_{codec}")()


@given(st.binary(max_size=300))
@settings(max_examples=examples(300))
def test_any_bytes_are_a_request_or_a_bad_record(value: bytes) -> None:
    for topic in (SPANS_IN, LOGS_IN):
        with contextlib.suppress(BadRecord):
            assert read_request(topic, value).SerializeToString() or not value.strip(b"{} ")


def test_drops_at_the_source_are_counted(kit: Kit) -> None:
    for sequence, dropped in ((b"0", b"5"), (b"1", b"5"), (b"1", b"5"), (b"4", b"70")):
        sent = message(
            traces(span(chat())),
            lightship_exporter=b"0a",
            lightship_sequence=sequence,
            lightship_dropped=dropped,
        )
        kit.take(sent)
    assert kit.counters.value(metrics.SOURCE_DROPPED) == 70
    assert kit.counters.value(metrics.SOURCE_MISSING) == 2
