"""What the alerts service needs is away: people are told without it.

An incident is told by way of the log and the store. While one of them does not answer, or answers between two
crashes only, the service waits and can tell nobody, so it pages past them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from alerts.faults import DELIVERIES, Faults
from alerts.monitoring.direct_page import OPENED, RESOLVED_KIND, DirectPage, finding_of
from infra.clock import NS_PER_S, Clock
from infra.settings import Settings
from infra.supervised_thread import SupervisedThread

AWAY = "server_away"
OUTAGE_S = 90.0
"""How long something may be away before people are told."""
CALM_S = 30.0
"""How long everything must answer before an outage is over: what comes and goes is away."""
EVERY_S = 5.0


class Page(Protocol):
    """A page under way."""

    def send(self, kind: str = OPENED) -> bool:
        """Try once with each receiver that is still to be told; whether all of them are."""


class Outage:
    """Follows what the service waits for. ``new_page`` makes a page of words and a time in ns."""

    def __init__(self, new_page: Callable[[str, int], Page]) -> None:
        self._new_page = new_page
        self._since_ns: int | None = None
        self._last_ns = 0
        self._page: Page | None = None
        self._told = False

    def look(self, trouble: str | None, now_ns: int) -> None:
        """Take what the service waits for now (``None``: nothing), and tell people where it is time to."""
        if trouble is not None:
            self._since_ns = now_ns if self._since_ns is None else self._since_ns
            self._last_ns = now_ns
            if now_ns - self._since_ns >= OUTAGE_S * NS_PER_S and not self._told:
                self._page = self._page or self._new_page(f"pages wait: {trouble}", self._since_ns)
                self._told = self._page.send()
        elif self._since_ns is not None and now_ns - self._last_ns >= CALM_S * NS_PER_S:
            if self._page is not None and not self._page.send(RESOLVED_KIND):
                return  # tried again with the next look
            self._since_ns, self._page, self._told = None, None, False


class OutageWatch:
    """Looks every few seconds, on a thread of its own; ``trouble`` says what the service waits for.

    ``settings`` gives those in force, by which a page is sent.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        trouble: Callable[[], str | None],
        clock: Clock,
        faults: Faults,
    ) -> None:
        def new_page(note: str, since_ns: int) -> Page:
            return DirectPage(settings(), finding_of(AWAY, note, since_ns), clock)

        self._trouble, self._clock = trouble, clock
        self._outage = Outage(new_page)
        self.loop = SupervisedThread(
            "outage", self._run, lambda error: faults.note(DELIVERIES, error, "past the store"), EVERY_S
        )

    def start(self) -> None:
        """Begin."""
        self.loop.start()

    def stop(self) -> None:
        """End with the next look."""
        self.loop.stop(0.0)

    def _run(self) -> float:
        self._outage.look(self._trouble(), self._clock.now_ns())
        return EVERY_S
