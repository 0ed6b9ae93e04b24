"""``lightship baselines``: what was learned and what people say to it, asked of the alerts API in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alerts.commands.client import get, post


def listed(config: Path | None, **filters: str | None) -> dict[str, Any]:
    """Learned levels that match; raises what `alerts.commands.client.ask` does."""
    return get(config, "/baselines", **filters)


def accept_or_adopt(
    config: Path | None, action: str, actor: str, reason: str, **named: str | None
) -> dict[str, Any]:
    """Have baselines accepted or adopted; what was done. Raises what `alerts.commands.client.tell` does."""
    return post(config, f"/baselines/{action}", actor, reason, **named)


def show_list(report: Mapping[str, Any]) -> str:
    """A table for a person."""
    rows = report["baselines"]
    if not rows:
        return "no series is watched yet: they learn, or the filter matches none"
    lines: list[tuple[str, ...]] = [
        ("service", "score", "slice", "level", "n", "limit", "others", "verdict", "notices in 1 day")
    ]
    lines += [_line(r) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _line(r: Mapping[str, Any]) -> tuple[str, ...]:
    where = f"{r['service']}/{r['environment']}" if r["environment"] else r["service"]
    level = _number(r["level"])
    if r["low"] is not None and r["high"] is not None:
        level += f" ({_number(r['low'])}-{_number(r['high'])})"
    gap = "" if r["gap"] is None else f"{r['gap']:+.3g} to {r['others']}"
    verdict = r["verdict"] + (f" by {r['accepted_by']}" if r["accepted_by"] else "")
    noticed = "" if r["detectable_1d"] is None else f"{_number(r['detectable_1d'])} {r['detectable_unit']}"
    n = str(r["n"]) if r["examples"] is None else f"{r['examples']} of {r['n']}"
    return where, r["score"], r["slice"], level, n, _number(r["limit"]), gap, verdict, noticed


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def show_accepted(report: Mapping[str, Any]) -> str:
    """What was accepted."""
    done: Sequence[str] = report["accepted"]
    return "accepted: " + ", ".join(done) if done else "all of these are fine already"


def show_adopted(report: Mapping[str, Any]) -> str:
    """What was adopted."""
    return "to be watched from the next tick on: " + ", ".join(report["adopted"])


def show_expected(report: Mapping[str, Any]) -> str:
    """What was announced."""
    expected = report["expected"]
    what = ", ".join(expected["scores"]) or "scores that do not page"
    return f"changes of {what} at {expected['at']} will be taken for the new level"
