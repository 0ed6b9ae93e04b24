"""Deliveries of one receiver: in order, with retries, and with an intent stored before each attempt.

For every delivery the log gets a row ``sending`` before the attempt and its outcome after it. A process
killed between the two cannot know whether the message arrived: it is tried again under the same key. So a
delivery is made exactly once, or, after such a kill, at most once more under the same idempotency key.

Messages about one incident go out in the order in which things happened. A delivery is given up when the
receiver refuses it for good, after `GIVE_UP_S`, or when our own code has failed on it `MOST_DEFECTS` times;
others are sent meanwhile. One whose attempts cannot be written down is sent without.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from alerts.errors import Unavailable
from alerts.faults import DELIVERIES, OF_THE_WHOLE, ROWS, Faults
from alerts.notify.breaker import Breaker, backoff_s
from alerts.notify.late_mark import marked
from alerts.notify.protocol import (
    GAVE_UP,
    MAX_REASON,
    RETRY,
    SENDING,
    SENT,
    Delivery,
    Digesting,
    Message,
    Notifier,
    Outcome,
)
from infra.clock import NS_PER_S, Clock

logger = logging.getLogger(__name__)

GIVE_UP_S = 24 * 3600.0
"""How long a message is tried; a page a day late helps nobody."""

MOST_DEFECTS = 5
"""How often a message is tried that our own code fails on."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of the delivery log."""

    delivery: Message
    number: int
    outcome: str
    code: int | None
    reason: str
    at_ns: int
    reference: str = ""


class DeliveryLog(Protocol):
    """Where attempts are written down."""

    def record_attempt(self, attempt: Attempt) -> None:
        """Store one row; the same row again is the same row.

        Raises
        ------
        Unavailable
            If it cannot be stored now.
        """


@dataclass(slots=True, eq=False)
class _Due:
    delivery: Message
    since_ns: int
    attempts: int = 0
    not_before_ns: int = 0
    defects: int = 0
    unrecorded: Attempt | None = None


class Pipeline:
    """Due deliveries of one receiver. One thread runs it; all but `run` and `close` are for any."""

    def __init__(
        self,
        notifier: Notifier,
        log: DeliveryLog,
        clock: Clock,
        chance: Callable[[], float] = random.random,
        breaker: Breaker | None = None,
        faults: Faults | None = None,
    ) -> None:
        self._faults = faults or Faults(clock)
        self._notifier = notifier
        self._log = log
        self._clock = clock
        self._chance = chance
        self.breaker = breaker or Breaker()
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._newest: dict[str, int] = {}
        self._due: list[_Due] = []
        self._retired: list[Notifier] = []
        self._leaving = False

    def becomes(self, notifier: Notifier) -> None:
        """Send through another channel from now on; an attempt under way ends with the one it began with."""
        with self._lock:
            self._retired.append(self._notifier)
            self._notifier = notifier

    def leave(self) -> None:
        """Begin no attempt any more."""
        self._leaving = True

    def left(self) -> list[tuple[Message, int]] | None:
        """What is due after `leave`, and how often each was tried; ``None``: an outcome is not stored yet."""
        with self._lock:
            if any(due.unrecorded is not None for due in self._due):
                return None
            return [(due.delivery, due.attempts) for due in self._due]

    def add(self, delivery: Message, attempts: int = 0) -> None:
        """Take a delivery that is due, ``attempts`` of which were made; one that is known is left out."""
        with self._lock:
            if delivery.dedup_key not in self._known:
                self._known.add(delivery.dedup_key)
                newest = self._newest.get(delivery.incident_id, 0)
                self._newest[delivery.incident_id] = max(newest, delivery.seq)
                self._due.append(_Due(delivery, self._clock.now_ns(), attempts))

    def finished(self, dedup_keys: Iterable[str]) -> None:
        """Keys that the log says are done; they are never sent again."""
        with self._lock:
            self._known.update(dedup_keys)

    def forget(self) -> None:
        """Let another process do the rest; an attempt under way is finished."""
        with self._lock:
            self._due, self._known, self._newest = [], set(), {}

    @property
    def waiting(self) -> int:
        """How many deliveries are due."""
        return len(self._due)

    def newest(self, standing: Sequence[Delivery]) -> list[Delivery]:
        """Of how incidents stand, what may be said: no message about it is due, and none was newer."""
        with self._lock:
            due = {d.delivery.incident_id for d in self._due}
            return [
                d
                for d in standing
                if d.incident_id not in due and d.seq >= self._newest.get(d.incident_id, 0)
            ]

    def run(self) -> float:
        """Try what may be tried now; give the seconds until something can be tried again (at most 60)."""
        self._renew()
        held: set[str] = set()
        wake_ns = self._clock.now_ns() + 60 * NS_PER_S
        for due in sorted(self._due, key=lambda d: d.delivery.seq):
            incident = due.delivery.incident_id
            if incident in held or due not in self._due:
                continue
            if self._leaving and due.unrecorded is None:
                continue
            if due.unrecorded is None:
                now = self._clock.now_ns()
                ready = max(due.not_before_ns, self.breaker.open_until_ns)
                if now < ready:
                    held.add(incident)
                    wake_ns = min(wake_ns, ready)
                    continue
                self._try(due)
            done = self._settle(due)
            if not done:
                held.add(incident)
                wake_ns = min(wake_ns, max(due.not_before_ns, self._clock.now_ns() + NS_PER_S // 10))
        return max(0.0, (wake_ns - self._clock.now_ns()) / NS_PER_S)

    def _renew(self) -> None:
        """Let go of channels that others took the place of; what waits for those is tried at once."""
        with self._lock:
            retired, self._retired = self._retired, []
        if not retired:
            return
        self.breaker.renew()
        for due in self._due:
            due.not_before_ns = 0
        for notifier in retired:
            notifier.close()

    def _try(self, due: _Due) -> None:
        """One attempt, with its intent stored first."""
        number = due.attempts + 1
        delivery = due.delivery
        intent = Attempt(delivery, number, SENDING, None, "", self._clock.now_ns())
        try:
            self._write_down(intent)
        except Unavailable as error:
            logger.warning("delivery to %s waits for its log: %s", delivery.receiver, error)
            due.not_before_ns = self._clock.now_ns() + NS_PER_S
            return
        due.attempts = number
        outcome, is_ours = self._send_isolated(due)
        now = self._clock.now_ns()
        if outcome.outcome == SENT:
            self.breaker.succeeded()
        elif outcome.outcome == RETRY and not is_ours:
            self.breaker.failed(now, outcome.reason[:MAX_REASON])
        verdict = outcome.outcome
        if verdict == RETRY and now - due.since_ns > GIVE_UP_S * NS_PER_S:
            verdict = GAVE_UP
        if verdict == RETRY:
            wait_s = backoff_s(number, self._chance(), outcome.wait_s)
            due.not_before_ns = now + int(wait_s * NS_PER_S)
        reason = outcome.reason[:MAX_REASON]
        due.unrecorded = Attempt(delivery, number, verdict, outcome.code, reason, now, outcome.reference)
        self._tell(delivery, verdict, outcome)

    def _write_down(self, attempt: Attempt) -> None:
        """Store a row, or do without if it can never be stored."""
        d = attempt.delivery
        with self._faults.isolate(ROWS, f"{attempt.outcome} {d.kind} of incident {d.incident_id}"):
            self._log.record_attempt(attempt)

    def _send_isolated(self, due: _Due) -> tuple[Outcome, bool]:
        """Try once; what became of it, and whether our own code failed."""
        d = due.delivery
        try:
            return self._send(d), False
        except OF_THE_WHOLE as error:
            return Outcome(RETRY, str(error)), False
        except Exception as error:  # noqa: BLE001 - other messages wait behind it
            fault = self._faults.note(
                DELIVERIES, error, f"{d.kind} of incident {d.incident_id} to {d.receiver}"
            )
            due.defects += 1
            return Outcome(GAVE_UP if due.defects >= MOST_DEFECTS else RETRY, f"a defect: {fault}"), True

    def _send(self, delivery: Message) -> Outcome:
        if isinstance(delivery, Delivery):
            return self._notifier.send(marked(delivery, self._clock.now_ns()))
        if isinstance(self._notifier, Digesting):
            return self._notifier.send_digest(delivery)
        return Outcome(GAVE_UP, "this channel takes no digests")

    def _settle(self, due: _Due) -> bool:
        """Write down the outcome; whether the delivery is finished."""
        attempt = due.unrecorded
        if attempt is None:
            return False
        try:
            self._write_down(attempt)
        except Unavailable as error:
            logger.warning("outcome of a delivery to %s waits: %s", due.delivery.receiver, error)
            due.not_before_ns = max(due.not_before_ns, self._clock.now_ns() + NS_PER_S)
            return False
        due.unrecorded = None
        if attempt.outcome == RETRY:
            return False
        with self._lock:
            self._due = [d for d in self._due if d is not due]
        return True

    def _tell(self, delivery: Message, verdict: str, outcome: Outcome) -> None:
        level = logging.INFO if verdict == SENT else logging.WARNING
        logger.log(
            level,
            "%s %s of incident %s to %s%s",
            verdict,
            delivery.kind,
            delivery.incident_id,
            delivery.receiver,
            f": {outcome.reason[:MAX_REASON]}" if outcome.reason else "",
        )

    def close(self) -> None:
        """Let go of the channel."""
        self._notifier.close()
