"""Asks Alertmanagers for the silences made there, where their receivers say `honour_silences`.

What was heard last holds while one does not answer, for `STALE_S`; then its silences end, and people are told
of what is still open: a pager that cannot know says so rather than nothing. When it answers again, its
silences begin again. Nothing is told before each was asked once, or `FIRST_S` has passed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from alerts.faults import Faults
from alerts.metrics import Metrics
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import SENT, Outcome
from alerts.notify.secrets import read_line
from alerts.silences.imported import (
    MAX_ANSWER,
    BadAnswer,
    Found,
    Typed,
    brought_in_line,
    ended,
    read_silences,
    redacted,
)
from alerts.silences.silence import Silence, Silences
from infra.clock import NS_PER_S, Clock
from infra.receivers import ReceiverSettings
from infra.settings import Settings
from infra.settings_file import fingerprint
from infra.silence_reach import PATH
from infra.supervised_thread import SupervisedThread

logger = logging.getLogger(__name__)

POLL_S = 10.0
"""Seconds between two questions."""
STALE_S = 600.0
"""How long what was heard last holds while no answer comes."""
FIRST_S = 15.0
"""How long a service that starts waits for the first answers."""
FAILED = "silence_polls_failed"

Fetch = Callable[[], tuple[Outcome, bytes]]
"""Asks once; what became of it, and the answer."""


def fetcher(receiver: ReceiverSettings, clock: Clock) -> HttpPost:
    """The door to a receiver's Alertmanager, with the token and authority of its alerts.

    Raises
    ------
    Misconfigured
        If its address, token or authority cannot be used.
    """
    token = read_line(receiver.token_file, "token_file") if receiver.token_file else ""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return HttpPost(receiver.url, clock, headers=headers, ca_file=receiver.ca_file, method="GET")


def fetch(door: HttpPost) -> tuple[Outcome, bytes]:
    """One question."""
    return door.exchange(b"", path=PATH, most=MAX_ANSWER)


def tried_once(door: HttpPost) -> dict[str, Any]:
    """What one question gives, JSON-ready."""
    outcome, body = fetch(door)
    if outcome.outcome != SENT:
        return {"ok": False, "reason": outcome.reason}
    try:
        answer = read_silences(body)
    except BadAnswer as error:
        return {"ok": False, "reason": str(error)}
    active = len(answer.found) + answer.others + len(answer.unusable)
    return {"ok": True, "active": active, "honoured": len(answer.found), "unusable": list(answer.unusable)}


class SilencePoller:
    """What is silenced in one Alertmanager. `poll` is for one thread, the rest for any."""

    def __init__(
        self, origin: str, fetch: Fetch, clock: Clock, metrics: Metrics, faults: Faults, typed: Typed
    ) -> None:
        self.origin, self._typed = origin, typed
        self._fetch, self._clock, self._metrics = fetch, clock, metrics
        self._heard: tuple[int, tuple[Found, ...] | None] = (clock.now_ns(), None)
        self._trouble: str | None = None
        self._unusable: tuple[str, ...] = ()
        self.asked = threading.Event()
        self.loop = SupervisedThread(
            f"silences-{origin}", self._run, lambda error: self._defect(faults, error)
        )

    def _run(self) -> float:
        self.poll()
        return POLL_S

    def _defect(self, faults: Faults, error: Exception) -> None:
        faults.note("silences", error, self.origin)
        self._failed("a defect")

    def poll(self) -> None:
        """Ask once."""
        outcome, body = self._fetch()
        if outcome.outcome != SENT:
            self._failed(outcome.reason)
            return
        try:
            answer = redacted(read_silences(body), self._typed)
        except BadAnswer as error:
            self._failed(str(error))
            return
        if self._trouble is not None:
            logger.info("silences of %s are known again", self.origin)
        if answer.unusable != self._unusable:
            for why in answer.unusable[:10]:
                logger.warning("%s: %s: not honoured", self.origin, why)
        self._trouble, self._unusable = None, answer.unusable
        self._heard = (self._clock.now_ns(), answer.found)
        self.asked.set()

    def _failed(self, reason: str) -> None:
        self._metrics.add(FAILED, 1)
        if self._trouble is None:
            held = f"those known hold for {STALE_S / 60:.0f} min"
            logger.warning("silences of %s cannot be read, %s: %s", self.origin, held, reason)
        self._trouble = reason
        self.asked.set()

    def changes(self, known: Silences, now_ns: int) -> list[Silence]:
        """Silences that are new, other or over by what was heard last."""
        heard_ns, found = self._heard
        if now_ns - heard_ns > STALE_S * NS_PER_S:
            why = f"{self.origin} did not say for {STALE_S / 60:.0f} min that it still holds"
            return [ended(s, why, now_ns) for s in known.in_force if s.origin == self.origin]
        return [] if found is None else brought_in_line(known, self.origin, found, now_ns)


class HonouredSilences:
    """All Alertmanagers whose silences are honoured."""

    def __init__(
        self, pollers: Sequence[SilencePoller], clock: Clock, close: Callable[[], None] = lambda: None
    ) -> None:
        self._pollers, self._clock, self._close = tuple(pollers), clock, close
        self._first_until_s: float | None = None
        self._prints: list[str] = []
        self.loops = [poller.loop for poller in self._pollers]

    @classmethod
    def of(
        cls, settings: Settings, clock: Clock, metrics: Metrics, faults: Faults, typed: Typed
    ) -> HonouredSilences:
        """Those the settings name; raises `Misconfigured` if one cannot be asked."""
        doors = {r.name: fetcher(r, clock) for r in settings.receiver if r.honour_silences}
        pollers = [
            SilencePoller(name, partial(fetch, door), clock, metrics, faults, typed)
            for name, door in doors.items()
        ]
        made = cls(pollers, clock, partial(_close, tuple(doors.values())))
        made._prints = _prints(settings)
        return made

    def asked(self, settings: Settings) -> bool:
        """Whether they are those that settings name, with the same addresses and secrets."""
        return self._prints == _prints(settings)

    def start(self) -> None:
        """Begin to ask."""
        self._first_until_s = time.monotonic() + FIRST_S
        for loop in self.loops:
            loop.start()

    def stop(self, wait_s: float) -> None:
        """Ask no more; wait for questions under way, for all of them at most ``wait_s``."""
        for each_s in (0.0, wait_s / max(1, len(self.loops))):
            for loop in self.loops:
                loop.stop(each_s)
        if not any(loop.is_alive for loop in self.loops):
            self._close()

    def changes(self, known: Silences) -> list[Silence]:
        """Silences that are new, other or over, of all; the first time the first answers are waited for."""
        for poller in self._pollers:
            if self._first_until_s is not None:
                poller.asked.wait(max(0.0, self._first_until_s - time.monotonic()))
        self._first_until_s = None
        now_ns = self._clock.now_ns()
        origins = {"", *(poller.origin for poller in self._pollers)}
        why = "silences of {} are not honoured any more"
        stray = [ended(s, why.format(s.origin), now_ns) for s in known.in_force if s.origin not in origins]
        return [*stray, *(s for poller in self._pollers for s in poller.changes(known, now_ns))]


def _prints(settings: Settings) -> list[str]:
    return [fingerprint(r) for r in settings.receiver if r.honour_silences]


def _close(doors: Sequence[HttpPost]) -> None:
    for door in doors:
        door.close()
