"""Policy hits: what must not happen even once is a finding at once, without statistics.

The rule of first light: a secret in an output. One finding per service, minute of event time and rule in a
message; every hit is on its row anyway. Everything in a finding follows from the stored rows, so a re-run
sends the same one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from detectors.finding import ALL, Finding, finding_id
from detectors.observation import ServiceKey, SourcePosition
from detectors.redaction.kinds import SECRET_TYPES
from detectors.redaction.pseudonyms import placeholders_in
from infra.clock import to_datetime, to_ns
from ingest.repository.interaction import StoredInteraction
from ingest.repository.observations import INTERACTION, MINUTE_NS
from ingest.repository.tables import Row


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """``score`` of an interaction at or above ``at_least`` is a hit of this rule."""

    name: str
    score: str
    at_least: float
    severity: str = "page"


RULES = (PolicyRule("secret-in-output", "secrets", 0.5),)
DETECTOR = "policy"
MAX_SECRETS = 20
"""Secrets that a finding names, each in a note."""
HOLDS = "holds "
"""How such a note begins; it ends in a pseudonym, or in ``[kind:unknown]`` where none stands in the text."""
MORE = f"{HOLDS}more than {MAX_SECRETS}"


def policy_findings(
    rows: Iterable[StoredInteraction],
    position: SourcePosition,
    rules: Iterable[PolicyRule] = RULES,
) -> list[Finding]:
    """Findings for the scores that ``position`` observes of ``rows``; only observed rows count."""
    hits: dict[tuple[str, ServiceKey, int], tuple[PolicyRule, list[StoredInteraction]]] = {}
    chosen = tuple(rules)
    for row in rows:
        if not row.observed:
            continue
        scores = row.observed_at(position)
        for rule in chosen:
            value = scores.get(rule.score)
            if isinstance(value, float | int) and value >= rule.at_least:
                key = (rule.name, service_of(row), row.event_ns // MINUTE_NS)
                hits.setdefault(key, (rule, []))[1].append(row)
    return [_finding(rule, key, found) for (_, key, _), (rule, found) in sorted(hits.items(), key=_order)]


def _order(item: tuple[tuple[str, ServiceKey, int], object]) -> tuple[str, ServiceKey, int]:
    return item[0]


def service_of(row: StoredInteraction) -> ServiceKey:
    """Whose interaction it is."""
    i = row.interaction
    return ServiceKey(i.tenant, i.lineage, i.environment or "", i.service)


def _finding(rule: PolicyRule, key: ServiceKey, rows: list[StoredInteraction]) -> Finding:
    first = rows[0]
    at = to_datetime(min(r.event_ns for r in rows))
    return Finding(
        finding_id=finding_id("policy", rule.name, key.text(), first.interaction.interaction_id),
        alert_kind="policy",
        status="confirmed",
        tenant=key.tenant,
        lineage=key.lineage,
        environment=key.environment or None,
        service=key.service,
        unit=INTERACTION,
        score=rule.score,
        slice=ALL,
        series=None,
        made_at=to_datetime(max(r.event_ns for r in rows)),
        severity=rule.severity,
        onset=at,
        onset_low=at,
        onset_high=at,
        direction="rise",
        n=len(rows),
        detector=DETECTOR,
        notes=(f"{rule.name}: interaction {first.interaction.interaction_id}", *secret_notes(rows)),
    )


def secret_notes(rows: Iterable[StoredInteraction]) -> tuple[str, ...]:
    """A note for each secret in the outputs of hits, by its pseudonym: what an allow rule is decided by.

    Which kinds there are says the redactor's report; the text only which pseudonym each of them has.
    """
    found: dict[str, None] = {}
    for row in rows:
        kinds = {r.type for r in row.redactions if r.side == "output" and r.n > 0} & SECRET_TYPES
        named = {whole: kind for kind, whole in placeholders_in(output_of(row)) if kind in SECRET_TYPES}
        unknown = [f"[{kind}:unknown]" for kind in kinds - set(named.values())]
        found |= dict.fromkeys([*named, *unknown] or ["[unknown]"])
    notes = [f"{HOLDS}{secret}" for secret in sorted(found)]
    return tuple(notes) if len(notes) <= MAX_SECRETS else (*notes[:MAX_SECRETS], MORE)


def output_of(row: StoredInteraction) -> str:
    """All that the model put out, as text."""
    i = row.interaction
    calls = [json.dumps(c.arguments, default=str, ensure_ascii=False) for c in i.tool_calls]
    return "\n".join((i.output_text or "", *(i.output_texts or ()), *calls))


def finding_row(finding: Finding, position: SourcePosition) -> Row:
    """Row of ``findings``."""
    f = finding
    onset_us = None if f.onset is None else to_ns(f.onset) // 1000
    return (
        f.tenant, f.lineage, f.service, f.environment or "", f.finding_id, f.alert_kind, f.status, f.unit,
        f.score, f.slice, f.severity, to_ns(f.made_at) // 1000, onset_us, f.to_json(), position.offset,
    )  # fmt: skip
