"""What each watched series of a service may spend of the service's budget.

A service's budgets for pages and for tickets are divided by class (`budget.CLASS_SHARES`). Series that begin
to be watched with the first ones of their severity divide the part of their class evenly; later ones draw
from the reserve, each what `budget.tail_part` leaves it, so that any number of them stays within it. Shares
are fixed when they are dealt; what they are worth follows the budget, which a control record may change, and
what people called false of the series (`detectors.series.trust_penalty`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.budgets.budget import CLASS_SHARES, tail_part
from detectors.counts.aggregate import SeriesKey
from detectors.finding import ALL
from detectors.watch_config import WatchConfig

MOST_DOUBTS = 3
"""False findings of a series that each halve what it spends; more change nothing."""
ROLLUP, SLICE, PAIR, RESERVE = "rollup", "slice", "pair", "reserve"


@dataclass(frozen=True, slots=True)
class Share:
    """A series' part of its service's budget for ``severity``, over all its channels."""

    severity: str
    source: str
    part: float


@dataclass(slots=True)
class BudgetShares:
    """Shares of one service by series number; per severity they add up to at most one."""

    dealt: dict[int, Share] = field(default_factory=dict)
    classes: Mapping[str, float] = field(default_factory=lambda: CLASS_SHARES)
    doubts: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Ids of the findings of a series that were called false."""

    def deal(self, series: Mapping[int, SeriesKey], config: WatchConfig) -> None:
        """Give shares to series that begin to be watched; those that have one keep it."""
        new = {n: key for n, key in sorted(series.items()) if n not in self.dealt}
        classes = {n: (_class(key), config.specs[key.score].severity) for n, key in new.items()}
        sizes = Counter(classes.values())
        begun = {share.severity for share in self.dealt.values()}
        late = Counter(share.severity for share in self.dealt.values() if share.source == RESERVE)
        for number, (kind, severity) in classes.items():
            if severity in begun:
                late[severity] += 1
                part = self.classes[RESERVE] * tail_part(late[severity])
                self.dealt[number] = Share(severity, RESERVE, part)
            else:
                self.dealt[number] = Share(severity, kind, self.classes[kind] / sizes[kind, severity])

    def follow(self, series: Mapping[int, SeriesKey], config: WatchConfig) -> None:
        """Deal anew where the settings give a score another severity than it had."""
        if any(self.dealt[n].severity != config.specs[key.score].severity for n, key in series.items()):
            late = {n for n, share in self.dealt.items() if share.source == RESERVE}
            self.dealt.clear()
            self.deal({n: key for n, key in series.items() if n not in late}, config)
            self.deal({n: key for n, key in series.items() if n in late}, config)

    def penalise(self, number: int, finding_id: str) -> bool:
        """Note that a finding of a series was false; whether that changes anything."""
        known = self.doubts.get(number, ())
        if finding_id in known or len(known) >= MOST_DOUBTS:
            return False
        self.doubts[number] = (*known, finding_id)
        return True

    def w(self, number: int, channels: int, config: WatchConfig) -> float:
        """Expected false alarms per tick that each of a series' channels may spend."""
        share = self.dealt[number]
        part = share.part / 2.0 ** len(self.doubts.get(number, ()))
        return config.budget(share.severity).per_tick(config.tick_s) * part / channels

    def state(self) -> list[list[Any]]:
        """Plain form for a snapshot."""
        return [
            [n, s.severity, s.source, s.part, list(self.doubts.get(n, ()))]
            for n, s in sorted(self.dealt.items())
        ]

    @classmethod
    def restore(cls, state: list[list[Any]], classes: Mapping[str, float] = CLASS_SHARES) -> BudgetShares:
        """Inverse of `state`."""
        dealt = {n: Share(severity, source, part) for n, severity, source, part, *_ in state}
        return cls(dealt, classes, {n: tuple(ids) for n, _, _, _, *rest in state for ids in rest if ids})


def _class(key: SeriesKey) -> str:
    if key.slice == ALL:
        return ROLLUP
    return PAIR if "," in key.slice else SLICE
