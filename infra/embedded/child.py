"""The life of one child: start, wait until it is ready, watch it, restart with growing pauses, stop."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import os
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass, replace

from infra.embedded.child_log import ChildLog
from infra.embedded.child_spec import BackOff, ChildSpec, Liveness, Probe, Restart
from infra.embedded.errors import StartFailed
from infra.embedded.listeners import owned_by
from infra.embedded.parent_watch import tethered
from infra.embedded.probing import Probing
from infra.embedded.readiness import http_ready
from infra.embedded.restart_loop import KEPT, Restarted
from infra.instance import VARIABLE
from infra.private_files import UMASK

PROBE_EVERY_S = 0.05
READ_BYTES = 64 << 10
DRAIN_S = 1.0
START_ANSWER_S = 10.0
"""How long one question may take while a child starts."""
WEDGED_GRACE_S = 5.0
"""How long a child that does not answer may take to end by itself."""
KILLED_S = 2.0
"""How long the kernel may take to end a process that was killed."""
LOOK_AGAIN_S = 0.25
UNREADY = 2
"""Questions in a row that must fail before a child that was ready is not: one may be lost."""


class Phase(enum.Enum):
    """Where a child is in its life."""

    WAITING = "waiting"
    """For those it comes after."""
    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not_ready"
    """It was ready and is not now; it runs, and says or shows why."""
    BACKING_OFF = "backing_off"
    """It ended or never got ready, and will be started again."""
    STOPPING = "stopping"
    ENDED = "ended"
    """Stopped, or ended and not to be started again."""


@dataclass(frozen=True, slots=True)
class ChildState:
    """A child at one moment. ``exit_code`` is that of its latest end (negative: killed by that signal).

    ``reason`` is why it is not ready now, ``ended_because`` why we ended it the last time, if we did, and
    ``restarted_ns`` when its latest restarts were, oldest first.
    """

    phase: Phase
    pid: int | None
    restarts: int
    exit_code: int | None
    since_ns: int
    reason: str = ""
    ended_because: str = ""
    restarted_ns: tuple[int, ...] = ()

    def restarted(self, name: str) -> Restarted:
        """Its restarts."""
        return Restarted(
            name, self.restarts, self.restarted_ns, how_it_ended(self.exit_code, self.ended_because)
        )


def how_it_ended(exit_code: int | None, reason: str = "") -> str:
    """How a child ended, in words."""
    if exit_code is None:
        return ""
    how = f"exit code {exit_code}" if exit_code >= 0 else f"signal {_signal_name(-exit_code)}"
    return f"{how} ({reason})" if reason else how


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


class Child:
    """Runs one child for as long as its supervisor does. Everything happens in one event loop.

    ``instance`` is given to it, and its answers must name it where the spec says that they do.
    """

    def __init__(
        self,
        spec: ChildSpec,
        log: ChildLog,
        back_off: BackOff,
        changed: Callable[[str, ChildState], None],
        instance: str = "",
        liveness: Liveness | None = None,
    ) -> None:
        self.spec = spec
        self.log = log
        self.ready = asyncio.Event()
        """Set when it was ready for the first time."""
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.stop_by_s: float | None = None
        """When it must have ended, on the monotonic clock; its grace is cut to that."""
        self.state = ChildState(Phase.WAITING, None, 0, None, time.time_ns())
        self._back_off = back_off
        self._changed = changed
        self._instance = instance
        self._liveness = liveness or Liveness()
        self._ready = self._probe(spec.ready, self._liveness.timeout_s)
        self._alive = self._probe(spec.alive, self._liveness.timeout_s)
        self._why = ""
        """Why it was terminated, if we did it."""

    def _probe(self, given: str | Probe | None, timeout_s: float) -> Probe | None:
        if not isinstance(given, str):
            return given
        return http_ready(given, timeout_s, self._instance if self.spec.identified else "")

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
            ended_well = code == 0 and not self._why and (self.ready.is_set() or self.spec.once)
            if self.stop.is_set():
                break
            if not self.ready.is_set() and self.spec.required:
                raise StartFailed(self._failure(code))
            if self._is_over(ended_well):
                break
            stable = self.ready.is_set() and time.monotonic() - began > self._back_off.stable_s
            failures = 1 if stable else failures + 1
            restarts += 1
            times_ns = (*self.state.restarted_ns, time.time_ns())[-KEPT:]
            self.state = replace(self.state, restarted_ns=times_ns, ended_because=self._why)
            self._set(Phase.BACKING_OFF, None, restarts, code)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._back_off.pause_s(failures)):
                    await self.stop.wait()
        self._set(Phase.ENDED, None, restarts, code)

    def _is_over(self, ended_well: bool) -> bool:
        if self.spec.once:
            return ended_well
        if self.spec.restart is Restart.ON_FAILURE:
            return ended_well
        return self.spec.restart is Restart.NEVER

    async def _once(self, restarts: int) -> int:
        """Run the program one time, to its end; the exit code."""
        self._why = ""
        loop = asyncio.get_running_loop()
        read_fd, write_fd = os.pipe()
        reader = asyncio.StreamReader()
        pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb", 0)
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *tethered(list(self.spec.argv)),
                env={**os.environ, "PYTHONUNBUFFERED": "1", VARIABLE: self._instance, **self.spec.env},
                cwd=self.spec.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_fd,
                stderr=write_fd,
                start_new_session=True,
                umask=UMASK,
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
        """From started to ended, by itself, by command, or because it never got ready or is wedged."""
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self.stop.wait())
        watching = asyncio.create_task(self._until_wedged(process.pid, restarts))
        try:
            waited: set[asyncio.Task[int] | asyncio.Task[bool] | asyncio.Task[str]] = {ended, stopping}
            await asyncio.wait({*waited, watching}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                if self.spec.once and ended.result() == 0:
                    self.ready.set()
                return ended.result()
            if stopping.done():
                self._set(Phase.STOPPING, process.pid, restarts, self.state.exit_code)
                return await self._terminate(process, ended, self.spec.grace_s)
            self._why = watching.result()
            return await self._terminate(process, ended, min(self.spec.grace_s, WEDGED_GRACE_S))
        finally:
            for task in (watching, stopping):
                task.cancel()
            await asyncio.gather(watching, stopping, return_exceptions=True)

    async def _until_wedged(self, pid: int, restarts: int) -> str:
        """Follow it for as long as there is no reason to end it; the reason."""
        if self.spec.once:
            await asyncio.Event().wait()
        owned = owned_by(pid, self.spec.ports.values())
        starting = None if self._ready is None else Probing(_all(self._ready, owned))
        alive = None if self._alive is None else Probing(self._alive)
        why = await self._until_ready(starting, alive, pid, restarts)
        if why is not None:
            return why
        if starting is None and alive is None:
            await asyncio.Event().wait()
        asked = Probing(owned) if alive is not None and self.spec.alive == self.spec.ready else starting
        lost = unready = 0
        while True:
            kept_waiting = await self._pause()
            why = None if alive is None else await alive.problem(self._liveness.timeout_s)
            if why is not None and not kept_waiting:
                lost += 1
                if lost >= self._liveness.failures:
                    return f"it did not answer {lost} times in a row: {why}"
            elif why is None:
                lost = 0
                why = None if asked is None else await asked.problem(self._liveness.timeout_s)
            unready = 0 if why is None else unready + 1
            if why is None and self.state.phase is not Phase.READY:
                self._is_ready(pid, restarts)
            elif why is not None and unready >= UNREADY:
                self._is_not_ready(pid, restarts, why)

    async def _pause(self) -> bool:
        """Wait for the next question; whether that took much longer than it should."""
        began = time.monotonic()
        await asyncio.sleep(self._liveness.every_s)
        return time.monotonic() - began - self._liveness.every_s > self._liveness.late_s

    async def _until_ready(
        self, asked: Probing | None, alive: Probing | None, pid: int, restarts: int
    ) -> str | None:
        """Wait until it is ready in this life; the reason to end it if that takes too long.

        A child that was ready in an earlier life, answers, and waits for something, is not ended for it.
        """
        deadline = time.monotonic() + self.spec.ready_timeout_s
        while asked is not None and (why := await asked.problem(START_ANSWER_S)) is not None:
            if time.monotonic() > deadline:
                lives = alive is not None and await alive.problem(self._liveness.timeout_s) is None
                if lives and (self.ready.is_set() or not self.spec.required):
                    self._is_not_ready(pid, restarts, why)
                    return None
                return f"it was not ready after {self.spec.ready_timeout_s:g} s: {why}"
            await asyncio.sleep(PROBE_EVERY_S)
        self._is_ready(pid, restarts)
        return None

    def _is_ready(self, pid: int, restarts: int) -> None:
        self._set(Phase.READY, pid, restarts, self.state.exit_code)
        self.ready.set()

    def _is_not_ready(self, pid: int, restarts: int, why: str) -> None:
        if self.state.phase is not Phase.NOT_READY or self.state.reason != why:
            self.state = replace(self.state, reason=why)
            self._set(Phase.NOT_READY, pid, restarts, self.state.exit_code)

    async def _terminate(self, process: Process, ended: asyncio.Task[int], grace_s: float) -> int:
        """SIGTERM, and SIGKILL to all it started when its grace is over or we are in a hurry.

        SIGCONT lets a stopped process see the SIGTERM. One that the kernel does not end is left to it.
        """
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            os.killpg(process.pid, signal.SIGCONT)
        over_s = time.monotonic() + grace_s
        hurrying = asyncio.create_task(self.hurry.wait())
        while not (ended.done() or hurrying.done()):
            left_s = min(over_s, self.stop_by_s or over_s) - time.monotonic()  # a stop may begin meanwhile
            if left_s <= 0:
                break
            await asyncio.wait(
                {ended, hurrying}, timeout=min(left_s, LOOK_AGAIN_S), return_when=asyncio.FIRST_COMPLETED
            )
        hurrying.cancel()
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.wait({ended}, timeout=KILLED_S)
        return ended.result() if ended.done() else -signal.SIGKILL

    async def _pump(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(READ_BYTES):
            self.log.feed(data)

    def _failure(self, code: int) -> str:
        last = "\n".join(f"  {line}" for line in self.log.tail) or "  (nothing)"
        how = f"{self._why or 'it ended'} ({how_it_ended(code)})"
        return f"{self.spec.name} did not start: {how}. Its last lines ({self.log.path}):\n{last}"

    def _set(self, phase: Phase, pid: int | None, restarts: int, exit_code: int | None) -> None:
        since_ns = self.state.since_ns if phase is self.state.phase else time.time_ns()
        reason = self.state.reason if phase is Phase.NOT_READY else ""
        self.state = replace(
            self.state,
            phase=phase,
            pid=pid,
            restarts=restarts,
            exit_code=exit_code,
            since_ns=since_ns,
            reason=reason,
        )
        self._changed(self.spec.name, self.state)


def _all(*probes: Probe) -> Probe:
    """Probe that is satisfied when all are."""

    def probe() -> None:
        for one in probes:
            one()

    return probe
