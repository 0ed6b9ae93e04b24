"""What a rule says of itself, as its findings carry it on."""

from __future__ import annotations

from typing import Any

from detectors.rules import Rule


def labels(rule: Rule) -> dict[str, Any]:
    """Fields of a finding; absent where the rule says nothing."""
    return {
        "rule_name": rule.name or None,
        "owner": rule.owner or None,
        "runbook": rule.runbook or None,
        "receivers": rule.receivers,
    }
