"""Allow rules: hits of a policy that are no incident, since a person said which secrets may be there. Pure.

A rule names secrets by pseudonym, which is all that is stored of one, or by kind. A finding is covered when
each secret it names is allowed at its service; one that names none, or more than it lists, never is. What a
rule covered while it was in force it covers for good, by the time of the hit: the log read again is the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from alerts.errors import NotPossible
from alerts.incidents.identity import POLICY
from detectors.finding import Finding, rfc3339
from detectors.redaction.kinds import SECRET_TYPES
from infra.clock import NS_PER_S, to_datetime, to_ns

HOLDS = "holds "
"""A note of a policy finding that begins so names one secret of its hits."""
MAX_SECRETS = 20
MAX_RULES = 500
"""Rules of all tenants in force at one time."""
AGAIN_S = 900
"""The same rule asked for again by the same person within so long is the one there is."""
SHORTEST_S, LONGEST_S = 60, 366 * 86_400
"""How long a rule may last; then somebody has to look again."""

_SECRET = re.compile(r"\[([a-z][a-z0-9_]{1,31}):([0-9a-f]{16}|\*)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowRule:
    """Who allowed which secrets where, why, and until when. Times are ns since 1970 UTC on the wall clock."""

    rule_id: str
    tenant: str
    service: str
    secrets: tuple[str, ...]
    actor: str
    reason: str
    made_ns: int
    expires_ns: int
    ended_ns: int | None = None
    ended_by: str | None = None
    ended_reason: str = ""

    @property
    def end_ns(self) -> int:
        """From when on it covers nothing."""
        return self.expires_ns if self.ended_ns is None else min(self.ended_ns, self.expires_ns)

    def in_force(self, now_ns: int) -> bool:
        """Whether it covers what comes now."""
        return now_ns < self.end_ns

    def allows(self, secret: str) -> bool:
        """Whether it names a secret, or its kind."""
        kind = secret.partition(":")[0]
        return any(s in {secret, f"{kind}:*]"} for s in self.secrets)

    def is_again(self, other: AllowRule) -> bool:
        """Whether it is another asked for again, as one does when the answer did not come."""
        mine, theirs = (
            (r.tenant, r.service, set(r.secrets), r.actor, r.reason, r.expires_ns - r.made_ns)
            for r in (self, other)
        )
        return mine == theirs and 0 <= self.made_ns - other.made_ns <= AGAIN_S * NS_PER_S

    def over(self, actor: str, reason: str, now_ns: int) -> AllowRule:
        """The same, removed."""
        return replace(self, ended_ns=now_ns, ended_by=actor, ended_reason=reason)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        out = {name: value for name, value in asdict(self).items() if not name.endswith("_ns")}
        for name in ("made", "expires", "ended"):
            at_ns = getattr(self, f"{name}_ns")
            out[f"{name}_at"] = None if at_ns is None else rfc3339(to_datetime(at_ns))
        return {**out, "secrets": list(self.secrets)}


def secrets_of(finding: Finding) -> tuple[str, ...]:
    """The secrets a policy finding names, as pseudonyms."""
    return tuple(n.removeprefix(HOLDS) for n in finding.notes if n.startswith(HOLDS))


def is_nameable(secret: str) -> bool:
    """Whether a rule may name it: a pseudonym of a secret, or a kind."""
    match = _SECRET.fullmatch(secret)
    return match is not None and match[1] in SECRET_TYPES


def at_service(rule: AllowRule, finding: Finding) -> bool:
    """Whether a finding is about a service of a rule's tenant that the rule names."""
    return rule.tenant == finding.tenant and names_service(rule, finding.service)


def names_service(rule: AllowRule, service: str) -> bool:
    """Whether a rule is about a service of this name."""
    return rule.service == service or fnmatchcase(service, rule.service.replace("[", "[[]"))


def covering(rules: Iterable[AllowRule], finding: Finding) -> list[AllowRule]:
    """The rules that together cover a finding; none if one of its secrets is not allowed."""
    found: list[AllowRule] = []
    secrets = secrets_of(finding)
    if finding.alert_kind != POLICY or not secrets:
        return []
    at_ns = to_ns(finding.made_at)
    here = [r for r in rules if at_ns < r.end_ns and at_service(r, finding)]
    for secret in secrets:
        allowing = next((r for r in here if r.allows(secret)), None)
        if allowing is None:
            return []
        found.append(allowing)
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class AllowRules:
    """All rules that are known, oldest first. Never changed in place."""

    all: tuple[AllowRule, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "all", tuple(sorted(self.all, key=lambda r: (r.made_ns, r.rule_id))))

    def get(self, rule_id: str) -> AllowRule | None:
        """A rule by id."""
        return next((r for r in self.all if r.rule_id == rule_id), None)

    def with_(self, rule: AllowRule) -> AllowRules:
        """These and one more, or one as it is now."""
        return AllowRules((*(r for r in self.all if r.rule_id != rule.rule_id), rule))

    def cover(self, finding: Finding) -> bool:
        """Whether a finding is no incident."""
        return bool(covering(self.all, finding))

    def hits(self, findings: Iterable[Finding]) -> int:
        """How many hits of these findings are allowed."""
        return sum(max(1, f.n or 1) for f in findings if self.cover(f))


def newest(rows: Iterable[AllowRule]) -> AllowRules:
    """Rules from stored rows: a row that says it was removed stands over one that does not."""
    out: dict[str, AllowRule] = {}
    for row in rows:
        known = out.get(row.rule_id)
        if known is None or known.ended_ns is None:
            out[row.rule_id] = row
    return AllowRules(tuple(out.values()))


def preview(rules: Sequence[AllowRule], findings: Iterable[Finding]) -> dict[str, int]:
    """How many stored hits rules would have covered as if always in force, and how many name no secret."""
    always = [replace(r, ended_ns=None, expires_ns=2**62) for r in rules]
    out = {"hits": 0, "covered": 0, "unknown": 0}
    for finding in findings:
        n = max(1, finding.n or 1)
        out["hits"] += n
        out["covered"] += n * bool(covering(always, finding))
        out["unknown"] += n * (not secrets_of(finding))
    return out


def requested_rule(
    tenant: str, asked: Mapping[str, str], actor: str, reason: str, now_ns: int, lasts_s: float
) -> AllowRule:
    """The rule a person asks for: ``secrets``, apart by spaces, at the services that ``service`` names.

    Raises
    ------
    NotPossible
        If a secret is not named by pseudonym or kind, no service is named, or it lasts too long.
    """
    secrets = tuple(dict.fromkeys(asked.get("secrets", "").split()))
    service = asked.get("service", "")
    if not 0 < len(secrets) <= MAX_SECRETS:
        raise NotPossible(f"name 1 to {MAX_SECRETS} secrets, such as [openai_key:3f9a0c71b2d4e856]")
    for secret in secrets:
        if not is_nameable(secret):
            raise NotPossible(
                f"{secret[:80]!r} names no secret: write its pseudonym, such as "
                "[openai_key:3f9a0c71b2d4e856], or [openai_key:*] for its kind"
            )
    if not service:
        raise NotPossible("name the service at which they are allowed: a pattern, or * for all")
    if not SHORTEST_S <= lasts_s <= LONGEST_S:
        raise NotPossible(f"an allow rule may last {SHORTEST_S} s to {LONGEST_S // 86_400} days")
    body = json.dumps([tenant, service, *sorted(secrets), actor, reason, now_ns], ensure_ascii=False)
    return AllowRule(
        rule_id=hashlib.sha256(body.encode()).hexdigest()[:16],
        tenant=tenant,
        service=service,
        secrets=secrets,
        actor=actor,
        reason=reason,
        made_ns=now_ns,
        expires_ns=now_ns + int(lasts_s * NS_PER_S),
    )
