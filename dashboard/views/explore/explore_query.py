"""Rules that people added to a service while it is watched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from dashboard.formats import utc
from dashboard.queries.store import Scope, Store
from detectors.rules import Rule

_ADDED = """
SELECT rule, actor, reason, made_at
FROM added_rules FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String} AND isNull(ended_at)
ORDER BY made_at DESC, rule_id
LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class Added:
    """A rule in force, who added it and why."""

    rule: Rule
    actor: str
    reason: str
    made_at: datetime


def added(store: Store, scope: Scope, service: str, environment: str) -> tuple[Added, ...]:
    """Those of a service in one environment, the latest first."""
    rows = store.rows(_ADDED, scope.bind(service=service, environment=environment))
    return tuple(
        Added(Rule.of(json.loads(rule)), str(actor), str(reason), utc(made_at))
        for rule, actor, reason, made_at in rows
    )
