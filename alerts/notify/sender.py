"""A thread that sends what is due to one receiver, so that a slow one keeps nobody waiting."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from alerts.notify.follower import Following
from alerts.notify.pipeline import Pipeline
from alerts.notify.protocol import Delivery, Message

logger = logging.getLogger(__name__)


class Sender:
    """Runs a pipeline until it is stopped. ``failed`` is called if the pipeline itself breaks: our bug.

    ``following`` is there if the channel hears how things stand, too.
    """

    def __init__(
        self,
        name: str,
        pipeline: Pipeline,
        failed: Callable[[BaseException], None],
        following: Following | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._following = following
        self._failed = failed
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sender-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add(self, delivery: Message, attempts: int, done: bool) -> None:
        """Take a delivery, or learn that it was done."""
        if done:
            self._pipeline.finished([delivery.dedup_key])
            return
        self._pipeline.add(delivery, attempts)
        self._wake.set()

    @property
    def follows(self) -> bool:
        """Whether the channel hears how things stand."""
        return self._following is not None

    def stands(self, standing: Sequence[Delivery]) -> None:
        """Take how the incidents stand that this receiver was told of."""
        if self._following is not None and self._following.stands(standing):
            self._wake.set()

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
    def answered(self) -> bool:
        """Whether the receiver has answered since this process began."""
        return self._pipeline.breaker.answered

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                wait_s = self._pipeline.run()
                if self._following is not None:
                    wait_s = min(wait_s, self._following.run(self._pipeline.newest))
                self._wake.wait(wait_s)
                self._wake.clear()
        except Exception as error:
            logger.exception("sending broke")
            self._failed(error)
        finally:
            self._pipeline.close()

    def stop(self, wait_s: float) -> None:
        """Finish the attempt under way, within ``wait_s``; what is due stays due in the log."""
        self._stop.set()
        self._wake.set()
        self._thread.join(wait_s)
