"""Which scorers have to be switched off: those that fail on most records, or take too long again and again.

A scorer of an operator's own may be wrong or slow on what really comes. Time counts by batches in a row, so
that one pause of the machine means nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ingest.internal_findings import internal_alarm
from ingest.messages import Output
from ingest.stage_settings import ScorerOff

LEAST_RECORDS = 200
"""Recent records that are looked at before failures count."""
MOST_FAILED = 0.5
BATCHES = 10
"""In a row that have to be too slow."""
LEAST_IN_BATCH = 8
"""Records of a batch whose time is looked at: of fewer it is mostly overhead."""


@dataclass(slots=True)
class _Recent:
    batches: deque[tuple[int, int]] = field(default_factory=deque)
    records: int = 0
    failed: int = 0
    slow: int = 0


class ScorerLimits:
    """Watches scorers batch by batch.

    Parameters
    ----------
    most_ns
        Nanoseconds that a record may take in the mean of a batch.
    """

    def __init__(self, most_ns: int) -> None:
        self._most_ns = most_ns
        self._recent: dict[str, _Recent] = {}

    def note(self, scorer: str, records: int, failed: int, spent_ns: int) -> str | None:
        """One batch of a scorer; why it has to be switched off, if it has."""
        recent = self._recent.setdefault(scorer, _Recent())
        recent.batches.append((records, failed))
        recent.records, recent.failed = recent.records + records, recent.failed + failed
        while recent.records - recent.batches[0][0] >= LEAST_RECORDS:
            gone, gone_failed = recent.batches.popleft()
            recent.records, recent.failed = recent.records - gone, recent.failed - gone_failed
        if records >= LEAST_IN_BATCH:
            is_slow = spent_ns > self._most_ns * records
            recent.slow = recent.slow + 1 if is_slow else 0
        if recent.records >= LEAST_RECORDS and recent.failed > MOST_FAILED * recent.records:
            return f"failed on {recent.failed} of its last {recent.records} records"
        if recent.slow >= BATCHES:
            per_us = spent_ns / records / 1000
            most_us = self._most_ns / 1000
            return f"took {per_us:.0f} us a record, over {most_us:.0f}, in {recent.slow} batches in a row"
        return None


def switched_off(off: ScorerOff, why: str, now_ns: int) -> Output:
    """The finding that a scorer is switched off: a ticket, since what it measured is not watched any more."""
    return internal_alarm(
        "scorer_off",
        off.scorer,
        off.version,
        at_ns=now_ns,
        severity="ticket",
        detector="scorer-limits",
        note=f"the scorer {off.scorer} {why}: it is switched off until its version changes",
    )
