"""``lightship allow``: which secrets in outputs are no incident, asked of the alerts API in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alerts.commands.client import get, post


def preview_or_create(
    config: Path | None, actor: str, reason: str, *, keep: bool, **named: str | None
) -> dict[str, Any]:
    """Preview a rule, or make it; raises what `alerts.commands.client.tell` does."""
    return post(config, "/allow" if keep else "/allow/preview", actor, reason, **named)


def listed(config: Path | None, tenant: str | None, *, ended: bool) -> dict[str, Any]:
    """Rules in force, and with ``ended`` those that are not."""
    return get(config, "/allow", tenant=tenant, state="all" if ended else None)


def removed(config: Path | None, rule_id: str, actor: str, reason: str) -> dict[str, Any]:
    """Remove a rule."""
    return post(config, f"/allow/{quote(rule_id, safe='')}/remove", actor, reason)


def show_preview(report: Mapping[str, Any]) -> str:
    """What is allowed, or would be, and what that would have covered."""
    rule, would = report["rule"], report["would_have"]
    lines = [
        f"would have covered {would['covered']:,} of {would['hits']:,} hits in {report['days']} days"
        + (f"; {would['unknown']:,} name no secret and stay incidents" if would["unknown"] else "")
    ]
    what = f"{' '.join(rule['secrets'])} at {rule['service']} until {rule['expires_at']}"
    lines.append(f"{rule['rule_id']}  allowed: {what}" if report["kept"] else f"not made yet: {what}")
    return "\n".join(lines)


def show_list(report: Mapping[str, Any]) -> str:
    """A rule a paragraph."""
    return "\n".join(map(_lines, report["rules"])) or "nothing is allowed: every secret in an output is a hit"


def _lines(rule: Mapping[str, Any]) -> str:
    used = f"covered {rule['covered']:,} hits in 30 days" + (f", last {rule['last']}" if rule["last"] else "")
    out = f"{rule['rule_id']}  {rule['service']}  {' '.join(rule['secrets'])}  until {rule['expires_at']}\n"
    out += f"    {used}; by {rule['actor']} at {rule['made_at']}: {rule['reason']}"
    if rule["ended_at"]:
        out += f"\n    removed {rule['ended_at']} by {rule['ended_by']}: {rule['ended_reason']}"
    return out


def show_removed(report: Mapping[str, Any]) -> str:
    """What is an incident again."""
    rule = report["rule"]
    return (
        f"{rule['rule_id']}  removed: {' '.join(rule['secrets'])} at {rule['service']} is an incident again"
    )
