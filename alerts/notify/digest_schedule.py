"""When digests are due: once a period and receiver, at least once, under one key in the log of deliveries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from alerts.digests.digest import DAYS, digest, last_period
from alerts.incidents.incident import Incident
from alerts.notify.protocol import DigestDelivery
from detectors.finding import rfc3339
from infra.clock import NS_PER_S, Clock
from infra.settings import ReceiverSettings

TENANT = "default"
Known = Callable[[Sequence[str]], Mapping[str, tuple[int, bool]]]
"""Of keys in the log of deliveries: how many attempts each had, and whether it is done."""
Mine = Callable[[str, Incident], bool]
"""Whether an incident is the business of a receiver, by its name."""
LATE_NS = 900 * NS_PER_S
"""How long after its end a period is looked at: what fired in it is known by then."""


@dataclass(frozen=True, slots=True)
class Due:
    """A digest to be sent, ``attempts`` of which were made."""

    delivery: DigestDelivery
    attempts: int


class DigestRound:
    """Digests of receivers that ask for them. Nothing is kept: the log says what was sent."""

    def __init__(
        self, receivers: Iterable[ReceiverSettings], mine: Mine, known: Known, clock: Clock, dashboard: str
    ) -> None:
        self.use(receivers)
        self._mine, self._known, self._clock, self._dashboard = mine, known, clock, dashboard
        self._looked: dict[str, str] = {}

    def use(self, receivers: Iterable[ReceiverSettings]) -> None:
        """Send to those receivers from now on."""
        self._receivers = [r for r in receivers if r.digest in DAYS]

    def forget(self) -> None:
        """Another process may have sent some: the log is asked again."""
        self._looked = {}

    def due(self, incidents: Callable[[], list[Incident]]) -> list[Due]:
        """What is to be sent now; of a period that held nothing, nothing.

        Raises
        ------
        Unavailable
            If the log does not answer.
        """
        found = []
        for receiver in self._receivers:
            period = last_period(receiver.digest, receiver.digest_hour, self._clock.now_ns() - LATE_NS)
            key = key_of(receiver.name, rfc3339(period.end))
            if self._looked.get(receiver.name) == key:
                continue
            attempts, done = self._known([key]).get(key, (0, False))
            if not done:
                chosen = [i for i in incidents() if self._mine(receiver.name, i)]
                made = digest(chosen, period, self._dashboard)
                if made.sections or receiver.digest_empty:
                    message = DigestDelivery(key, TENANT, "digest", 0, receiver.name, "digest", made)
                    found.append(Due(message, attempts))
            self._looked[receiver.name] = key
        return found


def key_of(receiver: str, end: str) -> str:
    """Key of the digest of the period that ended at ``end``."""
    return hashlib.sha256(f"digest\n{receiver}\n{end}".encode()).hexdigest()[:32]
