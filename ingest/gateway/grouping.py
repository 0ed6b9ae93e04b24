"""Messages put together from many requests.

Downstream a message costs more than the spans in it, so the spans of all requests of one tenant that go to
one partition within a few milliseconds are sent as one message. Requests of the protocol are repeated
fields, so their bytes are simply concatenated. Every waiting request is answered when all of its messages
are acknowledged; if one is not, the request fails as a whole and its other spans arrive again as
duplicates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from infra import kafka
from ingest.errors import IngestError, Unavailable
from ingest.gateway import metrics
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import Header, Producer
from ingest.gateway.splitting import Piece

LINGER_S = 0.005
GROUP_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Group:
    """What may share a message."""

    tenant: str
    lineage: str
    topic: str
    partition: int
    redacted: str
    backfill: bool = False


@dataclass(slots=True)
class _Open:
    """A message being put together."""

    done: asyncio.Future[None]
    timer: asyncio.TimerHandle
    received_ns: int
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    records: int = 0


class Grouper:
    """Collects pieces and sends them. ``linger_s`` is how long the first of a message waits for others."""

    def __init__(
        self,
        producer: Producer,
        counters: Metrics,
        *,
        linger_s: float = LINGER_S,
        group_bytes: int = GROUP_BYTES,
    ) -> None:
        self._producer = producer
        self._metrics = counters
        self._linger_s = linger_s
        self._group_bytes = group_bytes
        self._open: dict[Group, _Open] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def add(self, group: Group, piece: Piece, received_ns: int) -> asyncio.Future[None]:
        """Put a piece into the group's message; the future ends with its acknowledgement."""
        have = self._open.get(group)
        if have is not None and have.size + len(piece.body) > self._group_bytes:
            self._flush(group)
            have = None
        if have is None:
            loop = asyncio.get_running_loop()
            have = _Open(
                loop.create_future(), loop.call_later(self._linger_s, self._flush, group), received_ns
            )
            self._open[group] = have
        have.received_ns = max(have.received_ns, received_ns)  # no record may look as if it came from later
        have.parts.append(piece.body)
        have.size += len(piece.body)
        have.records += piece.records
        if have.size >= self._group_bytes:
            self._flush(group)
        return have.done

    def _flush(self, group: Group) -> None:
        have = self._open.pop(group, None)
        if have is None:
            return
        have.timer.cancel()
        task = asyncio.create_task(self._send(group, have))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, group: Group, message: _Open) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            headers = message_headers(group, message.records, message.received_ns)
            await self._producer.send(group.topic, group.partition, b"".join(message.parts), headers)
        except IngestError as error:
            self._metrics.add(metrics.FAILED_MESSAGES, group.topic)
            self._metrics.set(metrics.KAFKA_UP, 0)
            _fail(message.done, error)
        except BaseException as error:  # whoever waits must be answered, whatever happened
            _fail(message.done, Unavailable(f"sending was interrupted: {type(error).__name__}"))
            raise
        else:
            self._metrics.add(metrics.MESSAGES, group.topic)
            self._metrics.set(metrics.KAFKA_UP, 1)
            kind = metrics.SPANS if group.topic == kafka.SPANS.name else metrics.LOG_RECORDS
            self._metrics.add(kind, group.tenant, n=message.records)
            if not message.done.done():
                message.done.set_result(None)
        finally:
            self._metrics.add(metrics.ACK_SECONDS, n=loop.time() - began)

    async def flush(self, tenant: str, lineage: str) -> None:
        """Send what is open of a lineage and wait until it is acknowledged.

        Raises
        ------
        Unavailable
            If some of it is not.
        """
        waiting = [(g, m.done) for g, m in self._open.items() if (g.tenant, g.lineage) == (tenant, lineage)]
        for group, _ in waiting:
            self._flush(group)
        await all_of([done for _, done in waiting])

    async def close(self) -> None:
        """Send what is open and wait for everything under way."""
        for group in list(self._open):
            self._flush(group)
        if self._sending:
            await asyncio.gather(*self._sending, return_exceptions=True)


def _fail(done: asyncio.Future[None], error: IngestError) -> None:
    if not done.done():
        done.set_exception(error)
        done.exception()  # a request that went away does not ask


async def all_of(waiting: Sequence[asyncio.Future[None]]) -> None:
    """Wait for all acknowledgements.

    Raises
    ------
    Unavailable
        If one of them failed, after all have ended.
    """
    if not waiting:
        return
    outcomes = await asyncio.gather(*map(asyncio.shield, waiting), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def message_headers(group: Group, records: int, received_ns: int) -> list[Header]:
    """Headers of a message on the raw topics."""
    headers = [
        (kafka.HEADER_TENANT, group.tenant.encode()),
        (kafka.HEADER_LINEAGE, group.lineage.encode()),
        (kafka.HEADER_REDACTED, group.redacted.encode()),
        (kafka.HEADER_RECORDS, str(records).encode()),
        (kafka.HEADER_RECEIVED_AT, str(received_ns).encode()),
    ]
    if group.backfill:
        headers.append((kafka.HEADER_BACKFILL, b"1"))
    return headers
