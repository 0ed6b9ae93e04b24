"""Counts of several services pooled so that only what all of them do counts, not who sends how much.

Services differ in level: a shift of traffic from one to another changes the plain rate of all. So each
service's events are weighted by its own level over the common one (indirect standardisation): n' = sum n_i
m_i / m, s' = sum s_i, and n' m is what the services' own levels expect whatever the mix. Above one half the
misses are standardised instead. Values are normal scores on each service's own distribution, whose mean is
zero everywhere: their sums add up as they are. Levels of services with few events lean towards the common
one as if `PRIOR_EVENTS` more had been seen at it.

What breaks first: a service whose own level moves without the others (see `fleet_report`, which tells that
apart), and daily cycles that differ between services, which the pooled dispersion has to carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from detectors.counts.channel_plan import Channel, plan
from detectors.counts.history import Rows
from detectors.engine.baseline import FLAG
from detectors.engine.ticks import Floats
from detectors.scorers.protocol import ScoreSpec

PRIOR_EVENTS = 2.0


@dataclass(frozen=True, slots=True)
class Member:
    """One service in one channel of a series: its channel, and its level in the learning window."""

    channel: Channel
    n: float
    s: float


def members_of(spec: ScoreSpec, rows: Rows) -> dict[str, Member]:
    """One service's channels by name, from its rows in the learning window."""
    histogram = np.bincount(rows[:, 2], weights=rows[:, 3]).astype(np.int64)
    return {c.name: Member(c, *c.sums(rows[:, 2], rows[:, 3])) for c in plan(spec, histogram)}


@dataclass(frozen=True, slots=True)
class Pool:
    """One channel of a series over services; ``level`` is the common rate (of values: zero).

    ``members`` are by number, in the order of their services' names.
    """

    name: str
    form: str
    level: float
    members: Mapping[int, Member]

    @classmethod
    def of(cls, name: str, form: str, members: Mapping[int, Member]) -> Pool:
        """The pool whose common level is that of all events."""
        n, s = sum(m.n for m in members.values()), sum(m.s for m in members.values())
        return cls(name, form, (s + 0.5) / (n + 1.0) if form == FLAG else 0.0, members)

    def sums(self, number: int, rows: Rows, first: int, last: int) -> tuple[Floats, Floats]:
        """(n', s') per tick from ``first`` to ``last`` of one member's rows."""
        member, size = self.members[number], last - first + 1
        table = member.channel.table
        weight, at = rows[:, 3].astype(float), rows[:, 0] - first
        value = table[np.minimum(rows[:, 2], len(table) - 1)]
        n = np.bincount(at, weights=weight, minlength=size).astype(float)
        s = np.bincount(at, weights=weight * value, minlength=size).astype(float)
        return self._standard(member, n, s)

    def _standard(self, member: Member, n: Floats, s: Floats) -> tuple[Floats, Floats]:
        if self.form != FLAG:
            return n, s
        if self.level <= 0.5:
            own = (member.s + PRIOR_EVENTS) / (member.n + PRIOR_EVENTS / self.level)
            weighted = n * (own / self.level)
            return weighted, s
        misses = 1 - self.level
        own = (member.n - member.s + PRIOR_EVENTS) / (member.n + PRIOR_EVENTS / misses)
        weighted = n * (own / misses)
        return weighted, weighted - (n - s)

    def pooled(self, rows: Mapping[int, Rows], first: int, last: int) -> tuple[Floats, Floats]:
        """(n', s') per tick over all members, added in the order of `members`, whatever ``rows`` has."""
        n, s = np.zeros(last - first + 1), np.zeros(last - first + 1)
        for number in self.members:
            if number in rows:
                more_n, more_s = self.sums(number, rows[number], first, last)
                n, s = n + more_n, s + more_s
        return (n, np.clip(s, 0.0, n)) if self.form == FLAG else (n, s)
