"""OTLP over gRPC: the three collector services, in the gateway's own event loop.

The sender is checked before the message is read, and messages are decompressed here: the library's own
decompression knows no limit, so a small message could fill the memory. Sources: OTLP specification
(failures, throttling), ``google/rpc/error_details.proto``, gRPC over HTTP/2 (message compression).
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio

from infra.errors import Misconfigured
from ingest.compression import sniff
from ingest.errors import TooLarge
from ingest.gateway import metrics, refusal
from ingest.gateway.app import log_defect
from ingest.gateway.http_answer import response
from ingest.gateway.http_body import BODY_TIMEOUT_S, Body, Memory
from ingest.gateway.metrics import Metrics
from ingest.gateway.receiver import Receiver
from ingest.gateway.refusal import TooSlow, refused

SERVICES = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metrics",
}
"""Services, each with the one method ``Export``."""

READERS = 16
"""Messages that may arrive at the same time: what bounds the memory before a message can be counted."""
STOP_S = 8.0
"""How long calls under way are waited for at the end."""

_CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS = "grpc-status-details-bin"


class GrpcEndpoint:
    """The server. Port 0 lets the kernel choose; `port` tells."""

    def __init__(
        self,
        receiver: Receiver,
        memory: Memory,
        counters: Metrics,
        *,
        host: str,
        port: int,
        max_body_bytes: int,
        max_connections: int = 1000,
        body_timeout_s: float = BODY_TIMEOUT_S,
    ) -> None:
        self._receiver = receiver
        self._memory = memory
        self._metrics = counters
        self._host = f"[{host}]" if ":" in host else host
        self.port = port
        self._max_body_bytes = max_body_bytes
        self._max_connections = max_connections
        self._body_timeout_s = body_timeout_s
        self._readers = asyncio.Semaphore(READERS)
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises
        ------
        Misconfigured
            If the port is taken.
        """
        server = grpc.aio.server(options=self._options())
        server.add_generic_rpc_handlers(
            tuple(
                grpc.method_handlers_generic_handler(
                    service,
                    {"Export": grpc.stream_unary_rpc_method_handler(functools.partial(self._export, signal))},
                )
                for service, signal in SERVICES.items()
            )
        )
        try:
            self.port = server.add_insecure_port(f"{self._host}:{self.port}")
        except RuntimeError as error:
            raise Misconfigured(
                f"cannot listen on {self._host}:{self.port} for OTLP/gRPC: choose another gateway.grpc_port, "
                "or 0 for none"
            ) from error
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Take no more calls and answer those under way."""
        if self._server is not None:
            await self._server.stop(STOP_S)
            self._server = None

    def _options(self) -> list[tuple[str, int]]:
        return [
            ("grpc.max_receive_message_length", self._max_body_bytes),
            ("grpc.per_message_decompression", 0),
            ("grpc.so_reuseport", 0),  # two gateways on one port must be an error
            ("grpc.max_allowed_incoming_connections", self._max_connections),
            ("grpc.max_concurrent_streams", 128),
            ("grpc.max_metadata_size", 16 << 10),
            ("grpc.server_handshake_timeout_ms", 10_000),
            ("grpc.max_connection_idle_ms", 300_000),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ]

    async def _export(self, signal: str, _messages: Any, context: Any) -> bytes:
        """One call; the answer's bytes."""
        try:
            answer = await self._take(signal, context)
        except asyncio.CancelledError:
            self._metrics.add(metrics.REJECTED, refusal.CLIENT_GONE)
            raise
        except Exception as error:
            told = refused(error)
            if told.reason is refusal.DEFECT:
                log_defect(signal, error)
            self._metrics.add(metrics.REJECTED, told.reason.name)
            code = _CODES[told.reason.code]
            self._metrics.add(metrics.RPCS, signal, code.name)
            await context.abort(code, str(told), ((_DETAILS, told.status().SerializeToString()),))
            raise  # abort has raised already
        self._metrics.add(metrics.RPCS, signal, grpc.StatusCode.OK.name)
        return answer

    async def _take(self, signal: str, context: Any) -> bytes:
        headers = {_bytes(k): _bytes(v) for k, v in context.invocation_metadata() or ()}
        admitted = self._receiver.admit(headers)
        with Body(self._memory, self._max_body_bytes) as body:
            plain = await self._read(context, body)
            if signal == "traces" and not plain and await self._receiver.mark(headers, admitted):
                return b""
            rejected = await self._receiver.telemetry(signal, plain, admitted)
        return response(signal, rejected).SerializeToString()

    async def _read(self, context: Any, body: Body) -> bytes:
        """The one message of a call, as plain bytes."""
        try:
            async with asyncio.timeout(self._body_timeout_s), self._readers:
                packed = await context.read()
                if packed is grpc.aio.EOF:  # the library ends a call with a larger one by itself
                    limit = self._max_body_bytes
                    raise TooLarge(
                        f"no message, or one over the limit of {limit} bytes: send smaller batches"
                    )
                body.hold(len(packed))
        except TimeoutError as error:
            raise TooSlow(f"the message did not arrive within {self._body_timeout_s:g} s") from error
        encoding = sniff(packed)  # no request of ours begins as a compressed stream does
        return packed if encoding == "identity" else await body.unpack(packed, encoding)


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1", "replace") if isinstance(text, str) else text
