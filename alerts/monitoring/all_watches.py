"""Everything that watches Lightship itself from within the alerts service, in one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from alerts.faults import Faults
from alerts.incidents.incident import Incident
from alerts.monitoring.backlog import BacklogWatch
from alerts.monitoring.health_watch import HealthWatch, restarted
from alerts.monitoring.outage import OutageWatch
from alerts.notify.delivery_state import DeliveryState
from alerts.notify.sender import Sender
from alerts.reload import Reload
from alerts.repository.incidents import IncidentRepository
from detectors.finding import Finding
from infra import clickhouse
from infra.clock import Clock
from infra.disks import DiskSpace
from infra.settings import Settings


class Watches:
    """``trouble`` is what the service waits for, ``rooms`` gives the disks, ``reload`` follows the file."""

    def __init__(
        self,
        settings: Settings,
        senders: Callable[[], Mapping[str, Sender]],
        log: IncidentRepository,
        rooms: Callable[[], list[DiskSpace]],
        trouble: Callable[[], str | None],
        clock: Clock,
        faults: Faults,
        state: DeliveryState,
        reload: Reload,
    ) -> None:
        self._log = IncidentRepository(lambda: clickhouse.connect(settings.store), faults)
        self._backlog = BacklogWatch(settings.kafka, self._log.positions, clock, faults)
        self._outage = OutageWatch(lambda: reload.settings, trouble, clock, faults)
        self.loops = (self._backlog.loop, self._outage.loop)
        self._own = HealthWatch(
            senders,
            log.detected_ns,
            rooms,
            log.late,
            clock,
            partial(restarted, settings.home),
            lambda: [*self._backlog.looks(), *reload.looks()],
            log.starts,
            faults,
            state,
        )

    def start(self) -> None:
        """Begin."""
        self._backlog.start()
        self._outage.start()

    def statements(self, incidents: Iterable[Incident]) -> list[Finding]:
        """What is to be said now of Lightship itself.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        return self._own.statements(incidents)

    def stop(self) -> None:
        """End."""
        self._backlog.stop(0.0)
        self._outage.stop()
        self._log.close()
