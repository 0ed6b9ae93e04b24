"""A thread that sends what is due to one receiver, so that a slow one keeps nobody waiting."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.faults import DELIVERIES, Faults
from alerts.notify.pipeline import Pipeline
from alerts.notify.protocol import Delivery, Message, Notifier
from alerts.notify.status_follower import Following
from infra.supervised_thread import SupervisedThread

FOLLOWING = "following"
FOLLOW_AGAIN_S = 30.0
"""Until a channel hears again how things stand after our own code failed on it."""


class Sender:
    """Runs a pipeline until it is stopped. What the pipeline itself raises is noted in ``faults``.

    ``following`` is there if the channel hears how things stand, too.
    """

    def __init__(
        self, name: str, pipeline: Pipeline, faults: Faults, following: Following | None = None
    ) -> None:
        self._name = name
        self._pipeline = pipeline
        self._following = following
        self._faults = faults
        self.loop = SupervisedThread(
            f"sender-{name}", self._run, lambda error: faults.note(DELIVERIES, error, name)
        )

    def start(self) -> None:
        """Begin."""
        self.loop.start()

    def add(self, delivery: Message, attempts: int, done: bool) -> None:
        """Take a delivery, or learn that it was done."""
        if done:
            self._pipeline.finished([delivery.dedup_key])
            return
        self._pipeline.add(delivery, attempts)
        self.loop.wake()

    def becomes(self, notifier: Notifier, following: Following | None) -> None:
        """Send through another channel from now on; what is due stays due."""
        self._following = following
        self._pipeline.becomes(notifier)
        self.loop.wake()

    def leave(self) -> None:
        """Finish the attempt under way and begin no other; does not wait for that."""
        self._pipeline.leave()
        self.loop.stop(0.0)

    def left(self) -> list[tuple[Message, int]] | None:
        """What it leaves undone, with how often each was tried; ``None`` while that is not known.

        That is while an attempt is under way, or its outcome cannot be written down.
        """
        if self.loop.is_alive:
            return None
        self._pipeline.run()
        return self._pipeline.left()

    @property
    def follows(self) -> bool:
        """Whether the channel hears how things stand."""
        return self._following is not None

    def idle(self, standing: Sequence[Delivery]) -> None:
        """Take how the incidents stand that this receiver was told of."""
        if self._following is not None and self._following.update(standing):
            self.loop.wake()

    def forget(self) -> None:
        """Another process sends now; what is due comes back with the next load, if it comes back to us."""
        self._pipeline.forget()
        if self._following is not None:
            self._following.forget()

    @property
    def waiting(self) -> int:
        """How many deliveries are due."""
        return self._pipeline.waiting

    @property
    def down_since_ns(self) -> int | None:
        """Since when the receiver takes nothing; ``None`` if it does, or if nothing was sent."""
        return self._pipeline.breaker.down_since_ns

    @property
    def down_why(self) -> str:
        """Why the receiver takes nothing, as its first failure in a row said."""
        return self._pipeline.breaker.failing_why

    @property
    def answered(self) -> bool:
        """Whether the receiver has answered since this process began."""
        return self._pipeline.breaker.answered

    def try_now(self) -> None:
        """The receiver works again: what is due to it need not wait."""
        self._pipeline.breaker.succeeded()
        self.loop.wake()

    def _run(self) -> float:
        wait_s = self._pipeline.run()
        following = self._following  # its channel is not closed before the next run
        if following is not None:
            standing_s = FOLLOW_AGAIN_S
            with self._faults.isolate(FOLLOWING, self._name):
                standing_s = following.run(self._pipeline.newest)
            wait_s = min(wait_s, standing_s)
        return wait_s

    def stop(self, wait_s: float) -> None:
        """Finish the attempt under way, within ``wait_s``; what is due stays due in the log."""
        self.loop.stop(wait_s)
        if not self.loop.is_alive:
            self._pipeline.close()
