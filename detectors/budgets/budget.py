"""The operator's false-alarm budget, and what of it each channel may spend.

``w`` is an expected number of false pages per tick. Shares are fixed in advance and add up to the budget, so
the expected number of false pages over the fleet stays within it, whatever the dependence between series
(the sum of the series' bounds). What nobody uses is kept; nobody spends another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PERIODS_S: Mapping[str, int] = MappingProxyType(
    {"hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_592_000, "year": 31_536_000}
)
"""Names of budget periods and their length; a month is 30 days."""

MAX_SERVICES = 50
FLEET_SHARES: Mapping[str, float] = MappingProxyType(
    {"services": 0.8, "fleet": 0.1, "late": 0.05, "unregistered": 0.05}
)
"""How the operator's budget is divided: registered services, roll-ups across services, services beyond the
expected number, and services nobody has given a share yet."""
SERVICES_SHARE = FLEET_SHARES["services"]

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


def tail_part(k: int) -> float:
    """What the ``k``-th (from 1) of any number of late comers gets of a reserve: the parts add up to one.

    Raises
    ------
    ValueError
        If ``k`` is not positive.
    """
    if k < 1:
        raise ValueError(f"late comers are counted from 1, got {k}")
    return 1 / (k * (k + 1))
