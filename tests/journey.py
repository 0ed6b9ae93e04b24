"""Sixteen days of three invented services: two quiet weeks, then one of them refuses in Spanish.

The same spans for the same seed; sent in slices of event time, each acknowledged before the next, so that
kills between and during slices fall on known places of the traffic.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.running import Running
from tests.sending import LANGUAGES, NS_PER_S, App, Call, Delivery

HOUR_NS = 3600 * NS_PER_S
DAY_NS = 24 * HOUR_NS
BEGIN_NS = 20_150 * DAY_NS
"""3 March 2025: a time that is past wherever the test runs, because what lies ahead of now is clamped."""

QUIET_NS = 14 * DAY_NS + 6 * HOUR_NS
CHANGE_NS = 30 * HOUR_NS
CHATS, CHANGED_CHATS, NOTES, RUNS = 750, 165, 60, 30
SLICES = 60
REGISTERED_BY = 15
"""Before this slice services are given their budgets. It is a matter of seconds, which are days here."""
USUAL, RISEN = 0.02, 0.85
"""Share of refusals, and that in Spanish after the change."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something a service does, in event time."""

    at_ns: int
    service: int
    language: str
    refused: bool


@dataclass(slots=True)
class Journey:
    """The traffic; ``onset_ns`` is when the change begins.

    ``addresses`` are given away by those who ask, one every so often, and must be nowhere at rest.
    """

    lineage: str
    seed: int = 7
    chats: int = CHATS
    changed: int = CHANGED_CHATS
    notes: int = NOTES
    runs: int = RUNS
    addresses: Sequence[str] = ()
    onset_ns: int = BEGIN_NS + QUIET_NS
    end_ns: int = BEGIN_NS + QUIET_NS + CHANGE_NS
    refused_requests: int = 0
    spans: int = 0
    logs: int = 0
    apps: tuple[App, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.apps = (
            App("harbour-chat", self.seed, addresses=self.addresses),
            App("harbour-notes", self.seed, logged=True, addresses=self.addresses, environment=None),
            App("harbour-pilot", self.seed, addresses=self.addresses),
        )

    @classmethod
    def of(cls, lineage: str, interactions: int, addresses: Sequence[str] = ()) -> Journey:
        """One with about so many model calls, in the usual proportions."""
        by = interactions / (CHATS + CHANGED_CHATS + NOTES + 2 * RUNS)
        numbers = (round(n * by) for n in (CHATS, CHANGED_CHATS, NOTES, RUNS))
        chats, changed, notes, runs = numbers
        return cls(lineage, chats=chats, changed=changed, notes=notes, runs=runs, addresses=addresses)

    @property
    def calls(self) -> list[Call]:
        """Every model call that was made."""
        return [call for app in self.apps for call in app.calls]

    def arrivals(self) -> list[Arrival]:
        """All of it in order of time."""
        rng = random.Random(self.seed)
        out: list[Arrival] = []

        def spread(n: int, begin_ns: int, end_ns: int, service: int, *, changed: bool = False) -> None:
            for i in range(n):
                at_ns = begin_ns + round((end_ns - begin_ns) * (i + rng.random()) / n)
                language = LANGUAGES[i % len(LANGUAGES)]
                share = RISEN if changed and language == "es" else USUAL
                out.append(Arrival(at_ns, service, language, service != 1 and rng.random() < share))

        spread(self.chats, BEGIN_NS, self.onset_ns, 0)
        spread(self.changed, self.onset_ns, self.end_ns, 0, changed=True)
        spread(self.notes, BEGIN_NS, self.end_ns, 1)
        spread(self.runs, BEGIN_NS, self.end_ns, 2)
        return sorted(out, key=lambda a: a.at_ns)

    def send(self, to: Running, before_slice: Callable[[int], None] = lambda _: None) -> None:
        """Make and send everything, and end the lineage; ``before_slice`` is told the number of each."""
        arrivals = self.arrivals()
        delivery = Delivery(to.gateway, self.lineage)
        try:
            for number, some in enumerate(_slices(arrivals)):
                for arrival in some:
                    app = self.apps[arrival.service]
                    act = app.run if arrival.service == 2 else app.chat
                    act(arrival.at_ns, arrival.language, refused=arrival.refused)
                if number == REGISTERED_BY:
                    to.registered(self.lineage, [app.service for app in self.apps])
                before_slice(number)
                delivery.deliver(*self.apps)
        finally:
            delivery.close()
        self.refused_requests, self.spans, self.logs = delivery.refused, delivery.spans, delivery.logs
        to.end(self.lineage, self.end_ns + HOUR_NS)


def _slices(arrivals: Sequence[Arrival]) -> list[Sequence[Arrival]]:
    size = -(-len(arrivals) // SLICES)
    return [arrivals[i : i + size] for i in range(0, len(arrivals), size)]
