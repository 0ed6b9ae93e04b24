"""A question to a probe that is given up, at the very moment at which it is answered."""

from __future__ import annotations

import asyncio
import threading

import pytest

from infra.embedded.child_spec import NotReady
from infra.embedded.probing import Probing


@pytest.mark.parametrize("turns", range(4))
def test_a_question_given_up_as_it_is_answered_is_given_up(turns: int) -> None:
    """Whoever watches a child gives up its question when the child ends, which is also when a probe fails.

    ``turns`` of the loop lie between the answer and the cancellation.
    """
    asked, answer, answered = threading.Event(), threading.Event(), threading.Event()

    class Loop(asyncio.SelectorEventLoop):
        def call_soon_threadsafe(self, *args: object, **more: object) -> asyncio.Handle:
            handle: asyncio.Handle = super().call_soon_threadsafe(*args, **more)  # type: ignore[arg-type]
            answered.set()
            return handle

    def probe() -> None:
        asked.set()
        answer.wait(30)
        raise NotReady("connection refused")

    asking = Probing(probe)
    rounds: list[str | None] = []

    async def watch() -> None:
        while len(rounds) < 3:
            rounds.append(await asking.problem(30))

    async def end() -> bool:
        watching = asyncio.create_task(watch())
        await asyncio.to_thread(asked.wait, 30)
        answered.clear()
        answer.set()
        answered.wait(30)  # the loop stands still: the answer is waiting when it goes on
        for _ in range(turns):
            await asyncio.sleep(0)
        watching.cancel()
        await asyncio.wait({watching})
        return watching.cancelled()

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(end()), rounds
