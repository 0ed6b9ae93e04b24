"""What a report of a period asks the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from dashboard.estimates import taxonomy
from dashboard.queries import disparity, report, trends
from dashboard.queries.days_and_cells import Weeks
from dashboard.queries.disparity import GroupCount
from dashboard.queries.report import Appeared, Fired, ScoredBy, Traffic
from dashboard.queries.store import Scope, Store
from dashboard.queries.trends import ScoreWeek

DIMENSION = "language"

P = ParamSpec("P")
T = TypeVar("T")


class QueryRunner(Protocol):
    """Asks a query about one scope: a page through its cache, a command straight away."""

    def __call__(
        self, query: Callable[Concatenate[Store, Scope, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The answer."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was asked, and the answers. ``pages_per_month`` is the budget of false pages."""

    tenant: str
    lineage: str
    period: Weeks
    pages_per_month: float
    config_hash: str
    traffic: tuple[Traffic, ...]
    counts: tuple[ScoreWeek, ...]
    by_language: tuple[GroupCount, ...]
    by_service: tuple[GroupCount, ...]
    fired: Fired
    appeared: tuple[Appeared, ...]
    scored_by: tuple[ScoredBy, ...]


def gather(ask: QueryRunner, scope: Scope, period: Weeks, pages_per_month: float, config_hash: str) -> Facts:
    """Everything a report holds; services are compared where it is about all of them."""
    pairs = taxonomy.counted()
    return Facts(
        scope.tenant,
        scope.lineage,
        period,
        pages_per_month,
        config_hash,
        ask(report.traffic, period),
        ask(trends.by_score, period, pairs),
        ask(disparity.by_dimension, period, pairs, DIMENSION),
        () if period.service else ask(disparity.by_service, period, pairs),
        ask(report.fired, period),
        ask(report.appeared, period, tuple(score for score, _ in pairs)),
        ask(report.scored_by, period),
    )
