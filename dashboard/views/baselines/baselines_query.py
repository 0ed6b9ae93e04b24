"""Learned levels, as the alerts service reads them: what it would accept is what is shown."""

from __future__ import annotations

from alerts.baselines.proposal import LearnedBaseline
from alerts.baselines.repository import baselines_of
from dashboard.queries.store import Scope, Store


def learned(store: Store, scope: Scope) -> tuple[LearnedBaseline, ...]:
    """The level of every watched score of every service, over all its traffic; its newest generation."""
    return tuple(baselines_of(store.rows, scope.tenant, scope.lineage, slices=False))
