"""A test interaction through every door, followed to its row. Marked synthetic: no series counts it."""

from __future__ import annotations

import importlib
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from kafka import KafkaProducer
from kafka.errors import KafkaError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.clock import NS_PER_S
from infra.kafka import HEADER_INGEST_KEY, HEADER_LINEAGE, client
from infra.settings import KafkaSettings
from ingest.errors import IngestError, Unavailable
from ingest.operations.doctor.line import AWAY, FAIL, OK, Line
from ingest.otlp.otlp_json import to_json

LINEAGE = "evaluation-doctor"
SERVICE = "lightship-doctor"
EVERY_S = 0.2
PROTOBUF, JSON = "application/x-protobuf", "application/json"
GRPC_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

_FIND = """
SELECT DISTINCT trace_id FROM interactions
WHERE lineage IN ('live', %(lineage)s) AND service = %(service)s
    AND start >= fromUnixTimestamp64Nano(%(from_ns)s, 'UTC') AND trace_id IN %(ids)s
"""


class Refused(IngestError):
    """A door answered and did not take the interaction; ``remedy`` helps."""

    def __init__(self, says: str, remedy: str) -> None:
        super().__init__(says)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A way in: its name, its address, and how to send a request through it."""

    name: str
    address: str
    send: Callable[[ExportTraceServiceRequest], None]


@dataclass(frozen=True, slots=True)
class Passage:
    """What became of the interaction sent through one door.

    ``problem`` is why it was not taken; else its row was there after ``stored_s`` seconds, ``None``: not
    within the ``waited_s`` that were waited.
    """

    door: str
    address: str
    problem: str | None = None
    remedy: str | None = None
    away: bool = False
    stored_s: float | None = None
    waited_s: float = 0.0


def check_passage(p: Passage) -> Line:
    """Whether an interaction comes through a door. Pure."""
    if p.problem is not None:
        return Line(p.door, AWAY if p.away else FAIL, f"{p.address}: {p.problem}", p.remedy)
    if p.stored_s is None:
        says = f"{p.address} took a test interaction, and it was not stored within {p.waited_s:.0f} s"
        remedy = "is a worker running (python -m ingest.worker)? `lightship ledger` says how many wait"
        return Line(p.door, FAIL, says, remedy)
    return Line(p.door, OK, f"{p.address}: a test interaction was stored after {p.stored_s:.1f} s")


def invented_request(now_ns: int) -> tuple[str, ExportTraceServiceRequest]:
    """An invented chat that ended now, with a trace id of its own."""
    trace_id = secrets.token_bytes(16)
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = SERVICE
    span = group.scope_spans.add().spans.add(
        trace_id=trace_id,
        span_id=secrets.token_bytes(8),
        name="chat test",
        kind=3,
        start_time_unix_nano=now_ns - NS_PER_S // 10,
        end_time_unix_nano=now_ns,
    )

    def said(role: str, text: str) -> str:
        return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])

    for key, value in (
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "test"),
        ("gen_ai.input.messages", said("user", "Does a test interaction arrive?")),
        ("gen_ai.output.messages", said("assistant", "If you can read this, it did.")),
        ("user_agent.synthetic.type", "test"),
    ):
        span.attributes.add(key=key).value.string_value = value
    return trace_id.hex(), request


def http_endpoint(address: str, key: str, *, as_json: bool) -> Endpoint:
    """OTLP/HTTP at the gateway, in one of its two encodings; ``key`` empty: none is sent."""
    headers = {HEADER_LINEAGE: LINEAGE, "content-type": JSON if as_json else PROTOBUF}
    if key:
        headers["authorization"] = f"Bearer {key}"

    def send(request: ExportTraceServiceRequest) -> None:
        body = json.dumps(to_json(request)).encode() if as_json else request.SerializeToString()
        try:
            answer = httpx.post(f"{address}/v1/traces", content=body, headers=headers, timeout=15)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"no answer ({type(error).__name__})") from error
        if answer.status_code in (401, 403):
            raise Refused(f"{answer.status_code}: {_no_key(key)}", _KEY_REMEDY)
        if answer.status_code == 503:
            raise Refused("503: the gateway cannot reach Kafka now", "see /readyz of the gateway")
        if answer.status_code != 200:
            raise Refused(f"answered {answer.status_code}", "see the log of the gateway")

    return Endpoint("HTTP JSON" if as_json else "HTTP protobuf", f"{address}/v1/traces", send)


_KEY_REMEDY = "export LIGHTSHIP_INGEST_KEY with a key of this gateway; then lightship env sends it"


def _no_key(key: str) -> str:
    return "the key in LIGHTSHIP_INGEST_KEY is not valid here" if key else "the gateway asks for a key"


def grpc_endpoint(address: str, key: str) -> Endpoint:
    """OTLP/gRPC at the gateway."""
    place = urlsplit(address).netloc or address

    def send(request: ExportTraceServiceRequest) -> None:
        grpc: Any = importlib.import_module("grpc")
        metadata = [(HEADER_LINEAGE, LINEAGE), *([("authorization", f"Bearer {key}")] if key else [])]
        with grpc.insecure_channel(place) as channel:
            try:
                channel.unary_unary(GRPC_METHOD)(request.SerializeToString(), timeout=15, metadata=metadata)
            except grpc.RpcError as error:
                code = error.code().name
                if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
                    raise Refused(f"{code}: {_no_key(key)}", _KEY_REMEDY) from error
                if code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                    raise Unavailable(f"no answer ({code})") from error
                raise Refused(f"answered {code}", "see the log of the gateway") from error

    return Endpoint("gRPC", place, send)


def kafka_endpoint(settings: KafkaSettings, topic: str, key: str) -> Endpoint:
    """A topic that Collectors and exporters write to; the lineage of what comes through it is ``live``."""
    headers = [(HEADER_INGEST_KEY, key.encode())] if key else []

    def send(request: ExportTraceServiceRequest) -> None:
        try:
            producer = KafkaProducer(
                client_id="lightship-doctor", enable_idempotence=settings.idempotent, **client(settings)
            )
            try:
                producer.send(topic, value=request.SerializeToString(), headers=headers).get(15)
            finally:
                producer.close(timeout=5)
        except KafkaError as error:
            raise Unavailable(f"Kafka did not take it ({type(error).__name__})") from error

    return Endpoint(f"Kafka {topic}", settings.bootstrap, send)


def go_through(
    doors: Sequence[Endpoint], store: Client | None, *, wait_s: float, now_ns: int
) -> list[Passage]:
    """Send one interaction through each door and wait for their rows (without a store: not)."""
    sent: dict[str, tuple[Endpoint, float]] = {}
    out: list[Passage] = []
    for door in doors:
        trace_id, request = invented_request(now_ns)
        try:
            door.send(request)
        except Unavailable as error:
            out.append(Passage(door.name, door.address, str(error), "start it: lightship up", away=True))
        except Refused as error:
            out.append(Passage(door.name, door.address, str(error), error.remedy))
        else:
            sent[trace_id] = (door, time.monotonic())
    stored: dict[str, float] = {}
    until = time.monotonic() + wait_s
    while store is not None and len(stored) < len(sent) and time.monotonic() < until:
        for trace_id in _stored(store, sorted(set(sent) - set(stored)), now_ns):
            stored[trace_id] = time.monotonic() - sent[trace_id][1]
        time.sleep(EVERY_S)
    for trace_id, (door, _) in sent.items():
        out.append(Passage(door.name, door.address, stored_s=stored.get(trace_id), waited_s=wait_s))
    return out


def _stored(store: Client, ids: list[str], now_ns: int) -> list[str]:
    bound = {
        "lineage": LINEAGE,
        "service": SERVICE,
        "from_ns": now_ns - 3600 * NS_PER_S,
        "ids": ids,
    }
    try:
        return [str(row[0]) for row in store.query(_FIND, parameters=bound).result_rows]
    except ClickHouseError:
        return []
