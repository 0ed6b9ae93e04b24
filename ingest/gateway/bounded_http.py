"""uvicorn's HTTP protocol with what it leaves out: bounds on what a connection may hold up.

So many connections at a time, a request's head within a time and a size, its body within a time. An answer
may come before a body has ended (a key that is unknown, a body that is too large); its rest is read and
dropped, so that the client sees the answer, but not for ever.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingest.gateway import metrics, refusal
from ingest.gateway.metrics import Metrics

_CLOSE = b"content-type: text/plain\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n" + _CLOSE
_SLOW = b"HTTP/1.1 408 Request Timeout\r\n" + _CLOSE
_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _CLOSE


@dataclass(frozen=True, slots=True)
class Guard:
    """The bounds. ``body_s`` should be longer than the application waits for a body itself."""

    counters: Metrics
    max_connections: int = 1000
    header_s: float = 10.0
    header_bytes: int = 64 << 10
    body_s: float = 35.0


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, guard: Guard, **named: Any) -> None:
        super().__init__(*args, **named)
        self._guard = guard
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request, if there is room for the connection."""
        super().connection_made(transport)
        self._count()
        if len(self.connections) > self._guard.max_connections:
            self._end(refusal.CONNECTIONS, _BUSY)
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._wait_no_more()
        super().connection_lost(exc)
        self._count()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and look how long the head has become."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self._guard.header_bytes:
                self._end(refusal.LARGE_HEADER, _LARGE)

    def on_message_begin(self) -> None:
        """A request begins: its head has to come in time."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        if self._timer is None:
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """The head is here; now the body has to come in time."""
        self._wait_no_more()
        self._in_head = False
        self._timer = self.loop.call_later(self._guard.body_s, self._end, refusal.SLOW_BODY, b"")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The whole request is here; uvicorn watches how long the connection is then idle."""
        self._wait_no_more()
        super().on_message_complete()

    def _wait_for_head(self) -> None:
        self._timer = self.loop.call_later(self._guard.header_s, self._end, refusal.SLOW_HEADER, _SLOW)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, reason: str, farewell: bytes) -> None:
        self._wait_no_more()
        self._guard.counters.add(metrics.REJECTED, reason)
        if self.transport.is_closing():
            return
        if farewell:
            self.transport.write(farewell)
            self.transport.close()
        else:
            self.transport.abort()

    def _count(self) -> None:
        self._guard.counters.set(metrics.CONNECTIONS, len(self.connections))


def bounded_http(guard: Guard) -> Callable[..., BoundedHttp]:
    """What uvicorn makes connections with."""
    return functools.partial(BoundedHttp, guard=guard)
