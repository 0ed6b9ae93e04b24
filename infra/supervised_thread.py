"""A thread that does one thing again and again. No exception ends it; if it ends all the same, that shows."""

from __future__ import annotations

import threading
from collections.abc import Callable

FIRST_S, LONGEST_S = 1.0, 60.0
"""How long it waits after a failure; twice as long after the next, up to the longest."""


class SupervisedThread:
    """Calls ``step`` until it is stopped.

    Parameters
    ----------
    name
        Of the thread.
    step
        Gives the seconds to wait until it is called again.
    failed
        Takes every exception that a step raises. The loop goes on after a pause.
    first_s
        Seconds before the first step.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float],
        failed: Callable[[Exception], object],
        first_s: float = 0.0,
    ) -> None:
        self._step, self._failed, self._first_s = step, failed, first_s
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = False

    def start(self) -> None:
        """Begin."""
        self._started = True
        self._thread.start()

    def wake(self) -> None:
        """Call the step now."""
        self._wake.set()

    def stop(self, wait_s: float) -> None:
        """End after the step under way; wait for that at most ``wait_s`` seconds."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    @property
    def is_alive(self) -> bool:
        """Whether a step may be under way."""
        return self._thread.is_alive()

    @property
    def problem(self) -> str | None:
        """Why the process must be restarted, if the thread has ended without being stopped."""
        if self._started and not self._stop.is_set() and not self._thread.is_alive():
            return f"the thread {self._thread.name} has ended"
        return None

    def _run(self) -> None:
        self._wake.wait(self._first_s)
        failures = 0
        while not self._stop.is_set():
            self._wake.clear()
            try:
                wait_s = self._step()
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the next step may succeed
                wait_s = min(FIRST_S * 2.0 ** min(failures, 16), LONGEST_S)
                failures += 1
                self._failed(error)
            self._wake.wait(wait_s)
