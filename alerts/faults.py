"""What our own code failed on: set aside with its reason, counted, and told of, while all the rest goes on.

A defect that one finding, incident, row or message meets must not stop those behind it, and must not be
silent either. Whoever guards a piece of work notes here what it raised; what was noted lately is an incident
of kind ``pipeline`` (`alerts.monitoring.health_watch`), a metric, and a line of ``/readyz``.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace

from alerts.errors import Unavailable
from infra.clock import NS_PER_S, Clock
from infra.errors import Misconfigured
from infra.errors import Unavailable as InfraUnavailable
from infra.fault import Fault

logger = logging.getLogger(__name__)

OF_THE_WHOLE = (Unavailable, InfraUnavailable, Misconfigured, MemoryError)
"""What no single finding or incident is to blame for."""

FINDINGS, INCIDENTS, ROWS, DELIVERIES, POSTS = "findings", "incidents", "rows", "deliveries", "posts"
GRAVE = frozenset({FINDINGS, INCIDENTS, ROWS, DELIVERIES})
"""Parts whose faults may keep people from being paged; those of all others do not."""

LASTS_S = 900.0
"""How long after its last fault a part is said to fail."""
MOST_PARTS = 50
MOST_WHAT = 120


@dataclass(frozen=True, slots=True)
class PartFault:
    """The faults of one part: how many, since when and until when (ns since 1970 UTC), and the last of them.

    ``what`` names the finding, incident or row of the last one, as far as there is one.
    """

    part: str
    n: int
    since_ns: int
    last_ns: int
    fault: Fault
    what: str

    @property
    def severity(self) -> str:
        """``page`` if people may miss pages by it."""
        return "page" if self.part in GRAVE else "ticket"

    def text(self) -> str:
        """All of it in a line."""
        of = f" ({self.what})" if self.what else ""
        times = "once" if self.n == 1 else f"{self.n} times"
        return f"{self.part} failed {times}, last with {self.fault}{of}"


class FaultIsolation:
    """A block of which exceptions are noted in ``faults``."""

    def __init__(self, faults: Faults, part: str, what: str) -> None:
        self._faults, self._part, self._what = faults, part, what

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        """Whether the error is noted, and the block is left as if nothing were."""
        if not isinstance(error, Exception) or isinstance(error, OF_THE_WHOLE):
            return False
        self._faults.note(self._part, error, self._what)
        return True


class Faults:
    """What was noted in this process. Safe for several threads; no method raises."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._parts: dict[str, PartFault] = {}
        self._total = 0

    def note(self, part: str, error: BaseException, what: str = "") -> Fault:
        """Remember and log that a part failed; ``what`` may hold ids and names of ours, no text of users."""
        fault, now_ns = Fault.of(error), self._clock.now_ns()
        with self._lock:
            self._total += 1
            known = self._parts.get(part)
            if known is None or now_ns - known.last_ns > LASTS_S * NS_PER_S:
                known = PartFault(part, 0, now_ns, now_ns, fault, "")
            is_new = fault != known.fault
            known = replace(known, n=known.n + 1, last_ns=now_ns, fault=fault, what=what[:MOST_WHAT])
            if part in self._parts or len(self._parts) < MOST_PARTS:
                self._parts[part] = known
        if is_new or known.n & (known.n - 1) == 0:  # the first, second, fourth ...: no flood of lines
            logger.error("a defect: %s", known.text())
        return fault

    def isolate(self, part: str, what: str = "") -> FaultIsolation:
        """Note what the block raises, and go on after it; what is `OF_THE_WHOLE` is raised."""
        return FaultIsolation(self, part, what)

    def known(self) -> list[tuple[PartFault, bool]]:
        """Every part that failed since the start, and whether it did so lately."""
        now_ns = self._clock.now_ns()
        with self._lock:
            return [(f, now_ns - f.last_ns <= LASTS_S * NS_PER_S) for f in self._parts.values()]

    def texts(self) -> list[str]:
        """What failed lately, a line a part."""
        return [fault.text() for fault, lately in self.known() if lately]

    @property
    def total(self) -> int:
        """How many faults there were since the start."""
        return self._total
