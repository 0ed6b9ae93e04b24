"""The budget of one service as the observation log tells it: a control record from the alerts service.

Nothing that detection spends is read from a reader's own settings once a service is registered, so a replay
spends what the stream spent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from detectors.budgets.budget import PERIODS_S, Budget
from detectors.observation import Control, ServiceKey

BUDGET = "budget"
"""The record's action."""


@dataclass(frozen=True, slots=True)
class ServiceBudget:
    """Expected false pages in 30 days and false tickets in 7 that a service may raise."""

    pages_per_month: float
    tickets_per_week: float

    @property
    def pages(self) -> Budget:
        """Of pages."""
        return Budget(self.pages_per_month, PERIODS_S["month"])

    @property
    def tickets(self) -> Budget:
        """Of tickets."""
        return Budget(self.tickets_per_week, PERIODS_S["week"])

    def part(self, share: float) -> ServiceBudget:
        """A share of both."""
        return ServiceBudget(self.pages_per_month * share, self.tickets_per_week * share)

    def control(self, key: ServiceKey) -> Control:
        """The record that grants it to a service, from the next tick on."""
        return Control(key, BUDGET, 0, self.state())

    def state(self) -> dict[str, float]:
        """Plain form, as in the record's body."""
        return {"pages_per_month": self.pages_per_month, "tickets_per_week": self.tickets_per_week}

    @classmethod
    def of(cls, body: dict[str, Any]) -> ServiceBudget | None:
        """What a record's body grants; ``None`` if it holds no two positive numbers."""
        values = [body.get("pages_per_month"), body.get("tickets_per_week")]
        if not all(isinstance(v, float | int) and 0 < v < math.inf for v in values):
            return None
        return cls(*(float(v) for v in values if v is not None))
