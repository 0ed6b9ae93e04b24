"""Asks a probe without waiting for it longer than allowed, and without keeping the process from ending."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from infra.embedded.child_spec import NotReady, Probe


class Probing:
    """One probe, asked on threads of its own. A probe that hangs is asked again only when it has returned."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._hangs = False

    async def problem(self, within_s: float) -> str | None:
        """Why the child is not what it should be; ``None`` if it is. What the probe raises is a reason."""
        if self._hangs:
            await asyncio.sleep(within_s)
            return "an earlier question has no answer yet"
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[str | None] = loop.create_future()
        self._hangs = True

        def answer(why: str | None) -> None:
            self._hangs = False
            if not answered.done():
                answered.set_result(why)

        def ask() -> None:
            try:
                self._probe()
            except (NotReady, OSError) as error:
                why: str | None = str(error) or type(error).__name__
            except Exception as error:  # noqa: BLE001 - whatever it is, the child did not answer as it should
                why = f"{type(error).__name__}: {error}"
            else:
                why = None
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(answer, why)

        threading.Thread(target=ask, name="probe", daemon=True).start()
        try:
            # before Python 3.12 `wait_for` swallows a cancellation that comes just after the answer: whoever
            # watched a child that ended went on asking it, for as long as it may take to start
            async with asyncio.timeout(within_s):
                return await answered
        except TimeoutError:
            return f"no answer within {within_s:g} s"
