"""Channels that hear again and again how things stand, not only when something happens.

An Alertmanager forgets what it is not told of for a while, and PagerDuty goes on calling people until it
hears that one took the incident. Both are told from what stands now: the service says so after every change
and after a restart, from stored incidents. Between two such words the last one is repeated, so a service that
waits for its store lets no alert lapse. Nothing of this is written down: how things stand is no message.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from alerts.notify.breaker import backoff_s
from alerts.notify.protocol import SENT, Delivery, Outcome
from infra.clock import NS_PER_S, Clock

logger = logging.getLogger(__name__)

SOON_S = 1.0
"""Sleep while everything that stands waits for a message on its way."""
REST_S = 60.0
"""Longest sleep: whoever sleeps is woken when there is something to do."""


@runtime_checkable
class Follower(Protocol):
    """What a notifier has besides `Notifier` if it follows incidents."""

    @property
    def every_s(self) -> float:
        """Seconds between two times of saying the same."""

    def follow(self, standing: Sequence[Delivery]) -> Outcome:
        """Say how the incidents stand that it was told of. It never raises for what the channel does."""


class Following:
    """Repeats how things stand to one follower. One thread runs it; `stands` and `forget` are for any."""

    def __init__(self, follower: Follower, clock: Clock, chance: Callable[[], float] = random.random) -> None:
        self._follower = follower
        self._clock = clock
        self._chance = chance
        self._standing: tuple[Delivery, ...] = ()
        self._failures = 0
        self._next_ns = 0

    def update(self, standing: Sequence[Delivery]) -> bool:
        """Take how things stand now; whether that is news."""
        news = tuple(standing) != self._standing
        self._standing = tuple(standing)
        return news

    def forget(self) -> None:
        """Another process says it now; when this one does again, it begins at once."""
        self._standing, self._next_ns = (), 0

    def run(self, newest: Callable[[Sequence[Delivery]], list[Delivery]]) -> float:
        """Say how things stand if it is time to; give the seconds until it is again.

        ``newest`` picks what can be said now: things are said in order, so nothing is while a message is on
        its way, and nothing that is older than the last message.
        """
        now_ns = self._clock.now_ns()
        if not self._standing:
            return REST_S
        if now_ns < self._next_ns:
            return (self._next_ns - now_ns) / NS_PER_S
        standing = newest(self._standing)
        if not standing:
            return min(SOON_S, self._follower.every_s)
        outcome = self._follower.follow(standing)
        wait_s = self._follower.every_s
        if outcome.outcome != SENT:
            self._failures += 1
            wait_s = min(wait_s, backoff_s(self._failures, self._chance(), outcome.wait_s))
        self._report(outcome, standing[0].receiver)
        self._next_ns = self._clock.now_ns() + int(wait_s * NS_PER_S)
        return wait_s

    def _report(self, outcome: Outcome, receiver: str) -> None:
        """Say when it begins to fail, and when it works again."""
        if outcome.outcome == SENT and self._failures:
            logger.info("%s hears again how things stand", receiver)
            self._failures = 0
        elif self._failures == 1:
            logger.warning("%s does not hear how things stand: %s", receiver, outcome.reason)
