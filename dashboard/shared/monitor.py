"""What is wrong with the monitor itself: read once, for the sidebar and the page about the pipeline alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.access.viewer import Viewer
from dashboard.queries import fleet
from dashboard.queries import pipeline as queries
from dashboard.queries.pipeline import Accounts, Disk, Holes, Late, Partition, SetAside
from dashboard.queries.store import LIVE, Scope
from dashboard.shared import data, readiness
from dashboard.shared.data import Reading
from dashboard.tables import vital_signs
from dashboard.tables.vital_signs import Listener, Sign
from infra.errors import Unavailable

ACCOUNT_HOURS = 24
"""How far back records are looked at for signs."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """Readings, and the signs of trouble that follow from them, the most urgent first."""

    parts: Reading[tuple[Partition, ...]]
    accounts: Reading[Accounts]
    late: Reading[tuple[Late, ...]]
    holes: Reading[Holes]
    set_aside: Reading[tuple[SetAside, ...]]
    disks: tuple[Disk, ...]
    rooms: tuple[Listener, ...]
    signs: tuple[Sign, ...]

    @property
    def readings(self) -> list[Reading[object]]:
        """All of them, for a page's header."""
        return [self.parts, self.accounts, self.late, self.holes, self.set_aside]


def first_hour(wall: datetime, hours: int) -> int:
    """When a window of ``hours`` whole hours up to now begins, seconds since 1970."""
    return int(wall.timestamp()) // 3600 * 3600 - (hours - 1) * 3600


def look(who: Viewer, scope: Scope, wall: datetime) -> Monitor:
    """Ask everything that tells whether the monitor is alive."""
    settings = data.settings()
    parts = data.read(who, queries.partitions, scope)
    accounts = data.read(who, queries.accounts, scope, first_hour(wall, ACCOUNT_HOURS))
    late = _late(who, scope, wall)
    holes = data.read(who, queries.holes, scope)
    set_aside = data.read(who, queries.set_aside, scope)
    disks = _disks(who, scope)
    rooms = readiness.probe_all(tuple(readiness.addresses(settings).items()))
    signs = (
        *vital_signs.signs(
            parts.value,
            accounts.value,
            late.value,
            disks,
            holes.value,
            wall,
            live=scope.lineage == LIVE,
            tick_s=settings.detection.tick_s + settings.detection.lateness_s,
            set_aside=set_aside.value,
        ),
        *vital_signs.restarting(readiness.restarted(settings), wall),
        *vital_signs.unready(rooms),
    )
    return Monitor(parts, accounts, late, holes, set_aside, disks, rooms, signs)


def _late(who: Viewer, scope: Scope, wall: datetime) -> Reading[tuple[Late, ...]]:
    """It reads many cells: where that takes too long, no page is without its sidebar."""
    try:
        return data.read(who, queries.late, scope, fleet.COUNTING_SCORES)
    except Unavailable as error:
        return Reading((), wall, str(error))


def _disks(who: Viewer, scope: Scope) -> tuple[Disk, ...]:
    """Not every account may ask for them: nothing then."""
    try:
        return data.read(who, queries.disks, scope).value
    except Unavailable:
        return ()
