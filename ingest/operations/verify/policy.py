"""Policy hits again from the stored interactions: the code that stated them, over the rows it saw. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from detectors.finding import Finding, finding_id
from detectors.observation import ServiceKey, SourcePosition
from ingest.agents.score.policy_hits import RULES, policy_findings
from ingest.operations.verify.difference import Difference, shown
from ingest.repository.interaction import StoredInteraction

_NOTE = re.compile(r"(?P<rule>[\w-]+): interaction (?P<trace>[0-9a-f]+):(?P<span>[0-9a-f]+)")

One = Callable[[ServiceKey, datetime, str, str], StoredInteraction | None]
Observed = Callable[[ServiceKey, datetime, SourcePosition, str], Sequence[StoredInteraction]]


def recompute(stored: Finding, one: One, observed: Observed) -> Finding | Difference:
    """The finding as the stored rows give it, or why they give none.

    ``one`` finds an interaction by trace and span id, ``observed`` those whose score a position observed.
    """
    row = f"finding {stored.finding_id}"
    note = _NOTE.fullmatch(stored.notes[0]) if stored.notes else None
    rule = next((r for r in RULES if note is not None and r.name == note["rule"]), None)
    if note is None or rule is None:
        rules = " or ".join(r.name for r in RULES)
        return Difference("findings", row, "notes", f"{rules}, and an interaction", shown(stored.notes))
    key = ServiceKey(stored.tenant, stored.lineage, stored.environment or "", stored.service)
    interaction_id = f"{note['trace']}:{note['span']}"
    own = finding_id("policy", rule.name, key.text(), interaction_id)
    if own != stored.finding_id:
        return Difference("findings", row, "finding_id", own, stored.finding_id, "from service and notes")
    where = f"interaction {interaction_id}"
    hit = one(key, stored.made_at, note["trace"], note["span"])
    if hit is None:
        return Difference("interactions", where, "", "a row", "none", "the first hit")
    value = hit.scores.get(rule.score)
    if not (isinstance(value, float | int) and value >= rule.at_least):
        return Difference(
            "interactions", where, f"score_{rule.score}", f"{rule.at_least} or more", shown(value)
        )
    position = hit.late.get(rule.score, hit.source)
    rows = sorted(
        observed(key, stored.made_at, position, rule.score), key=lambda r: r.key != hit.key
    )  # it names the finding
    found = policy_findings(rows, position)
    same = [f for f in found if f.finding_id == stored.finding_id]
    if not same:
        return Difference("interactions", where, "", "the first hit of its minute", "none")
    return _with_notes(same[0], stored, rows)


def _with_notes(found: Finding, stored: Finding, rows: Sequence[StoredInteraction]) -> Finding:
    """What was found, with the secrets as stored where the rows cannot tell them again.

    Findings of before named none, texts expire before scores do, and content that came later was not there.
    """
    older = len(stored.notes) == 1
    gone = any(not row.interaction.output_text or row.revision for row in rows)
    return replace(found, notes=(*found.notes[:1], *stored.notes[1:])) if older or gone else found
