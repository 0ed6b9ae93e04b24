"""The operator's false-alarm budget, and what of it each channel may spend.

``w`` is an expected number of false pages per tick. Shares are fixed in advance and add up to the budget, so
the expected number of false pages over the fleet stays within it, whatever the dependence between series
(the sum of the series' bounds). What nobody uses is kept; nobody spends another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

PERIODS_S: Mapping[str, int] = MappingProxyType(
    {"hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_592_000, "year": 31_536_000}
)
"""Names of budget periods and their length; a month is 30 days."""

MAX_SERVICES = 50
SERVICES_SHARE = 0.8
"""Part of the budget for services; the rest is for roll-ups across services and reserve."""

CLASS_SHARES: Mapping[str, float] = MappingProxyType(
    {"rollup": 0.35, "slice": 0.35, "pair": 0.10, "fast": 0.10, "volume": 0.05, "reserve": 0.05}
)
"""How a service divides its share: roll-ups (score over all traffic), slices of one dimension, of two, the
fast path, volume and silence, reserve."""


@dataclass(frozen=True, slots=True)
class Budget:
    """``pages`` expected false pages per ``period_s`` seconds."""

    pages: float
    period_s: int

    def __post_init__(self) -> None:
        if not (self.pages > 0 and self.period_s > 0):
            raise ValueError(
                f"a budget needs a positive number of pages, got {self.pages} in {self.period_s} s"
            )

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``1/month``, ``0.5/week``, ``2/day``.

        Raises
        ------
        ValueError
            If the text has another form; the message names the periods.
        """
        number, _, period = text.replace(" ", "").partition("/")
        if period not in PERIODS_S:
            raise ValueError(
                f"budget {text!r}: expected NUMBER/PERIOD with a period of {', '.join(PERIODS_S)}"
            )
        try:
            pages = float(number)
        except ValueError:
            raise ValueError(f"budget {text!r}: {number!r} is not a number") from None
        return cls(pages, PERIODS_S[period])

    def part(self, share: float) -> Budget:
        """A share in (0, 1] of it."""
        if not 0 < share <= 1:
            raise ValueError(f"a share of a budget lies in (0, 1], got {share}")
        return Budget(self.pages * share, self.period_s)

    def per_tick(self, tick_s: int) -> float:
        """Expected false pages per tick."""
        return self.pages * tick_s / self.period_s


def service_budget(fleet: Budget, max_services: int = MAX_SERVICES) -> Budget:
    """What one service may spend: fixed on registration, the same for each.

    Raises
    ------
    ValueError
        If ``max_services`` is not positive.
    """
    if max_services < 1:
        raise ValueError(f"max_services must be at least 1, got {max_services}")
    return fleet.part(SERVICES_SHARE / max_services)


def ticket_level(page: Budget, ticket: Budget) -> float:
    """Part of the page threshold at which one statistic means a ticket (1 when tickets are no rarer)."""
    return min(1.0, page.pages / page.period_s / (ticket.pages / ticket.period_s))


def parent_is_quiet(parent_evidence: float, parent_threshold: float) -> bool:
    """Whether a slice may page by itself: its roll-up is not half way (in log evidence) to its own page."""
    return parent_evidence < parent_threshold / 2


@dataclass(slots=True)
class Allocation:
    """Hands out one service's shares, series by series, and never more than there is.

    ``capacity`` is how many series of each class the class share is divided by. Series beyond it get None:
    they are watched through their roll-up only. Handing out is in order of admission: replay gives the same.
    """

    budget: Budget
    tick_s: int
    capacity: Mapping[str, int]
    used: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.capacity) - set(CLASS_SHARES))
        if unknown or any(n < 1 for n in self.capacity.values()):
            raise ValueError(
                f"capacity needs positive numbers for classes of {', '.join(CLASS_SHARES)}: {self.capacity}"
            )

    def admit(self, series_class: str, channels: int = 1) -> float | None:
        """``w`` of each of the series' channels, or None when the class is full.

        Raises
        ------
        ValueError
            If the class has no capacity set or ``channels`` is not positive.
        """
        if series_class not in self.capacity or channels < 1:
            raise ValueError(f"no capacity for class {series_class!r} with {channels} channels")
        used = self.used.get(series_class, 0)
        if used >= self.capacity[series_class]:
            return None
        self.used[series_class] = used + 1
        share = CLASS_SHARES[series_class] / self.capacity[series_class] / channels
        return self.budget.per_tick(self.tick_s) * share
