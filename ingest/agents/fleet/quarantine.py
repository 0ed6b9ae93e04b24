"""Watchers of fleets that raised: set aside, so that every other fleet goes on.

As for single services (`ingest.agents.detect.quarantine`), but that nothing is counted of a fleet meanwhile:
its services are counted where they are watched. It begins to learn anew once a control record `RELEASE`
stands in the log of closed ticks.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from detectors.finding import Finding
from detectors.fleet.fleet import FleetWatcher
from detectors.observation import ServiceKey
from infra.fault import Fault
from ingest.agents.detect.quarantine import open_findings_of, state_of

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class QuarantinedFleet:
    """A fleet in quarantine.

    ``offset`` is the message its watcher raised on, ``since_ns`` the clock of the log then, ``open`` what was
    stated of it and had not ended, ``state`` what was left of the watcher, if it could be packed.
    """

    fault: Fault
    offset: int
    since_ns: int
    program: str
    open: tuple[Finding, ...] = ()
    state: bytes = b""
    is_stored: bool = False
    """Whether it was read from a snapshot, which is written after its row."""

    def packed(self) -> list[Any]:
        """Plain form for a snapshot, without ``state``."""
        opened = [f.to_json() for f in self.open]
        return [*self.fault.state(), self.offset, self.since_ns, self.program, opened]

    @classmethod
    def unpacked(cls, _: ServiceKey, state: Sequence[Any]) -> QuarantinedFleet:
        """Inverse of `packed`."""
        error, place, offset, since_ns, program, opened = state
        findings = tuple(Finding.from_dict(json.loads(text)) for text in opened)
        return cls(Fault(error, place), offset, since_ns, program, findings, is_stored=True)


def set_fleet_aside(
    watcher: FleetWatcher, error: BaseException, *, offset: int, since_ns: int, program: str
) -> QuarantinedFleet:
    """A watcher that raised ``error`` at ``offset`` of the log, in quarantine."""
    fault = Fault.of(error)
    logger.error(
        "what services of %s share is in quarantine from offset %d on: %s; see lightship quarantine list",
        watcher.key.text(), offset, fault,
    )  # fmt: skip
    opened = tuple(open_findings_of(watcher))
    return QuarantinedFleet(fault, offset, since_ns, program, opened, state_of(watcher))
