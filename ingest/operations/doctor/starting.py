"""What is not there yet right after a start is no fault: it is said to be starting. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from infra.clock import NS_PER_S, to_ns
from ingest.operations.doctor.line import FAIL, OK, WARN, Line

START_S = 120.0
"""So long after the start of an instance what does not answer yet is starting; later it is a fault."""
MOVING = frozenset(("Kafka", "ClickHouse", "topics", "progress", "waiting records"))
"""Checks, beside those of rooms and doors, of what is there only once all has started."""
_COMING = ("not ready", "not stored within", "missing", "has written nothing", "do not move", "no answer")


def started_s(run: Mapping[str, Any], now_ns: int) -> float | None:
    """Seconds since the running instance was started (``run.json``); ``None`` if none runs."""
    try:
        return max(0.0, (now_ns - to_ns(datetime.fromisoformat(str(run["started_at"])))) / NS_PER_S)
    except (KeyError, ValueError, OverflowError):
        return None


def settled(lines: Sequence[Line], rooms: Collection[str], since_s: float | None) -> list[Line]:
    """The same lines, where what is missing ``since_s`` after a start is said to be starting.

    ``rooms`` are the names of rooms and doors. What ends again and again does not start (``restarts``).
    """
    looping = any(line.check == "restarts" and line.state not in (OK, WARN) for line in lines)
    if since_s is None or since_s >= START_S or looping:
        return list(lines)
    remedy = f"it was started {since_s:.0f} s ago: ask again in a minute"
    return [
        replace(line, state=WARN, says=f"starting: {line.says}", remedy=remedy)
        if line.state != OK and (line.check in MOVING or line.check in rooms) and _may_come(line)
        else line
        for line in lines
    ]


def _may_come(line: Line) -> bool:
    """Whether time alone may help: what was failed on, refused or answered by others stays told."""
    return line.state != FAIL or any(word in line.says for word in _COMING)
