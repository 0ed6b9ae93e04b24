"""Allow rules in ClickHouse, and the stored policy findings they are previewed on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from alerts.allow_rules.rule import AllowRule, AllowRules, newest
from alerts.faults import ROWS, Faults
from alerts.stored_rows import readable
from detectors.finding import Finding

MAX_FINDINGS = 50_000
"""Policy findings that are read at once, the newest of them."""

_RULES = """
SELECT tenant, rule_id, service, secrets, actor, reason, toUnixTimestamp64Nano(made_at),
    toUnixTimestamp64Nano(expires_at),
    if(ended_at IS NULL, NULL, toUnixTimestamp64Nano(assumeNotNull(ended_at))), ended_by, ended_reason
FROM allow_rules FINAL
ORDER BY tenant, rule_id, in_force DESC
"""
_FINDINGS = """
SELECT body
FROM findings FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String} AND alert_kind = 'policy'
    AND made_at >= fromUnixTimestamp64Nano({after:Int64})
ORDER BY made_at DESC
LIMIT {limit:UInt32}
"""

Rows = Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]]


def rule_row(r: AllowRule) -> dict[str, Any]:
    """A row of ``allow_rules``; times as whole ns."""
    return {
        "tenant": r.tenant,
        "rule_id": r.rule_id,
        "in_force": r.ended_ns is None,
        "service": r.service,
        "secrets": list(r.secrets),
        "actor": r.actor,
        "reason": r.reason,
        "made_at": r.made_ns,
        "expires_at": r.expires_ns,
        "ended_at": r.ended_ns,
        "ended_by": r.ended_by,
        "ended_reason": r.ended_reason,
    }


def rules_of(rows: Rows, faults: Faults) -> AllowRules:
    """Every rule whose row has not expired; those that cannot be read are noted and left out."""
    return newest(readable(rows(_RULES, {}), _rule, faults, ROWS, lambda row: f"allow rule {row[1]}"))


def policy_findings_of(rows: Rows, faults: Faults, tenant: str, lineage: str, after_ns: int) -> list[Finding]:
    """Stored policy findings of a tenant's lineage that were made since a time, newest first."""
    given = {"tenant": tenant, "lineage": lineage, "after": after_ns}
    found = rows(_FINDINGS, {**given, "limit": MAX_FINDINGS})
    return readable(found, _finding, faults, ROWS, lambda row: str(row[0])[:60])


def _finding(row: Sequence[Any]) -> Finding:
    return Finding.from_dict(json.loads(row[0]))


def _rule(row: Sequence[Any]) -> AllowRule:
    tenant, rule_id, service, secrets, actor, reason, made, expires, ended, ended_by, why = row
    return AllowRule(
        rule_id=rule_id,
        tenant=tenant,
        service=service,
        secrets=tuple(secrets),
        actor=actor,
        reason=reason,
        made_ns=int(made),
        expires_ns=int(expires),
        ended_ns=None if ended is None else int(ended),
        ended_by=ended_by,
        ended_reason=why,
    )
