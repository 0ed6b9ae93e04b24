"""Processes that take large requests apart, so that the event loop answers everybody else meanwhile.

Each works on one request at a time. A request waits for a free process in its tenant's queue, and the queues
take turns; a full queue is refused, to be sent again. A process that dies is started again with the next
request, whose predecessor is sent again by its client; one that takes too long is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import logging
import os
import subprocess
import sys
from collections import OrderedDict, deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infra.embedded.parent_watch import tethered
from infra.settings import Settings
from ingest.errors import BadRecord, Defect, Unavailable
from ingest.gateway import metrics
from ingest.gateway.metrics import Metrics
from ingest.gateway.parts import Parts
from ingest.gateway.redaction_process import read_frame, write_frame
from ingest.gateway.refusal import BUSY, TOO_COSTLY, Refused
from ingest.gateway.splitting import Piece

logger = logging.getLogger(__name__)

MIB = 1 << 20
MOST_PROCESSES = 4
"""As many as processors, at most so many, unless the settings say otherwise."""
MOST_WAITING = 32
"""Requests of one tenant that wait for a process."""
PIPE_BYTES = 256 << 10
COMMAND = (sys.executable, "-m", "ingest.gateway.redaction_process")


class _Process:
    """One of them, started when it is needed. Its methods block."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration
        self._running: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """Of the process, if it was started."""
        return None if self._running is None else self._running.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._running is not None and self._running.poll() is None

    def start(self) -> subprocess.Popen[bytes]:
        """The running process, started if it is not.

        Raises
        ------
        EOFError, OSError
            If it does not start.
        """
        running = self._running
        if running is not None and running.poll() is None:
            return running
        self.kill()
        running = subprocess.Popen(tethered(list(COMMAND)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for pipe in (running.stdin, running.stdout):
            _widen(pipe)
        self._running = running
        self.starts += 1
        write_frame(running.stdin, self._configuration)  # type: ignore[arg-type]
        read_frame(running.stdout)  # type: ignore[arg-type]
        return running

    def exchange(self, head: Mapping[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """The answer to a request.

        Raises
        ------
        EOFError, OSError
            If the process ended meanwhile.
        """
        try:
            running = self.start()
            write_frame(running.stdin, head, body)  # type: ignore[arg-type]
            return read_frame(running.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError):
            self.kill()
            raise

    def kill(self) -> None:
        """End it at once; it holds nothing."""
        running, self._running = self._running, None
        if running is None:
            return
        running.kill()
        with contextlib.suppress(OSError):
            running.stdin.close()  # type: ignore[union-attr]
        running.stdout.close()  # type: ignore[union-attr]
        running.wait()

    def interrupt(self) -> None:
        """Kill it under whoever waits for its answer."""
        running = self._running
        if running is not None:
            running.kill()


def _widen(pipe: Any) -> None:
    """Let a pipe hold a usual request at once: fewer turns of both processes. Only Linux can."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # the account's pipes are at their limit
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class RedactionPool:
    """The processes. ``most_s`` is how long one may take for a request before it is killed."""

    def __init__(
        self, configuration: Mapping[str, Any], counters: Metrics, processes: int, most_s: float
    ) -> None:
        self._processes = [_Process(configuration) for _ in range(processes)]
        self._metrics = counters
        self._most_s = most_s
        self._idle = list(self._processes)
        self._waiting: OrderedDict[str, deque[asyncio.Future[_Process]]] = OrderedDict()
        self._threads = ThreadPoolExecutor(processes, "redaction")
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """Of the processes that were started."""
        return [p.pid for p in self._processes if p.pid is not None]

    @property
    def waiting(self) -> int:
        """Requests that wait for a process."""
        return sum(map(len, self._waiting.values()))

    async def start(self) -> None:
        """Begin to start all of them; requests wait for the first."""
        loop = asyncio.get_running_loop()
        for process in list(self._idle):
            self._idle.remove(process)
            starting = loop.run_in_executor(self._threads, process.start)
            starting.add_done_callback(functools.partial(self._started, process))

    def _started(self, process: _Process, done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and done.exception() is not None:
            logger.error("a process for redaction did not start: %s", type(done.exception()).__name__)
        self._release(process)

    async def stop(self) -> None:
        """End them; what is under way has been answered or is refused."""
        self._closed = True
        for queue in self._waiting.values():
            for future in queue:
                if not future.done():
                    future.set_exception(Unavailable("the gateway is stopping: send again"))
        for process in self._processes:
            process.interrupt()
        await asyncio.to_thread(self._threads.shutdown, wait=True)
        for process in self._processes:
            process.kill()

    async def take(self, signal: str, body: bytes, tenant: str, *, is_json: bool, synthetic: bool) -> Parts:
        """Take an export request apart.

        Raises
        ------
        BadRecord
            If the body is no such request.
        Refused
            If too many requests wait already, or this one takes too long.
        Unavailable
            If the process died: the same request may be sent again.

        Cancelled while it waits for a process, the request is never redacted; later, its process finishes it.
        """
        process = await self._acquire(tenant)
        head = {"signal": signal, "tenant": tenant, "json": is_json, "synthetic": synthetic}
        working = asyncio.ensure_future(self._exchange(process, head, body))
        working.add_done_callback(functools.partial(self._done, process))  # also where nobody waits any more
        answer, data = await asyncio.shield(working)
        return _parts(answer, data)

    async def _exchange(
        self, process: _Process, head: Mapping[str, Any], body: bytes
    ) -> tuple[dict[str, Any], bytes]:
        loop = asyncio.get_running_loop()
        late = False

        def stop_it() -> None:
            nonlocal late
            late = True
            process.interrupt()

        timer: asyncio.TimerHandle | None = None
        try:
            if not process.is_running:  # not counted: the machine may be busy
                await loop.run_in_executor(self._threads, process.start)
            timer = loop.call_later(self._most_s, stop_it)
            return await loop.run_in_executor(self._threads, process.exchange, head, body)
        except (EOFError, OSError) as error:
            self._metrics.add(metrics.REDACTION_RESTARTS)
            if late:
                said = f"redaction took longer than {self._most_s:g} s: send smaller batches"
                raise Refused(TOO_COSTLY, said) from error
            raise Unavailable("the process that redacts ended: send again") from error
        finally:
            if timer is not None:
                timer.cancel()

    async def _acquire(self, tenant: str) -> _Process:
        if self._closed:
            raise Unavailable("the gateway is stopping: send again")
        if self._idle and not self._waiting:
            return self._idle.pop()
        queue = self._waiting.setdefault(tenant, deque())
        if len(queue) >= MOST_WAITING:
            raise Refused(BUSY, f"{MOST_WAITING} requests wait for redaction already: send again in a moment")
        future: asyncio.Future[_Process] = asyncio.get_running_loop().create_future()
        queue.append(future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._release(future.result())
            elif future in queue:  # whoever is gone takes nobody's place
                queue.remove(future)
                if not queue and self._waiting.get(tenant) is queue:
                    del self._waiting[tenant]
            raise

    def _done(self, process: _Process, working: asyncio.Future[Any]) -> None:
        if not working.cancelled():
            working.exception()  # known, where the client went away meanwhile
        self._release(process)

    def _release(self, process: _Process) -> None:
        """Give a process to the next in turn."""
        while self._waiting:
            tenant, queue = self._waiting.popitem(last=False)
            while queue:
                future = queue.popleft()
                if future.done():
                    continue
                if queue:
                    self._waiting[tenant] = queue  # last in turn now
                future.set_result(process)
                return
        self._idle.append(process)


def _parts(answer: Mapping[str, Any], data: bytes) -> Parts:
    error = answer.get("error")
    if error is not None:
        raise BadRecord(error) if answer["bad"] else Defect(error)
    pieces, at = [], 0
    for partition, records, size in answer["pieces"]:
        pieces.append(Piece(partition, data[at : at + size], records))
        at += size
    return Parts(answer["records"], pieces, answer.get("rejected", {}), answer.get("removed", {}))


def pool_of(settings: Settings, counters: Metrics) -> RedactionPool:
    """The processes that the settings ask for."""
    gateway = settings.gateway
    configuration = {
        "home": str(settings.home),
        "redaction": {tenant: chosen.types for tenant, chosen in settings.redaction.items()},
        "partitions": settings.kafka.partitions,
        "text_ms": gateway.redaction_text_ms,
        "text_chars": gateway.redaction_text_mib * MIB,
        "request_ms": gateway.redaction_request_ms,
    }
    processes = gateway.redaction_processes or min(MOST_PROCESSES, os.cpu_count() or 1)
    return RedactionPool(configuration, counters, processes, most_s=20 + gateway.redaction_request_ms / 250)
