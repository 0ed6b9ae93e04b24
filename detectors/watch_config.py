"""What watching a service needs to be told: the same for every service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from detectors.budgets.budget import Budget
from detectors.budgets.service_budget import ServiceBudget
from detectors.declared_limits import Limit
from detectors.rules import Rule
from detectors.scorers.protocol import ScoreSpec
from detectors.slo import Slo

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """What every watcher needs. Lengths in ticks unless the name has a unit.

    ``pages`` and ``tickets`` are what a watcher's service may raise for nothing; what a shard is given, all
    its services of a lineage may together while no control record says what each may.
    ``conversation_idle_s`` is how long after its last call a conversation is counted. ``limits`` are the
    levels that are declared, ``rules`` and ``slos`` the operator's own.
    ``adwin_tickets`` says whether ADWIN may file tickets of its own.
    """

    specs: Mapping[str, ScoreSpec]
    tick_s: int
    learn: int
    max_values: int
    pages: Budget
    tickets: Budget
    config_hash: str
    conversation_idle_s: float = 1800.0
    adwin_tickets: bool = False
    limits: tuple[Limit, ...] = ()
    rules: tuple[Rule, ...] = ()
    slos: tuple[Slo, ...] = ()

    def budget(self, severity: str) -> Budget:
        """What a service may raise for nothing of one severity."""
        return self.pages if severity == "page" else self.tickets

    def part(self, share: float) -> WatchConfig:
        """The same with a share of the budget."""
        return replace(self, pages=self.pages.part(share), tickets=self.tickets.part(share))

    def granted(self, grant: ServiceBudget) -> WatchConfig:
        """The same with another budget."""
        return replace(self, pages=grant.pages, tickets=grant.tickets)

    def budget_state(self) -> list[list[float]]:
        """The budget, for a snapshot."""
        return [[b.pages, b.period_s] for b in (self.pages, self.tickets)]

    def with_budget(self, state: Sequence[Sequence[float]] | None) -> WatchConfig:
        """The same with the budget of a snapshot; unchanged if that had none (version 2)."""
        if state is None:
            return self
        pages, tickets = (Budget(number, int(period)) for number, period in state)
        return replace(self, pages=pages, tickets=tickets)

    def counted_after_s(self, unit: str) -> float:
        """Seconds from the end of what is counted to when it is."""
        return self.conversation_idle_s if unit == "conversation" else 0.0

    def tick_of(self, at_ns: int) -> int:
        """Tick an event time falls in."""
        return at_ns // (self.tick_s * NS_PER_S)
