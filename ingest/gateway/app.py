"""The gateway's HTTP side as a raw ASGI application: OTLP, doors for JSON, pages for probes.

Statuses and bodies follow the OTLP specification: 200 only when Kafka has everything, 429 or 503 with
``Retry-After`` whenever a retry can help, other 4xx when it cannot.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from infra.errors import Misconfigured
from infra.http_hosts import AllowedHosts
from infra.metrics_key import MetricsKey
from ingest.gateway import metrics, refusal
from ingest.gateway.cors import Cors
from ingest.gateway.http_answer import JSON, PROTOBUF, Answer, Header, failure, plain, success
from ingest.gateway.http_body import BODY_TIMEOUT_S, Body, ClientGone, Memory, Receive, unless_gone
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.intake import Intake
from ingest.gateway.json_endpoints import HEALTH, PATHS, PROJECTS, JsonEndpoints, langfuse_page
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import Producer
from ingest.gateway.receiver import Receiver
from ingest.gateway.refusal import Refused, refused

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

PAGES = ("/healthz", "/readyz", "/metrics", HEALTH, PROJECTS)
"""Paths that are read."""

MAX_BODY_BYTES = 64 << 20
MAX_IN_FLIGHT_BYTES = 256 << 20


class HttpEndpoint(Protocol):
    """Another way in, started and stopped with the application."""

    async def start(self) -> None:
        """Begin to take requests."""

    async def stop(self) -> None:
        """Take none any more, and answer those that are here."""


class Gateway:
    """The application. Start and stop it through ASGI's lifespan, or with `start` and `stop`.

    ``memory`` bounds the bytes held for unanswered requests, ``origins`` are web pages that may send,
    ``hosts`` the names it answers under, ``metrics_key`` shows all metrics, ``doors`` are other ways in.
    """

    def __init__(
        self,
        intake: Intake,
        producer: Producer,
        keys: IngestKeys,
        counters: Metrics,
        *,
        memory: Memory | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        body_timeout_s: float = BODY_TIMEOUT_S,
        origins: Sequence[str] = (),
        hosts: AllowedHosts | None = None,
        metrics_key: MetricsKey | None = None,
        doors: Sequence[HttpEndpoint] = (),
    ) -> None:
        self._intake = intake
        self._producer = producer
        self._receiver = Receiver(intake, keys, counters)
        self._json = JsonEndpoints(intake, counters)
        self._metrics = counters
        self._memory = memory or Memory(MAX_IN_FLIGHT_BYTES, counters)
        self._max_body_bytes = max_body_bytes
        self._body_timeout_s = body_timeout_s
        self._cors = Cors(origins)
        self._hosts = hosts or AllowedHosts(setting="gateway.allowed_hosts")
        self._metrics_key = metrics_key or MetricsKey()
        self._doors = doors

    async def start(self) -> None:
        """Begin to connect to Kafka, and open the other doors.

        Raises
        ------
        Misconfigured
            If one of them cannot be opened.
        """
        await self._producer.start()
        await self._intake.start()
        for door in self._doors:
            await door.start()

    async def stop(self) -> None:
        """Close the other doors, send what is open, then disconnect."""
        for door in self._doors:
            await door.stop()
        await self._intake.close()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        method, path = scope["method"], scope["path"]
        label = SIGNALS.get(path) or (path if path in PATHS else None)
        given = [value for name, value in scope["headers"] if name == b"host"]
        if why := self._hosts.refusal(given, scope.get("http_version", "1.1")):
            self._metrics.add(metrics.REJECTED, refusal.HOST.name)
            await _respond(send, failure(Refused(refusal.HOST, why), JSON, ()))
            return
        if method == "OPTIONS" and label is not None and (allowed := self._cors.preflight(headers)):
            await _respond(send, Answer(204, b"", b"text/plain", allowed))
            return
        try:
            answer = await self._answer(method, path, headers, receive)
        except ClientGone:
            self._metrics.add(metrics.REJECTED, refusal.CLIENT_GONE)
            return
        if label is not None:
            self._metrics.add(metrics.REQUESTS, label, str(answer.status))
        await _respond(send, replace(answer, headers=(*answer.headers, *self._cors.headers(headers))))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except Misconfigured as error:
                    await send({"type": "lifespan.startup.failed", "message": f"gateway: {error}"})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(
        self, method: str, path: str, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Answer:
        """The answer to a request, whatever becomes of it."""
        content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        reply = content_type if content_type in (PROTOBUF, JSON) and path in SIGNALS else JSON
        try:
            if path in SIGNALS or path in PATHS:
                return await self._receive(method, path, headers, content_type, receive)
            return self._page(method, path, headers)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - the outermost edge: the client must be told something
            told = refused(error)
            if told.reason is refusal.DEFECT:
                log_defect(path, error)
            self._metrics.add(metrics.REJECTED, told.reason.name)
            return failure(told, reply, _extra(told, path))

    def _page(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Answer:
        """Health and metrics."""
        if path not in PAGES:
            raise Refused(refusal.PATH, f"there is nothing at {path[:100]}")
        if method not in ("GET", "HEAD"):
            raise Refused(refusal.METHOD, f"{path} takes GET, not {method[:20]}")
        if path == "/healthz":
            return plain(200, "ok\n")
        if path == "/metrics":
            self._metrics.set(metrics.KAFKA_UP, float(self._producer.problem is None))
            whole = self._metrics_key.is_in(headers.get(b"authorization", b""))
            return plain(200, self._metrics.render(whole=whole), b"text/plain; version=0.0.4; charset=utf-8")
        if path in (HEALTH, PROJECTS):
            tenant = self._receiver.admit(headers).origin.tenant if path == PROJECTS else ""
            return langfuse_page(path, tenant)
        problem = self._producer.problem
        return plain(200, "ready\n") if problem is None else plain(503, f"{problem}\n")

    async def _receive(
        self,
        method: str,
        path: str,
        headers: Mapping[bytes, bytes],
        content_type: bytes,
        receive: Receive,
    ) -> Answer:
        """A request that brings something."""
        if method != "POST":
            raise Refused(refusal.METHOD, f"{path} takes POST, not {method[:20]}")
        if self._cors.refuses(headers):
            raise Refused(refusal.ORIGIN, "web pages may send only if gateway.allowed_origins names them")
        admitted = self._receiver.admit(headers)
        signal = SIGNALS.get(path)
        with Body(self._memory, self._max_body_bytes, self._body_timeout_s) as body:
            plain_body = await body.read(headers, receive)
            if signal == "traces" and not plain_body and await self._receiver.mark(headers, admitted):
                return success(signal, content_type, {})
            if content_type != JSON and (signal is None or content_type != PROTOBUF):
                taken = "application/json" if signal is None else "application/x-protobuf or application/json"
                shown = content_type[:60].decode("latin-1")
                raise Refused(refusal.CONTENT_TYPE, f"content type {shown!r} is not {taken}")
            if signal is None:
                return await self._json.handle(path, plain_body, admitted)
            is_json = content_type == JSON
            taking = self._receiver.telemetry(signal, plain_body, admitted, is_json=is_json)
            if self._intake.is_small(len(plain_body), is_json=is_json):
                rejected = await taking
            else:  # it may wait its turn for long
                rejected = await unless_gone(taking, receive)
            return success(signal, content_type, rejected)


def _extra(told: Refused, path: str) -> tuple[Header, ...]:
    """Headers that HTTP asks for with some statuses."""
    if told.reason is refusal.METHOD:
        return ((b"allow", b"GET, HEAD" if path in PAGES else b"POST"),)
    if told.reason is refusal.KEY:
        return ((b"www-authenticate", b"Bearer"),)
    if told.reason is refusal.ENCODING:
        return ((b"accept-encoding", b"gzip, zstd, deflate"),)  # RFC 9110, section 12.5.3
    return ()


def log_defect(what: str, error: Exception) -> None:
    """Where it happened and what kind it is; its message may quote content and is left out."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-4:]))
    logger.error("a defect while taking %s: %s at %s", what, type(error).__name__, where)


async def _respond(send: Send, answer: Answer) -> None:
    headers = list(answer.headers)
    if answer.status != 204:
        headers += [
            (b"content-type", answer.content_type),
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
