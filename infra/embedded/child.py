"""The life of one child: start, wait until it is ready, restart with growing pauses, stop."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import os
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass

from infra.embedded.child_log import ChildLog
from infra.embedded.child_spec import BackOff, ChildSpec, NotReady, Probe, Restart
from infra.embedded.errors import StartFailed
from infra.embedded.readiness import http_ready
from infra.embedded.tether import tethered

PROBE_EVERY_S = 0.05
READ_BYTES = 64 << 10
DRAIN_S = 1.0


class Phase(enum.Enum):
    """Where a child is in its life."""

    WAITING = "waiting"
    """For those it comes after."""
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing_off"
    """It ended or never got ready, and will be started again."""
    STOPPING = "stopping"
    ENDED = "ended"
    """Stopped, or ended and not to be started again."""


@dataclass(frozen=True, slots=True)
class ChildState:
    """A child at one moment. ``exit_code`` is that of its latest end (negative: killed by that signal)."""

    phase: Phase
    pid: int | None
    restarts: int
    exit_code: int | None
    since_ns: int


class Child:
    """Runs one child for as long as its supervisor does. Everything happens in one event loop."""

    def __init__(
        self, spec: ChildSpec, log: ChildLog, back_off: BackOff, changed: Callable[[str, ChildState], None]
    ) -> None:
        self.spec = spec
        self.log = log
        self.ready = asyncio.Event()
        """Set when it was ready for the first time."""
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.state = ChildState(Phase.WAITING, None, 0, None, time.time_ns())
        self._back_off = back_off
        self._changed = changed
        self._probe: Probe | None = http_ready(spec.ready) if isinstance(spec.ready, str) else spec.ready
        self._why = "it ended"

    async def run(self) -> None:
        """Start and keep alive until told to stop.

        Raises
        ------
        StartFailed
            If it is required and its first start fails.
        """
        failures = 0
        restarts = 0
        code = None
        while not self.stop.is_set():
            began = time.monotonic()
            code = await self._once(restarts)
            ended_well = code == 0 and (self.ready.is_set() or self.spec.once)
            if self.stop.is_set():
                break
            if not self.ready.is_set() and self.spec.required:
                raise StartFailed(self._failure(code))
            if self._is_over(ended_well):
                break
            stable = self.ready.is_set() and time.monotonic() - began > self._back_off.stable_s
            failures = 1 if stable else failures + 1
            restarts += 1
            self._set(Phase.BACKING_OFF, None, restarts, code)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), self._back_off.pause_s(failures))
        self._set(Phase.ENDED, None, restarts, code)

    def _is_over(self, ended_well: bool) -> bool:
        if self.spec.once:
            return ended_well
        if self.spec.restart is Restart.ON_FAILURE:
            return ended_well
        return self.spec.restart is Restart.NEVER

    async def _once(self, restarts: int) -> int:
        """Run the program one time, to its end; the exit code."""
        self._why = "it ended"
        loop = asyncio.get_running_loop()
        read_fd, write_fd = os.pipe()
        reader = asyncio.StreamReader()
        pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb", 0)
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *tethered(list(self.spec.argv)),
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.spec.env},
                cwd=self.spec.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_fd,
                stderr=write_fd,
                start_new_session=True,
            )
        except OSError:
            pipe.close()
            raise
        finally:
            os.close(write_fd)
        self._set(Phase.STARTING, process.pid, restarts, self.state.exit_code)
        pump = asyncio.create_task(self._pump(reader))
        try:
            code = await self._watch(process, restarts)
        finally:
            # what it left behind goes too, or would keep the pipe and its ports
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.wait((pump,), timeout=DRAIN_S)
            pump.cancel()
            pipe.close()
            self.log.flush()
        return code

    async def _watch(self, process: Process, restarts: int) -> int:
        """From started to ended, by itself, by command, or because it never got ready."""
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self.stop.wait())
        readying = asyncio.create_task(self._until_ready())
        pending: set[asyncio.Task[int] | asyncio.Task[bool] | asyncio.Task[None]] = {ended, stopping}
        try:
            if not self.spec.once:
                await asyncio.wait({*pending, readying}, return_when=asyncio.FIRST_COMPLETED)
                if not ended.done() and not stopping.done():
                    if readying.exception() is not None:
                        self._why = str(readying.exception())
                        return await self._terminate(process, ended)
                    self._set(Phase.READY, process.pid, restarts, self.state.exit_code)
                    self.ready.set()
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                if self.spec.once and ended.result() == 0:
                    self.ready.set()
                return ended.result()
            self._set(Phase.STOPPING, process.pid, restarts, self.state.exit_code)
            return await self._terminate(process, ended)
        finally:
            for task in (readying, stopping):
                task.cancel()
            await asyncio.gather(readying, stopping, return_exceptions=True)

    async def _until_ready(self) -> None:
        """Probe until it is satisfied.

        Raises
        ------
        StartFailed
            If that takes too long; the text is the latest reason.
        """
        if self._probe is None or self.spec.once:
            return
        deadline = time.monotonic() + self.spec.ready_timeout_s
        while True:
            try:
                await asyncio.to_thread(self._probe)
            except (OSError, NotReady) as error:
                if time.monotonic() > deadline:
                    raise StartFailed(
                        f"it was not ready after {self.spec.ready_timeout_s:g} s: {error}"
                    ) from error
            else:
                return
            await asyncio.sleep(PROBE_EVERY_S)

    async def _terminate(self, process: Process, ended: asyncio.Task[int]) -> int:
        """SIGTERM, and SIGKILL to all it started when its grace is over or we are in a hurry."""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        hurrying = asyncio.create_task(self.hurry.wait())
        await asyncio.wait({ended, hurrying}, timeout=self.spec.grace_s, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return await ended

    async def _pump(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(READ_BYTES):
            self.log.feed(data)

    def _failure(self, code: int) -> str:
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        last = "\n".join(f"  {line}" for line in self.log.tail) or "  (nothing)"
        return (
            f"{self.spec.name} did not start: {self._why} ({how}). Its last lines ({self.log.path}):\n{last}"
        )

    def _set(self, phase: Phase, pid: int | None, restarts: int, exit_code: int | None) -> None:
        since_ns = self.state.since_ns if phase is self.state.phase else time.time_ns()
        self.state = ChildState(phase, pid, restarts, exit_code, since_ns)
        self._changed(self.spec.name, self.state)
