"""When most of what comes dies by our own fault, the worker must stop instead of draining it all.

A poison record costs itself alone. A broken deploy (a scorer that fails on everything, a column that does not
fit) would turn the whole traffic into dead letters, one poison record after the other. The share of recent
records that died so is therefore bounded, in the manner of the dead-letter limits of getsentry/arroyo
(``arroyo/dlq.py``): counts alone, no time, so the same messages lead to the same decision.

What a sender did wrong (bytes that are no OTLP, spans without ids) does not count. Where there are several
tenants most of them must be hit: one of them alone cannot stop the others' data.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

OURS = frozenset({"scorer_failed", "not_storable", "decoder_failed"})
"""Kinds of dead letters that a defect of ours makes."""

MIN_MESSAGES = 8
"""The decision never rests on fewer messages: one that is all poison is only that."""

REMEMBERED = 1000
"""Messages that tell which tenants there are."""

NEVER = 100.0
"""Percent at which nothing stops."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: its ``records``, and how many of them died by our fault, ``ours``."""

    tenant: str
    records: int
    ours: int


def ours_in(reasons: Mapping[str, int]) -> int:
    """Records that died by our fault, from the ``reasons`` of a row of the ledger."""
    return sum(n for reason, n in reasons.items() if reason.removeprefix("dead_letter:") in OURS)


class DeadLetterLimit:
    """The share of recent records that may die by our fault.

    Parameters
    ----------
    percent
        Of the records of the window, in (0, 100]; 100: never stop.
    records
        The window: the fewest latest messages that hold so many records (and are `MIN_MESSAGES`).

    Examples
    --------
    >>> limit = DeadLetterLimit(50, 200)
    >>> limit.accept([Outcome("default", 100, 0)] * 8)
    >>> limit.exceeded([Outcome("default", 100, 100)] * 4) is None
    True
    >>> limit.exceeded([Outcome("default", 100, 100)] * 5)
    '500 of the latest 800 records died by a defect'
    """

    def __init__(self, percent: float, records: int) -> None:
        if not 0 < percent <= NEVER or records < 1:
            raise ValueError(f"percent {percent} must lie in (0, 100] and records {records} be positive")
        self._percent = percent
        self._records = records
        self._latest: deque[Outcome] = deque(maxlen=REMEMBERED)

    def exceeded(self, batch: Sequence[Outcome]) -> str | None:
        """Why to stop instead of accepting these messages; changes nothing.

        Every message is looked at as if it were the last, so it does not matter how they were cut into
        batches.
        """
        if self._percent >= NEVER:
            return None
        latest = self._latest.copy()
        for outcome in batch:
            latest.append(outcome)
            if outcome.ours and (why := self._judge(latest)) is not None:
                return why
        return None

    def accept(self, outcomes: Iterable[Outcome]) -> None:
        """These messages are dealt with, in order."""
        self._latest.extend(outcomes)

    def _judge(self, latest: deque[Outcome]) -> str | None:
        window: list[Outcome] = []
        total = 0
        for outcome in reversed(latest):
            window.append(outcome)
            total += outcome.records
            if total >= self._records and len(window) >= MIN_MESSAGES:
                break
        else:
            if len(window) < REMEMBERED:
                return None
        ours = sum(o.ours for o in window)
        if 100 * ours <= self._percent * total:
            return None
        present = {o.tenant for o in window}
        hit = self._hit(window) + self._hit(o for o in latest if o.tenant not in present)
        if 2 * hit <= len({o.tenant for o in latest}):
            return None
        return f"{ours} of the latest {total} records died by a defect"

    def _hit(self, outcomes: Iterable[Outcome]) -> int:
        """Tenants of whom more than the share died."""
        total: Counter[str] = Counter()
        died: Counter[str] = Counter()
        for o in outcomes:
            total[o.tenant] += o.records
            died[o.tenant] += o.ours
        return sum(100 * died[tenant] > self._percent * n for tenant, n in total.items())
