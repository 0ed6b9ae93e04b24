"""Keeps what held incidents rest on from expiring, on a thread of its own: people are told meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from alerts.errors import Unavailable
from alerts.held.evidence import Bound
from alerts.incidents.incident import Incident
from infra.clock import NS_PER_S, Clock

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
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


class Keeper:
    """``incidents`` gives those in memory, or nothing while another process is the writer.

    ``failed`` is called if keeping itself breaks: our bug.
    """

    def __init__(
        self,
        holding: Holding,
        incidents: Callable[[], Iterable[Incident]],
        clock: Clock,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._holding, self._incidents, self._clock = holding, incidents, clock
        self._copied: dict[str, tuple[int, int]] = {}
        self._failed = failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, wait_s: float) -> None:
        """End; a copy under way is finished, or repeated by the next process."""
        self._stop.set()
        self._thread.join(wait_s)

    def _run(self) -> None:
        trouble = ""
        while not self._stop.is_set():
            try:
                self.look()
                trouble = ""
            except Unavailable as error:
                if str(error) != trouble:
                    logger.warning("what is held is kept later: %s", error)
                trouble = str(error)
            except Exception as error:
                logger.exception("keeping broke")
                self._failed(error)
                return
            self._stop.wait(LOOK_EVERY_S)

    def look(self) -> int:
        """Copy for what is held and due, take away what was released; how many incidents were copied for.

        Raises
        ------
        Unavailable
            If the store does not answer; the next look does the rest.
        """
        known = {i.incident_id: i for i in self._incidents()}
        held = [i for i in known.values() if i.held_by is not None]
        due = [i for i in held if self._is_due(i)]
        for incident in due:
            now_ns, bounds = self._clock.now_ns(), self._holding.keep(incident)
            self._copied[incident.incident_id] = (incident.revision, now_ns)
            for bound in bounds:
                if bound.cut:
                    logger.warning("of incident %s is held %s", incident.incident_id, bound.text())
        self._let_go(known)
        return len(due)

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
