"""Services that detection failed on: set aside, so that everything else goes on.

Whatever a watcher raises concerns its service alone. The watcher is dropped, since what it had half done is
worth nothing, and the service is counted on without one: its pages keep their numbers, and nothing is found
in it. It is watched again, learning anew, from the tick after a control record `RELEASE`, which is sent by
``lightship quarantine release`` or by a worker of another version of the program.

Which message a watcher fails on follows from the log, so a log that is read again ends in the same state. The
exception is a watcher that can be neither packed nor read back: that shows when a snapshot is written or
read, and is kept from there on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from detectors.budgets.service_budget import BUDGET
from detectors.closed_ticks import SharedRow
from detectors.counts.aggregate import TickCounts
from detectors.counts.closed_tick import Closed
from detectors.counts.series_rows import CellRow
from detectors.engine import snapshot as codec
from detectors.finding import Finding
from detectors.observation import Control, Observation, ServiceKey, decode, encode
from detectors.watch.counting_only import CountedService
from detectors.watch.watcher import ServiceWatcher
from detectors.watch_config import WatchConfig
from infra.fault import Fault, passed_through
from ingest.agents.fault import OF_THE_WHOLE

logger = logging.getLogger(__name__)

RELEASE = "release"
"""Action of the control record that ends a quarantine."""
COUNTING = ("detectors.counts.aggregate", "detectors.counts.weight")
"""Where an exception spoils the counts themselves."""
MOST_STATE_BYTES = 1 << 20
"""Of a dropped watcher's state that is kept for diagnosis; a larger one is not kept."""
MOST_OPEN = 200
"""Open findings of a service that are remembered, to be ended when it is watched again."""


@dataclass(slots=True)
class Quarantined:
    """A service in quarantine.

    ``offset`` is the last message its watcher was given, ``since_ns`` the lineage's clock then, ``open`` what
    was stated of it and had not ended. ``counted`` goes on without the watcher. ``state`` is what was left of
    the watcher, if it could be packed; a snapshot does not hold it. ``budget`` is the last one granted since.
    """

    fault: Fault
    offset: int
    since_ns: int
    program: str
    counted: CountedService
    open: list[Finding] = field(default_factory=list)
    budget: Control | None = None
    state: bytes = b""
    failed: int = 0
    is_stored: bool = False
    """Whether it was read from a snapshot, which is written after its row."""

    def packed(self) -> list[Any]:
        """Plain form for a snapshot."""
        return [
            *self.fault.state(),
            self.offset,
            self.since_ns,
            self.program,
            self.counted.state(),
            self.counted.config.budget_state(),
            [f.to_json() for f in self.open],
            None if self.budget is None else encode(self.budget),
            self.failed,
        ]

    @classmethod
    def unpacked(cls, key: ServiceKey, config: WatchConfig, state: Sequence[Any]) -> Quarantined:
        """Inverse of `packed`."""
        error, place, offset, since_ns, program, counted, budget, opened, granted, failed = state
        control = None if granted is None else decode(granted)
        return cls(
            Fault(error, place),
            offset,
            since_ns,
            program,
            CountedService.restore(key, config.with_budget(budget), counted),
            [Finding.from_dict(json.loads(text)) for text in opened],
            control if isinstance(control, Control) else None,
            failed=failed,
            is_stored=True,
        )

    def observe(self, observation: Observation, log_offset: int) -> list[CellRow]:
        """Count one observation; nothing, if it cannot be counted."""
        try:
            return self.counted.observe(observation, log_offset)
        except OF_THE_WHOLE:
            raise
        except Exception:  # noqa: BLE001 - one record of a service that is in quarantine anyway
            self.failed += 1
            return []

    def advance(self, until: int) -> tuple[list[CellRow], list[SharedRow]]:
        """Close the ticks before ``until``; if they cannot be counted, counting begins anew after them."""
        try:
            return self.counted.advance(until)
        except OF_THE_WHOLE:
            raise
        except Exception:  # noqa: BLE001 - as above
            self.failed += 1
            self.counted = CountedService(self.counted.key, self.counted.config, until)
            return [], []

    def control(self, record: Control) -> None:
        """Remember the last budget; what else is asked of a watcher has no meaning without one."""
        if record.action == BUDGET:
            self.budget = record

    def watched(self) -> ServiceWatcher:
        """A watcher that begins anew, on the counts of ticks that are open."""
        counted = self.counted
        watcher = ServiceWatcher(counted.key, counted.config, counted.next_tick, counted.counts)
        if self.budget is not None:
            watcher.control(self.budget)
        return watcher


def set_aside(
    watcher: ServiceWatcher,
    error: BaseException,
    made: Closed,
    *,
    offset: int,
    since_ns: int,
    program: str,
    next_tick: int,
) -> Quarantined:
    """A watcher that raised, in quarantine; ticks it had closed and not counted are counted in ``made``.

    ``next_tick`` is the first tick that takes rows from now on. Where the counts themselves are spoilt, those
    of ticks that were open are lost, and their rows that still come count as late.
    """
    fault = Fault.of(error)
    uncounted = list(made.uncounted)
    made.uncounted.clear()
    counted = _sound(watcher, error, uncounted, made, next_tick)
    if counted is None:
        counted = CountedService(watcher.key, watcher.config, max(next_tick, watcher.next_tick) + 1)
    logger.error(
        "service %s is in quarantine from offset %d on: %s; see lightship quarantine list",
        watcher.key.text(), offset, fault,
    )  # fmt: skip
    return Quarantined(
        fault, offset, since_ns, program, counted, open_findings_of(watcher), state=state_of(watcher)
    )


def pack_alone(watcher: ServiceWatcher, _: Closed) -> None:
    """Raises what packing the state of a service raises."""
    codec.pack(*watcher.state())


def is_plain(finding: Finding) -> bool:
    """Whether a finding can be written."""
    try:
        finding.to_json()
    except Exception:  # noqa: BLE001 - stated by a watcher that is broken
        return False
    return True


def _sound(
    watcher: ServiceWatcher,
    error: BaseException,
    uncounted: Iterable[TickCounts],
    made: Closed,
    next_tick: int,
) -> CountedService | None:
    """The watcher's counts, if nothing is wrong with them."""
    if passed_through(error, *COUNTING):
        return None
    counted = CountedService(watcher.key, watcher.config, max(next_tick, watcher.next_tick), watcher.counts)
    try:
        cells, shared = counted.closed(list(uncounted))
        codec.pack(counted.state(), {})
    except Exception:  # noqa: BLE001 - whatever it is, they are not sound
        return None
    made.cells += cells
    made.shared += shared
    return counted


class Broken(Protocol):
    """A watcher that raised: of a service, or of what services share."""

    def open_findings(self) -> Iterable[Finding]:
        """What it has stated and not ended."""

    def state(self) -> tuple[dict[str, Any], codec.Arrays]:
        """Its state, as a snapshot takes it."""


def open_findings_of(watcher: Broken) -> list[Finding]:
    """What can be told of what it had stated and not ended, as far as that can be written."""
    try:
        return list(filter(is_plain, watcher.open_findings()))[:MOST_OPEN]
    except Exception:  # noqa: BLE001 - the watcher is broken
        return []


def state_of(watcher: Broken) -> bytes:
    """Its state for diagnosis; empty if it cannot be packed or is too large."""
    try:
        packed = codec.pack(*watcher.state())
    except Exception:  # noqa: BLE001 - the watcher is broken
        return b""
    return packed if len(packed) <= MOST_STATE_BYTES else b""
