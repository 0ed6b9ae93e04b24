"""Runs a set of children: in order, until told to stop, restarting what dies or no longer answers.

It knows nothing of what they do. Each is a `ChildSpec`; one instance runs per data directory.

>>> from pathlib import Path
>>> import sys, tempfile
>>> hello = ChildSpec(name="hello", argv=(sys.executable, "-c", "print('hello')"), once=True)
>>> with tempfile.TemporaryDirectory() as home, Supervisor(Path(home), [hello], out=None) as running:
...     running.states()["hello"].phase.value
'ended'
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TextIO

from infra.embedded.child import Child, ChildState, Phase, how_it_ended
from infra.embedded.child_log import OWN_NAME, ChildLog, Terminal
from infra.embedded.child_spec import BackOff, ChildSpec, Liveness, in_start_order
from infra.embedded.directory_lock import DirectoryLock
from infra.embedded.errors import StartFailed
from infra.embedded.reserved_ports import ReservedPorts
from infra.embedded.restart_loop import Restarted
from infra.embedded.run_file import remove_run, write_run
from infra.embedded.run_report import is_up, run_report
from infra.embedded.stop_order import stop_deadlines
from infra.instance import new_instance

OnState = Callable[[str, ChildState], None]
OnLoop = Callable[[Restarted], None]

STOP_WITHIN_S = 25.0
START_PATIENCE_S = 300.0
"""How long `Supervisor.start` waits for all to be ready at one time, when each has been ready once."""


class Supervisor:
    """Children under one data directory.

    Parameters
    ----------
    home
        Data directory: ``lock``, ``run.json`` and ``logs/<name>.log`` are kept there.
    specs
        The children, in any order.
    addresses
        Put into ``run.json`` for other commands; no secrets.
    out
        Where prefixed log lines go; None: to the files alone.
    on_state, on_ready, on_loop
        Told of every change of a child, once when all are ready at one time, and when a child begins to end
        again and again; called on the supervising thread.
    liveness
        How children are watched once they have been ready.
    ports
        Reserved ports of the children; released at the end.
    stop_within_s
        How long a stop takes at most, whatever children do.
    """

    def __init__(
        self,
        home: Path,
        specs: Sequence[ChildSpec],
        *,
        addresses: Mapping[str, str] | None = None,
        out: TextIO | None = sys.stderr,
        on_state: OnState | None = None,
        on_ready: Callable[[], None] | None = None,
        on_loop: OnLoop | None = None,
        back_off: BackOff | None = None,
        liveness: Liveness | None = None,
        ports: ReservedPorts | None = None,
        stop_within_s: float = STOP_WITHIN_S,
    ) -> None:
        self.instance = new_instance()
        """Names this run: its children answer with it (`infra.instance`)."""
        self._home = home
        self._specs = in_start_order(specs)
        self._addresses = dict(addresses or {})
        self._terminal = Terminal(out, [spec.name for spec in self._specs])
        self._on_state = on_state
        self._on_ready = on_ready
        self._on_loop = on_loop
        self._back_off = back_off or BackOff()
        self._liveness = liveness or Liveness()
        self._ports = ports or ReservedPorts()
        self._stop_within_s = stop_within_s
        self._looping: set[str] = set()
        self._moved = asyncio.Event()
        self._signalled = False
        self._states: dict[str, ChildState] = {}
        self._children: dict[str, Child] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._began_at = ""

    def run(self) -> None:
        """Start everything and stay until SIGINT, SIGTERM, SIGHUP or `stop`; then stop everything.

        For the main thread. A second signal kills what has not stopped yet.

        Raises
        ------
        StartFailed
            If a required child does not start; whatever runs has been stopped.
        AlreadyRunning
            If another instance uses the data directory.
        """
        with self._ports, DirectoryLock(self._home):
            asyncio.run(self._main(handle_signals=True))
        self._raise_failure()

    def start(self) -> None:
        """Start everything on a thread of its own; returns when all are ready.

        Raises
        ------
        StartFailed, AlreadyRunning
            As `run`.
        """
        lock = DirectoryLock(self._home)
        self._thread = threading.Thread(target=self._in_thread, args=(lock,), name=OWN_NAME, daemon=True)
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            self._raise_failure()

    def stop(self) -> None:
        """Stop everything, in reverse order; waits for it after `start`, not from within a callback."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def states(self) -> Mapping[str, ChildState]:
        """Latest state of every child; safe from any thread."""
        return dict(self._states)

    def __enter__(self) -> Supervisor:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _in_thread(self, lock: DirectoryLock) -> None:
        with self._ports, lock:
            try:
                asyncio.run(self._main(handle_signals=False))
            except BaseException as error:  # noqa: BLE001 - handed to the caller of start()
                self._failure = error
        self._started.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def _main(self, *, handle_signals: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._signalled = handle_signals
        self._began_at = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        self._children = {
            spec.name: Child(
                spec,
                ChildLog(self._home / "logs", spec.name, self._terminal),
                self._back_off,
                self._changed,
                self.instance,
                self._liveness,
            )
            for spec in self._specs
        }
        self._states = {name: child.state for name, child in self._children.items()}
        if handle_signals:
            for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._loop.add_signal_handler(signum, self._on_signal)
        try:
            await self._supervise(self._stop)
        finally:
            remove_run(self._home)
            for child in self._children.values():
                child.log.close()

    def _on_signal(self) -> None:
        if self._stop is None or not self._stop.is_set():
            self._say("stopping; once more to kill what does not stop")
            if self._stop is not None:
                self._stop.set()
            return
        for child in self._children.values():
            child.hurry.set()

    async def _supervise(self, stop: asyncio.Event) -> None:
        tasks = {name: asyncio.create_task(self._keep(child)) for name, child in self._children.items()}
        stopping = asyncio.create_task(stop.wait())
        readying = asyncio.create_task(self._all_ready())
        waiting: set[asyncio.Task[None] | asyncio.Task[bool]] = {*tasks.values(), stopping, readying}
        try:
            while not stop.is_set() and not all(task.done() for task in tasks.values()):
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    error = task.exception()
                    if error is not None and self._failure is None:
                        self._failure = error
                        stop.set()
                if readying in done and self._failure is None:
                    self._on_all_ready()
        finally:
            await self._stop_in_order(tasks)
            for task in (stopping, readying):
                task.cancel()
            await asyncio.gather(stopping, readying, *tasks.values(), return_exceptions=True)

    def _on_all_ready(self) -> None:
        if self._on_ready is not None:
            self._on_ready()
        self._started.set()

    async def _keep(self, child: Child) -> None:
        """Run a child once those it comes after are ready."""
        stopping = asyncio.create_task(child.stop.wait())
        befores = asyncio.gather(*(self._children[name].ready.wait() for name in child.spec.after))
        try:
            await asyncio.wait((befores, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            befores.cancel()
        await child.run()

    async def _all_ready(self) -> None:
        """Until all that are required are ready at one time.

        Raises
        ------
        StartFailed
            If that does not come about, for the caller of `start`.
        """
        required = [child for child in self._children.values() if child.spec.required]
        await asyncio.gather(*(child.ready.wait() for child in required))
        try:
            async with asyncio.timeout(None if self._signalled else START_PATIENCE_S):
                while not all(is_up(child.spec, child.state) for child in required):
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            down = [c for c in required if not is_up(c.spec, c.state)]
            names = ", ".join(f"{c.spec.name} is {c.state.phase.value}" for c in down)
            raise StartFailed(
                f"not everything is ready at one time: {names}; see {self._home}/logs"
            ) from None

    async def _stop_in_order(self, tasks: Mapping[str, asyncio.Task[None]]) -> None:
        """Stop each child when all that come after it have stopped, and all of them in time."""
        began_s = time.monotonic()
        for name, after_s in stop_deadlines(self._specs, self._stop_within_s).items():
            self._children[name].stop_by_s = began_s + after_s

        async def stop_one(child: Child) -> None:
            later = [stops[s.name] for s in self._specs if child.spec.name in s.after]
            if later:
                await asyncio.wait(later)
            child.stop.set()
            await asyncio.wait((tasks[child.spec.name],))

        stops: dict[str, asyncio.Task[None]] = {}
        for spec in reversed(self._specs):
            stops[spec.name] = asyncio.create_task(stop_one(self._children[spec.name]))
        await asyncio.gather(*stops.values())

    def _changed(self, name: str, state: ChildState) -> None:
        before = self._states.get(name)
        states = {**self._states, name: state}
        self._write(states)
        self._states = states  # now: who sees a state here finds it in the file
        self._moved.set()
        if before is not None and before.phase is not state.phase:
            self._announce(name, state, before)
        if self._on_state is not None:
            self._on_state(name, state)

    def _announce(self, name: str, state: ChildState, before: ChildState) -> None:
        if state.phase is Phase.BACKING_OFF:
            how = how_it_ended(state.exit_code, state.ended_because)
            self._say(f"{name} ended with {how}: start {state.restarts + 1} follows")
            self._watch_for_loop(state.restarted(name))
        elif state.phase is Phase.NOT_READY:
            self._say(f"{name} is not ready: {state.reason}")
        elif state.phase is Phase.READY and (state.restarts or before.phase is Phase.NOT_READY):
            self._say(f"{name} is ready again")

    def _watch_for_loop(self, restarted: Restarted) -> None:
        """Say it loudly, once a loop, when a child ends again and again."""
        now_ns = time.time_ns()
        if restarted.loop_since_ns(now_ns) is None:
            self._looping.discard(restarted.name)
        elif restarted.name not in self._looping:
            self._looping.add(restarted.name)
            log = self._home / "logs" / f"{restarted.name}.log"
            self._say(f"NOT READY: {restarted.text(now_ns)}; it is tried again for ever. Why: {log}")
            if self._on_loop is not None:
                self._on_loop(restarted)

    def _say(self, text: str) -> None:
        self._terminal.line(OWN_NAME, text)

    def _write(self, states: Mapping[str, ChildState]) -> None:
        head = {
            "pid": os.getpid(),
            "instance": self.instance,
            "started_at": self._began_at,
            "addresses": self._addresses,
        }
        try:
            write_run(self._home, {**head, **run_report(self._specs, states, time.time_ns())})
        except OSError as error:  # a full disk is no reason to stop what runs
            self._say(f"run.json in {self._home} could not be written: {error.strerror}")
