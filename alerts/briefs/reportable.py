"""Until when a safety incident may have to be reported: deadlines from the clocks in ``reportable.toml``.

A map, not advice: it says which clocks there are and when each would run out, never that one runs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from detectors.finding import rfc3339

FILE = Path(__file__).with_name("reportable.toml")
NOT_ADVICE = (
    "whether any of these applies is for you and your counsel to say; every one asks for more than a date"
)


@dataclass(frozen=True, slots=True)
class Clock:
    """``hours`` from becoming aware ``of`` something, in which ``law`` wants it told ``to`` somebody."""

    law: str
    of: str
    to: str
    hours: int

    def until(self, aware: datetime) -> datetime:
        """When it has run out; at the latest, most say "without undue delay"."""
        return aware + timedelta(hours=self.hours)


@cache
def clocks() -> tuple[Clock, ...]:
    """Every clock, the shortest first."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))["clock"]
    return tuple(sorted((Clock(**table) for table in tables), key=lambda clock: clock.hours))


def deadlines(aware: datetime, now: datetime) -> list[dict[str, Any]]:
    """When each clock runs out, and how many hours are left of it (below 0: it has)."""
    return [
        {
            "law": clock.law,
            "of": clock.of,
            "to": clock.to,
            "hours": clock.hours,
            "until": rfc3339(clock.until(aware)),
            "hours_left": round((clock.until(aware) - now) / timedelta(hours=1), 1),
        }
        for clock in clocks()
    ]


def show(report: Mapping[str, Any]) -> str:
    """For a person."""
    rows: Sequence[Mapping[str, Any]] = report["deadlines"]
    lines = [f"{report['incident_id']}  aware since {report['aware']}"]
    for row in rows:
        left = f"{row['hours_left']:g} h left" if row["hours_left"] > 0 else "has run out"
        lines += [f"{row['until']}  {left}  {row['law']}", f"  of: {row['of']}", f"  to: {row['to']}"]
    return "\n".join([*lines, NOT_ADVICE])
