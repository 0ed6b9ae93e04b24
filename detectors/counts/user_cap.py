"""Who is behind the hits of a flag: how many users and conversations, and how much is one user's alone.

Per flag and closed tick the hits are kept by (user, conversation, slices), as keyed hashes; the oldest ticks
are forgotten when there are more than `MOST`. Whole ticks are kept or not at all, so what is known does not
depend on the order in which the rows of a tick came. A change that began before what is kept has no count: a
wrong number would be worse than none.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from detectors.finding import ALL
from detectors.observation import ABSENT, Observation, slice_text
from detectors.scorers.protocol import ScoreSpec

MOST = 2000
"""Distinct (user, conversation, slices) of one flag that are kept; a tick with more keeps none."""

Hit = tuple[int, int, tuple[str, ...]]
"""User and conversation, 0 where unknown, and the slices the row lies in."""


@dataclass(frozen=True, slots=True)
class Affected:
    """``None`` where nobody is known. ``largest_share`` is that of one user, else of one conversation."""

    users: int | None = None
    conversations: int | None = None
    largest_share: float | None = None


UNKNOWN = Affected()


@dataclass(slots=True)
class _Hits:
    """Those of one flag. ``since`` is the first tick of which all are kept."""

    since: int = 0
    kept: int = 0
    ticks: deque[tuple[int, list[tuple[Hit, int]]]] = field(default_factory=deque)
    open: dict[int, Counter[Hit] | None] = field(default_factory=dict)

    def add(self, tick: int, hit: Hit) -> None:
        """One hit in a tick that is open."""
        counted = self.open.setdefault(tick, Counter())
        if counted is not None:
            counted[hit] += 1
            if len(counted) > MOST:
                self.open[tick] = None

    def close(self, tick: int) -> None:
        """The tick takes no more."""
        if tick not in self.open:
            return
        counted = self.open.pop(tick)
        if counted is None:
            self.since, self.kept = tick + 1, 0
            self.ticks.clear()
            return
        self.ticks.append((tick, sorted(counted.items())))
        self.kept += len(counted)
        while self.kept > MOST:
            gone, hits = self.ticks.popleft()
            self.since, self.kept = gone + 1, self.kept - len(hits)


class UserCap:
    """Hits of all flags of one service.

    Parameters
    ----------
    specs
        Scores by name.
    tick_s
        Length of a tick, seconds.
    since
        First tick of which it is told everything.
    """

    def __init__(self, specs: Mapping[str, ScoreSpec], tick_s: int, since: int) -> None:
        self._specs = specs
        self._minutes = tick_s // 60
        self._since = since
        self._hits: dict[str, _Hits] = {}

    def add(self, o: Observation, next_tick: int) -> None:
        """Take the hits of one observation; those before ``next_tick`` are late and left out.

        Hits of nobody known count too, whatever they came together with: they are part of the whole.
        """
        for score, column in o.scores.items():
            spec = self._specs.get(score)
            if spec is None or spec.kind != "flag" or spec.unit != o.unit or 1 not in column.rows:
                continue
            mine = self._hits.setdefault(score, _Hits(self._since))
            for row in (i for i, cell in enumerate(column.rows) if cell == 1):
                tick = o.minutes[row] // self._minutes
                if tick >= next_tick:
                    mine.add(tick, _hit(o, row))

    def close(self, tick: int) -> None:
        """Close a tick; ticks close in order."""
        for hits in self._hits.values():
            hits.close(tick)

    def affected(self, score: str, slice_: str, onset: int, last: int) -> Affected:
        """Who had a hit of ``score`` in a slice in the ticks from ``onset`` to ``last``."""
        hits = self._hits.get(score)
        if hits is None or onset < hits.since:
            return UNKNOWN
        users: Counter[int] = Counter()
        conversations: Counter[int] = Counter()
        total = 0
        for tick, kept in hits.ticks:
            if onset <= tick <= last:
                for (user, conversation, slices), n in kept:
                    if slice_ == ALL or slice_ in slices:
                        total += n
                        users[user] += n
                        conversations[conversation] += n
        for unknown in (users, conversations):
            del unknown[0]
        largest = users or conversations
        return Affected(
            len(users) or None,
            len(conversations) or None,
            max(largest.values()) / total if largest else None,
        )

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        return [self._since, *self._states()]

    def _states(self) -> list[Any]:
        return [
            [
                score,
                h.since,
                [[t, _plain(hits)] for t, hits in h.ticks],
                [
                    [t, None if counted is None else _plain(sorted(counted.items()))]
                    for t, counted in sorted(h.open.items())
                ],
            ]
            for score, h in sorted(self._hits.items())
        ]

    def restore(self, state: Sequence[Any]) -> None:
        """Inverse of `state`."""
        if not state:
            return
        self._since, *scores = state
        for score, since, ticks, opened in scores:
            hits = _Hits(since)
            hits.ticks.extend((t, _hits_of(plain)) for t, plain in ticks)
            hits.kept = sum(len(kept) for _, kept in hits.ticks)
            hits.open = {t: None if p is None else Counter(dict(_hits_of(p))) for t, p in opened}
            self._hits[score] = hits


def _hit(o: Observation, row: int) -> Hit:
    slices = tuple(
        sorted(
            slice_text(**{name: column.values[column.rows[row]]})
            for name, column in o.dimensions.items()
            if column.rows[row] != ABSENT
        )
    )
    return (
        o.users[row] if o.users else 0,
        o.conversations[row] if o.conversations else 0,
        slices,
    )


def _plain(hits: Iterable[tuple[Hit, int]]) -> list[list[Any]]:
    return [[user, conversation, list(slices), n] for (user, conversation, slices), n in hits]


def _hits_of(plain: Iterable[Sequence[Any]]) -> list[tuple[Hit, int]]:
    return [((user, conversation, tuple(slices)), n) for user, conversation, slices, n in plain]
