"""The OTLP/HTTP receiver as a raw ASGI application.

Statuses and bodies follow the OTLP specification: 200 only when Kafka has everything, 503 with
``Retry-After`` whenever a retry can help, 4xx when it cannot.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra import kafka
from ingest.errors import BadRecord, IngestError, TooLarge, Unavailable, UnknownEncoding
from ingest.gateway import metrics
from ingest.gateway.http_answer import JSON, PROTOBUF, Answer, failure, plain, success
from ingest.gateway.http_body import Body, ClientGone, Memory, Receive, TooSlow
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.intake import LIVE, Intake, Origin, check_lineage
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import Producer
from ingest.otlp import parse_logs, parse_traces
from ingest.otlp_json import parse_json

logger = logging.getLogger(__name__)

Send = Callable[[Mapping[str, Any]], Awaitable[None]]

SIGNALS = {
    "/v1/traces": "traces",
    "/v1/logs": "logs",
    "/v1/metrics": "metrics",
    "/api/public/otel/v1/traces": "traces",
    "/api/public/otel/v1/logs": "logs",
    "/api/public/otel/v1/metrics": "metrics",
}
"""Paths that take telemetry; the last three are where the Langfuse SDK sends it."""

MAX_BODY_BYTES = 64 << 20
MAX_IN_FLIGHT_BYTES = 256 << 20
_MAX_NS = (1 << 63) - 1

_REFUSED: tuple[tuple[type[IngestError], int, str], ...] = (
    (TooLarge, 413, "too_large"),
    (UnknownEncoding, 415, "encoding"),
    (BadRecord, 400, "bad_request"),
    (TooSlow, 408, "too_slow"),
    (Unavailable, 503, "unavailable"),
)


class Refused(IngestError):
    """A request that is turned away with a status and, for counting, a reason."""

    def __init__(self, status: int, reason: str, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.headers = headers


class Gateway:
    """The application. Start and stop it through ASGI's lifespan, or with `start` and `stop`."""

    def __init__(
        self,
        intake: Intake,
        producer: Producer,
        keys: IngestKeys,
        counters: Metrics,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_in_flight_bytes: int = MAX_IN_FLIGHT_BYTES,
        body_timeout_s: float = 30.0,
    ) -> None:
        self._intake = intake
        self._producer = producer
        self._keys = keys
        self._metrics = counters
        self._memory = Memory(max_in_flight_bytes, counters)
        self._max_body_bytes = max_body_bytes
        self._body_timeout_s = body_timeout_s

    async def start(self) -> None:
        """Begin to connect to Kafka."""
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is open, then disconnect."""
        await self._intake.close()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        signal = SIGNALS.get(path)
        if signal is None:
            answer = self._page(scope["method"], path)
        else:
            try:
                answer = await self._telemetry(scope, receive, signal)
            except ClientGone:
                self._metrics.add(metrics.REJECTED, "client_gone")
                return
            self._metrics.add(metrics.REQUESTS, signal, str(answer.status))
        await _respond(send, answer)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _page(self, method: str, path: str) -> Answer:
        """Health and metrics."""
        if path not in ("/healthz", "/readyz", "/metrics"):
            return failure(404, f"there is nothing at {path[:100]}", JSON)
        if method not in ("GET", "HEAD"):
            return failure(405, f"{path} takes GET", JSON, ((b"allow", b"GET"),))
        if path == "/healthz":
            return plain(200, "ok\n")
        if path == "/metrics":
            self._metrics.set(metrics.KAFKA_UP, float(self._producer.problem is None))
            return plain(200, self._metrics.render(), b"text/plain; version=0.0.4; charset=utf-8")
        problem = self._producer.problem
        return plain(200, "ready\n") if problem is None else plain(503, f"{problem}\n")

    async def _telemetry(self, scope: Mapping[str, Any], receive: Receive, signal: str) -> Answer:
        """One export request, whatever becomes of it."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        reply = content_type if content_type in (PROTOBUF, JSON) else JSON
        try:
            refused = await self._take(scope["method"], headers, content_type, receive, signal)
        except ClientGone:
            raise
        except Refused as error:
            self._metrics.add(metrics.REJECTED, error.reason)
            return failure(error.status, str(error), reply, error.headers)
        except IngestError as error:
            for kind, status, reason in _REFUSED:
                if isinstance(error, kind):
                    self._metrics.add(metrics.REJECTED, reason)
                    return failure(status, str(error), reply)
            _log_defect(signal, error)
        except Exception as error:  # noqa: BLE001 - the outermost edge: the client must be told something
            _log_defect(signal, error)
        else:
            return success(signal, reply, refused)
        self._metrics.add(metrics.REJECTED, "defect")
        return failure(500, "a defect of the gateway, see its log", reply)

    async def _take(
        self,
        method: str,
        headers: Mapping[bytes, bytes],
        content_type: bytes,
        receive: Receive,
        signal: str,
    ) -> int:
        if method != "POST":
            raise Refused(
                405, "method", f"telemetry is sent with POST, not {method[:20]}", (b"allow", b"POST")
            )
        tenant = self._keys.tenant(headers)
        if tenant is None:
            raise Refused(
                401,
                "key",
                "no valid ingest key: send Authorization: Bearer <key>",
                (b"www-authenticate", b"Bearer"),
            )
        origin = Origin(
            tenant,
            check_lineage(headers.get(kafka.HEADER_LINEAGE.encode(), LIVE.encode()).decode("latin-1")),
            backfill=headers.get(kafka.HEADER_BACKFILL.encode()) == b"1",
        )
        with Body(self._memory, self._max_body_bytes, self._body_timeout_s) as body:
            plain_body = await body.read(headers, receive)
            if signal == "traces" and not plain_body and _is_mark(headers):
                await self._mark(headers, origin)
                return 0
            if content_type not in (PROTOBUF, JSON):
                raise Refused(
                    415,
                    "content_type",
                    f"content type {content_type[:60].decode('latin-1')!r} is neither application/x-protobuf "
                    "nor application/json",
                )
            self._metrics.add(metrics.BODY_BYTES, n=len(plain_body))
            if signal == "metrics":
                self._metrics.add(metrics.IGNORED, signal)
                return 0
            is_json = content_type == JSON
            if signal == "traces":
                traces = (
                    parse_json(ExportTraceServiceRequest(), plain_body)
                    if is_json
                    else parse_traces(plain_body)
                )
                return await self._intake.take(traces, origin)
            logs = parse_json(ExportLogsServiceRequest(), plain_body) if is_json else parse_logs(plain_body)
            return await self._intake.take(logs, origin)

    async def _mark(self, headers: Mapping[bytes, bytes], origin: Origin) -> None:
        sent = headers.get(kafka.HEADER_EVENT_TIME.encode())
        if sent is not None and not (sent.isdigit() and len(sent) <= 19 and int(sent) <= _MAX_NS):
            raise BadRecord(f"header {kafka.HEADER_EVENT_TIME} is not a time in nanoseconds since 1970")
        ends = headers.get(kafka.HEADER_LINEAGE_END.encode()) == b"1"
        await self._intake.mark(origin, None if sent is None else int(sent), ends=ends)


def _log_defect(signal: str, error: Exception) -> None:
    """Where it happened and what kind it is; its message may quote content and is left out."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-4:]))
    logger.error("a defect while taking %s: %s at %s", signal, type(error).__name__, where)


def _is_mark(headers: Mapping[bytes, bytes]) -> bool:
    return kafka.HEADER_EVENT_TIME.encode() in headers or kafka.HEADER_LINEAGE_END.encode() in headers


async def _respond(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
