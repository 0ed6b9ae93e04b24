"""Keeps what held incidents rest on from expiring, on a thread of its own: people are told meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from alerts.errors import Unavailable
from alerts.faults import OF_THE_WHOLE, Faults
from alerts.incidents.incident import Incident
from alerts.legal_hold.evidence import Bound
from infra.clock import NS_PER_S, Clock
from infra.supervised_thread import SupervisedThread

logger = logging.getLogger(__name__)

KEEPING = "keeping"
LOOK_EVERY_S = 5.0
MOST_AWAY = 2
"""Incidents in a row that the store does not answer for, until the rest waits for the next look."""
COPY_EVERY_S = 600.0
"""An incident that goes on gains rows, and late ones come."""
RENEW_EVERY_S = 86_400.0
"""One that is over gains nothing; its own row is renewed."""


class Holding(Protocol):
    """What keeps rows; every method may raise `Unavailable`."""

    def keep(self, incident: Incident) -> list[Bound]:
        """Copy what an incident rests on; may be repeated."""

    def let_go(self, tenant: str, incident_id: str) -> None:
        """Take away what was copied."""

    def ids(self) -> list[tuple[str, str]]:
        """Tenant and id of every incident of which something is held."""


class EvidenceRetention:
    """``incidents`` gives those in memory, or nothing while another process is the writer.

    An incident that our own code fails on is noted in ``faults``; the others are kept.
    """

    def __init__(
        self,
        holding: Holding,
        incidents: Callable[[], Iterable[Incident]],
        clock: Clock,
        faults: Faults,
    ) -> None:
        self._holding, self._incidents, self._clock = holding, incidents, clock
        self._copied: dict[str, tuple[int, int]] = {}
        self._faults = faults
        self._trouble = ""
        self.loop = SupervisedThread("keeper", self._run, lambda error: faults.note(KEEPING, error))

    def start(self) -> None:
        """Begin."""
        self.loop.start()

    def stop(self, wait_s: float) -> None:
        """End; a copy under way is finished, or repeated by the next process."""
        self.loop.stop(wait_s)

    def _run(self) -> float:
        try:
            self.look()
            self._trouble = ""
        except Unavailable as error:
            if str(error) != self._trouble:
                logger.warning("what is held is kept later: %s", error)
            self._trouble = str(error)
        return LOOK_EVERY_S

    def look(self) -> int:
        """Copy for what is held and due, take away what was released; how many incidents were copied for.

        Raises
        ------
        Unavailable
            If the store does not answer; the next look does the rest.
        """
        known = {i.incident_id: i for i in self._incidents()}
        held = [i for i in known.values() if i.held_by is not None]
        kept, away, last = 0, 0, None
        for incident in filter(self._is_due, held):
            try:
                kept += self._keep(incident)
                away = 0
            except Unavailable as error:  # perhaps of this incident alone: a statement may be too large
                away, last = away + 1, error
                if away == MOST_AWAY:
                    break
        self._let_go(known)
        if last is not None:
            raise last
        return kept

    def _keep(self, incident: Incident) -> bool:
        now_ns = self._clock.now_ns()
        try:
            bounds = self._holding.keep(incident)
        except OF_THE_WHOLE:
            raise
        except Exception as error:  # noqa: BLE001 - the others are to be kept
            self._faults.note(KEEPING, error, incident.incident_id)
            return False
        self._copied[incident.incident_id] = (incident.revision, now_ns)
        for bound in bounds:
            if bound.cut:
                logger.warning("of incident %s is held %s", incident.incident_id, bound.text())
        return True

    def _is_due(self, incident: Incident) -> bool:
        revision, at_ns = self._copied.get(incident.incident_id, (-1, 0))
        every_s = COPY_EVERY_S if incident.is_open else RENEW_EVERY_S
        return incident.revision != revision or self._clock.now_ns() - at_ns >= every_s * NS_PER_S

    def _let_go(self, known: dict[str, Incident]) -> None:
        """One that is not in memory stays held: nobody has said that it may go."""
        for tenant, incident_id in self._holding.ids():
            incident = known.get(incident_id)
            if incident is not None and incident.held_by is None:
                self._holding.let_go(tenant, incident_id)
                self._copied.pop(incident_id, None)
                logger.info("what incident %s rests on expires as usual again", incident_id)
