"""``lightship keys``: what it does, in words and rows. The file is that of `ingest.gateway.key_file`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from detectors.finding import rfc3339
from infra.clock import SystemClock, to_datetime
from infra.settings import load
from ingest.gateway import key_file
from ingest.gateway.key_file import USUAL, Key, read_quotas
from ingest.gateway.quotas import QUOTA_NAMES

IN_FORCE, REVOKED, BLOCKED = "in force", "revoked", "tenant blocked"
_COLUMNS = ("id", "tenant", "name", "state", "created", "quotas")


def create(
    config: Path | None,
    given: Path | None,
    tenant: str,
    name: str | None,
    quotas: Sequence[str],
    *,
    synthetic: bool = False,
) -> tuple[str, str]:
    """Make a key; the key, and what to say about it. ``quotas`` are ``name=number``.

    Raises
    ------
    Misconfigured
        If tenant, name, a quota or the file cannot be used.
    """
    path = _path(config, given)
    first = not path.exists()
    limits = read_quotas(quotas, "--quota")
    secret, key = key_file.create(path, tenant, name, limits, _now(), synthetic=synthetic)
    lines = [f"key {key.name or key.id} of tenant {key.tenant}; it is shown this once:"]
    if first and given is None:
        lines.append("the first key: from now on the gateway asks every sender for one")
    return secret, "\n".join(reversed(lines))


def listing(config: Path | None, given: Path | None) -> list[dict[str, Any]]:
    """A row for each key, in the order they were made."""
    path = _path(config, given)
    if given is None and not path.exists():
        return []
    held = key_file.read(path)
    return [_row(k, blocked=k.tenant in held.blocked) for k in held.keys]


def _row(key: Key, *, blocked: bool) -> dict[str, Any]:
    limits = {n: v for n, v in asdict(key.quotas).items() if v and n in QUOTA_NAMES and key.has_quotas}
    state = REVOKED if key.revoked else BLOCKED if blocked else IN_FORCE
    return {
        "id": key.id,
        "tenant": key.tenant,
        "name": key.name,
        "state": state,
        "created": key.created,
        "revoked": key.revoked,
        "synthetic": key.synthetic == "yes",
        "quotas": limits,
    }


def show(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table for a person."""
    if not rows:
        return "no keys: whoever reaches the gateway on this machine may send"
    cells = [[*_COLUMNS], *([_cell(row[c]) for c in _COLUMNS] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={limit:g}" for name, limit in value.items()) or "-"
    return str(value) if value else "-"


def revoke(config: Path | None, given: Path | None, which: str) -> str:
    """Revoke a key; what to say about it."""
    key = key_file.revoke(_path(config, given), which, _now())
    return f"key {key.name or key.id} of tenant {key.tenant} is revoked"


def block(config: Path | None, given: Path | None, tenant: str, *, undo: bool) -> str:
    """Block a tenant, or undo it; what to say about it."""
    changed = key_file.block(_path(config, given), tenant, undo=undo)
    state = "may send" if undo else "is blocked"
    return f"tenant {tenant} {state}{'' if changed else ', as before'}"


def _path(config: Path | None, given: Path | None) -> Path:
    return given or load(config).home / USUAL


def _now() -> str:
    return rfc3339(to_datetime(SystemClock().now_ns() // 10**9 * 10**9))
