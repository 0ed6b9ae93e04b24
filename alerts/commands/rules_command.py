"""``lightship rules add|added|remove|apply``: rules people add, asked of the alerts API in words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from alerts.commands.apply import ApplyOptions
from alerts.commands.apply import applied as apply_file
from alerts.commands.client import get, post
from infra.errors import Misconfigured
from infra.settings import Settings
from infra.typed_table import key_of

STDIN = Path("-")


def added(config: Path | None, file: Path, actor: str, reason: str, **named: str | None) -> dict[str, Any]:
    """Add the rule of a file; raises what `alerts.commands.client.tell` does."""
    return post(config, "/rules", actor, reason, toml=_text(file), **named)


def _text(file: Path) -> str:
    if file == STDIN:
        return sys.stdin.read()
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Misconfigured(f"cannot read {file}: {error}") from error


def applied(
    config: Path | None, asked: ApplyOptions, show: Callable[[str], None], confirm: Callable[[str], bool]
) -> tuple[dict[str, Any], int]:
    """Apply the rules of a file, which may be one of settings; raises what `alerts.commands.apply` does."""
    sections = [key_of(field) for field in fields(Settings) if field.name not in ("home", "rule")]
    return apply_file(config, asked, "rule", sections, show, confirm)


def listed(config: Path | None, **filters: str | None) -> dict[str, Any]:
    """Added rules that match; raises what `alerts.commands.client.ask` does."""
    return get(config, "/rules", **filters)


def removed(
    config: Path | None, rule_id: str, actor: str, reason: str, **named: str | None
) -> dict[str, Any]:
    """Remove a rule; raises what `alerts.commands.client.tell` does."""
    return post(config, f"/rules/{quote(rule_id, safe='')}/remove", actor, reason, **named)


def show_added(report: Mapping[str, Any]) -> str:
    """What is watched now."""
    rule = report["rule"]
    return f"{rule['rule_id']}: {_place(rule)} is watched from the next tick on: {rule['text']}"


def show_list(report: Mapping[str, Any]) -> str:
    """A rule a paragraph."""
    return "\n".join(map(_line, report["rules"])) or "no rule was added: those of lightship.toml hold"


def _line(rule: Mapping[str, Any]) -> str:
    said = f"{rule['rule_id']}  {_place(rule)}  {rule['text']}\n"
    said += f"    added {rule['made_at']} by {rule['actor']}: {rule['reason']}"
    if rule["applied"]:
        said += f" (set {rule['applied']} of a file)"
    if rule["ended_at"]:
        said += f"\n    removed {rule['ended_at']} by {rule['ended_by']}: {rule['ended_reason']}"
    return said


def _place(rule: Mapping[str, Any]) -> str:
    where = f" · {rule['environment']}" if rule["environment"] else ""
    return f"{rule['service']}{where}"


def show_removed(report: Mapping[str, Any]) -> str:
    """What is not watched any more."""
    return "\n".join(f"{_place(rule)} is no longer watched by {rule['text']}" for rule in report["removed"])
