"""Looks after Lightship itself: gathers how things are and says what has changed, in the log of findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from alerts.faults import Faults
from alerts.incidents.incident import Incident
from alerts.notify import self_monitoring
from alerts.notify.delivery_state import DeliveryState
from alerts.notify.self_monitoring import Late, Look
from alerts.notify.sender import Sender
from detectors.finding import Finding
from infra.clock import NS_PER_S, Clock
from infra.disks import DiskSpace
from infra.embedded.restart_loop import Restarted
from infra.embedded.run_file import read_run
from infra.embedded.run_report import children_of

WATCHING = "watching itself"
LOOK_EVERY_S = 60.0
"""Seconds between two looks at disks and at what came late."""


def restarted(home: Path) -> list[Restarted]:
    """The processes of the instance on a data directory, and how often each was restarted."""
    return [child.restarted for child in children_of(read_run(home))]


class HealthWatch:
    """``detected_ns``, ``rooms``, ``late`` and ``restarted`` may ask the store, and raise `Unavailable`.

    ``senders`` gives those there are now, by their receivers.
    """

    def __init__(
        self,
        senders: Callable[[], Mapping[str, Sender]],
        detected_ns: Callable[[], int | None],
        rooms: Callable[[], list[DiskSpace]],
        late: Callable[[], list[Late]],
        clock: Clock,
        restarted: Callable[[], list[Restarted]] = list,
        waiting: Callable[[], list[Look]] = list,
        starts: Callable[[], list[Restarted]] = list,
        faults: Faults | None = None,
        state: DeliveryState | None = None,
    ) -> None:
        self._state = state or DeliveryState()
        self._faults = faults or Faults(clock)
        self._senders, self._detected_ns = senders, detected_ns
        self._rooms, self._late, self._clock = rooms, late, clock
        self._restarted, self._waiting, self._starts = restarted, waiting, starts
        self._began_ns = clock.now_ns()
        self._next_ns = 0
        self._said: set[tuple[str, bool]] = set()

    def statements(self, incidents: Iterable[Incident]) -> list[Finding]:
        """What is to be said now, and was not yet said by this process.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        now_ns = self._clock.now_ns()
        said = self_monitoring.open_findings(incidents)
        looks = self._looks(now_ns) + self_monitoring.gone(said, self._senders())
        found = self_monitoring.statements(looks, said, now_ns)
        new = [f for f in found if (f.finding_id, f.ended_at is None) not in self._said]
        self._said.update((f.finding_id, f.ended_at is None) for f in new)
        return new

    def _looks(self, now_ns: int) -> list[Look]:
        kinds: list[Callable[[], list[Look]]] = [
            lambda: [self_monitoring.detection(self._detected_ns(), now_ns, self._began_ns)],
            lambda: self_monitoring.restarts(self._restarted(), now_ns),
            self._waiting,
            lambda: self._receivers(now_ns),
        ]
        if now_ns >= self._next_ns:
            kinds += [
                lambda: self_monitoring.disks(self._rooms(), now_ns),
                lambda: self_monitoring.late(self._late(), now_ns),
                lambda: self_monitoring.restarts(self._starts(), now_ns),
            ]
        looks: list[Look] = []
        for kind in kinds:  # one that fails hides none of the others
            with self._faults.isolate(WATCHING):
                looks += kind()
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + int(LOOK_EVERY_S * NS_PER_S)
        return looks + self_monitoring.set_aside(self._faults.known())

    def _receivers(self, now_ns: int) -> list[Look]:
        looks = []
        for name, sender in self._senders().items():
            down_ns, refused = sender.down_since_ns, self._state.refused(name)
            answered = sender.answered or (self._state.took_ns(name) or 0) >= self._began_ns
            looks += self_monitoring.receiver(
                name, down_ns, answered=answered, now_ns=now_ns, refused=refused, why=sender.down_why
            )
        return looks
