"""The operator's false-alarm budget, split into what each series may spend per tick.

The fleet may page ``pages_per_month`` and ticket ``tickets_per_week`` for nothing. 80 % of either is split
evenly over ``max_services`` services in fixed shares, so no service spends another's; 20 % is kept for
roll-ups across services and reserve. Inside a service: 35 % for series over the whole of its traffic, 35 %
for single-dimension slices, 10 % for pairs of dimensions, 10 % for the fast path, 10 % for series that come
later and for volume. Expected false alarms add up whatever the dependence between series, so the sum never
exceeds the budget.
"""

from __future__ import annotations

from dataclasses import dataclass

MONTH_S = 30 * 86_400
WEEK_S = 7 * 86_400

SERVICES = 0.8
"""Part of the fleet's budget that services share."""
WHOLE, SLICES, PAIRS, FAST, LATER = 0.35, 0.35, 0.10, 0.10, 0.10
"""Parts of a service's budget by class of series."""
LATER_SERIES = 200
"""How many series that come later one service's last part is split over."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What the operator allows the whole fleet, and over how many services it is split.

    Raises
    ------
    ValueError
        If a number is not positive.
    """

    pages_per_month: float = 1.0
    tickets_per_week: float = 2.0
    max_services: int = 50

    def __post_init__(self) -> None:
        for name in ("pages_per_month", "tickets_per_week", "max_services"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    def service_per_tick(self, severity: str, tick_s: int) -> float:
        """Expected false alarms of one severity that one service may raise per tick."""
        pages, tickets = self.pages_per_month / MONTH_S, self.tickets_per_week / WEEK_S
        return (pages if severity == "page" else tickets) * tick_s * SERVICES / self.max_services
