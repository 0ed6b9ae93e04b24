"""Added rules in ClickHouse: rows of the table ``added_rules``, written and read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from alerts.faults import ROWS, Faults
from alerts.rules.added_rule import AddedRule
from alerts.stored_rows import readable
from detectors.observation import ServiceKey
from detectors.rules import Rule

MAX_READ = 10_000

_ADDED = """
SELECT tenant, lineage, environment, service, rule, actor, reason, toUnixTimestamp64Nano(made_at),
    if(ended_at IS NULL, NULL, toUnixTimestamp64Nano(assumeNotNull(ended_at))), ended_by, ended_reason,
    applied
FROM added_rules FINAL
ORDER BY made_at, tenant, lineage, environment, service, rule_id
LIMIT {limit:UInt32}
"""

Rows = Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]]


def rule_row(added: AddedRule) -> dict[str, Any]:
    """A row of ``added_rules``; times as whole ns."""
    return {
        "tenant": added.place.tenant,
        "lineage": added.place.lineage,
        "environment": added.place.environment,
        "service": added.place.service,
        "rule_id": added.rule.rule_id,
        "rule": json.dumps(added.rule.to_dict()),
        "actor": added.actor,
        "reason": added.reason,
        "made_at": added.made_ns,
        "ended_at": added.ended_ns,
        "ended_by": added.ended_by,
        "ended_reason": added.ended_reason,
        "applied": added.applied,
    }


def rules_of(rows: Rows, faults: Faults) -> list[AddedRule]:
    """Every rule in force, and those that were removed and have not expired; oldest first.

    One that cannot be read is left out, and noted.
    """
    found = rows(_ADDED, {"limit": MAX_READ})
    return readable(found, _rule, faults, ROWS, lambda row: f"rule made at {row[7]} ns")


def _rule(row: Sequence[Any]) -> AddedRule:
    *place, rule, actor, reason, made, ended, ended_by, why, applied = row
    return AddedRule(
        place=ServiceKey(*map(str, place)),
        rule=Rule.of(json.loads(rule)),
        actor=actor,
        reason=reason,
        made_ns=int(made),
        ended_ns=None if ended is None else int(ended),
        ended_by=ended_by,
        ended_reason=why,
        applied=applied,
    )
