"""Reading a request body within limits: bytes, time, and memory shared by all requests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from ingest.compression import decompress
from ingest.errors import IngestError, TooLarge
from ingest.gateway import metrics
from ingest.gateway.metrics import Metrics
from ingest.gateway.refusal import MEMORY, Refused, TooSlow

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
T = TypeVar("T")

BODY_TIMEOUT_S = 30.0
_AT_ONCE_BYTES = 1 << 16
"""Compressed bodies are decompressed up to this by the event loop; what is larger then by a thread (zlib and
zstd release the lock), whatever its size was: 64 KiB may hold 64 MiB."""
UNPACKERS = 2
"""Large bodies decompressed at the same time: each has its pieces and their whole in memory at its end."""


class ClientGone(IngestError):
    """The client went away before it had sent everything, or before it was answered."""


class Memory:
    """Bytes held for requests that are not answered yet, over all of them."""

    def __init__(self, limit: int, counters: Metrics) -> None:
        self._limit = limit
        self._held = 0
        self._metrics = counters
        self._lock = threading.Lock()
        self.unpackers = asyncio.Semaphore(UNPACKERS)

    def take(self, n: int) -> None:
        """Hold ``n`` more bytes; any thread may.

        Raises
        ------
        Refused
            If that would be more than the limit.
        """
        with self._lock:
            if self._held + n > self._limit:
                raise Refused(MEMORY, "too many requests are waiting for Kafka: send again in a moment")
            self._held += n
            self._metrics.set(metrics.IN_FLIGHT_BYTES, self._held)

    def give_back(self, n: int) -> None:
        """Let ``n`` bytes go."""
        with self._lock:
            self._held -= n
            self._metrics.set(metrics.IN_FLIGHT_BYTES, self._held)


class Body:
    """One request's body; use as a context manager, which gives its memory back at the end."""

    def __init__(self, memory: Memory, limit: int, timeout_s: float = BODY_TIMEOUT_S) -> None:
        self._memory = memory
        self._limit = limit
        self._timeout_s = timeout_s
        self._held = 0

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        self._memory.give_back(self._held)

    def hold(self, n: int) -> None:
        """Hold ``n`` bytes of it until the end."""
        self._memory.take(n)
        self._held += n

    async def unpack(self, packed: bytes, encoding: str) -> bytes:
        """What is held, decompressed and held too.

        Raises
        ------
        TooLarge
            If it is over the limit.
        BadRecord
            If it does not decompress.
        Refused
            If there is no memory for it now: it is counted as it grows, over all requests.
        """
        if len(packed) <= _AT_ONCE_BYTES:
            try:
                plain = decompress(packed, encoding, min(_AT_ONCE_BYTES, self._limit))
            except TooLarge:
                pass
            else:
                self.hold(len(plain))
                return plain
        async with self._memory.unpackers:
            unpacking = asyncio.ensure_future(
                asyncio.to_thread(decompress, packed, encoding, self._limit, self.hold)
            )
            try:
                return await asyncio.shield(unpacking)
            except asyncio.CancelledError:
                with contextlib.suppress(IngestError):  # its memory is given back only when it has ended
                    await unpacking
                raise

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """The plain body.

        Raises
        ------
        TooLarge
            If it is over the limit, before or after decompression.
        BadRecord
            If it does not decompress.
        TooSlow
            If it takes longer than the time-out.
        ClientGone
            If the client disconnects.
        Refused
            If there is no memory for it now.
        """
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared[:19]) > self._limit:
            raise TooLarge(f"a body of {int(declared[:19])} bytes is over the limit of {self._limit}")
        try:
            async with asyncio.timeout(self._timeout_s):
                packed = await self._receive_all(receive)
        except TimeoutError as error:
            raise TooSlow(f"the body did not arrive within {self._timeout_s:g} s") from error
        encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        if encoding in ("", "identity", "none"):
            return packed
        return await self.unpack(packed, encoding)

    async def _receive_all(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone("the client went away")
            part: bytes = message.get("body", b"")
            if part:
                if self._held + len(part) > self._limit:
                    raise TooLarge(f"the body is over the limit of {self._limit} bytes: send smaller batches")
                self.hold(len(part))
                parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


async def unless_gone(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """The result of ``work`` on a request whose body is read; cancelled if the client goes away first.

    Raises
    ------
    ClientGone
        If the client disconnects, once ``work`` has ended.
    """
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone("the client went away before it was answered")
        return working.result()
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
