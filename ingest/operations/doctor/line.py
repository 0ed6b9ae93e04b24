"""One line of the doctor's answer, and what a set of them comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

OK, WARN, FAIL, AWAY = "ok", "warn", "fail", "away"
"""``away``: a server does not answer, so that what hangs on it cannot be told."""

STATES = (OK, WARN, FAIL, AWAY)


@dataclass(frozen=True, slots=True)
class Line:
    """What was looked at, how it stands, what was seen, and the exact variable or command that helps."""

    check: str
    state: str
    says: str
    remedy: str | None = None


def report(lines: Sequence[Line]) -> dict[str, Any]:
    """The answer of ``lightship doctor --json``; ``ok`` unless something failed or is away."""
    counts = {state: sum(x.state == state for x in lines) for state in STATES}
    return {
        "ok": not (counts[FAIL] or counts[AWAY]),
        "counts": counts,
        "checks": [asdict(x) for x in lines],
    }


def exit_code(lines: Iterable[Line]) -> int:
    """0, 1 if a check failed, 3 if a server does not answer."""
    states = {x.state for x in lines}
    return 3 if AWAY in states else 1 if FAIL in states else 0


def show(lines: Iterable[Line]) -> str:
    """A line each, the remedy below what needs one."""
    out = []
    for x in lines:
        out.append(f"{x.state:<5} {x.check}: {x.says}")
        if x.remedy is not None and x.state != OK:
            out.append(f"      → {x.remedy}")
    return "\n".join(out)
