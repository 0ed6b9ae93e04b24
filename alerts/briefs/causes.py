"""What may be the cause, in words: what changed near the onset, or what was compared and did not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from alerts.briefs import figures, words
from alerts.briefs.tally import counted_as
from detectors.finding import Suspect

KINDS = {
    "prompt_version": "prompt version",
    "system_prompt": "system prompt",
    "request_model": "model asked for",
    "response_model": "model that answered",
    "request_parameters": "parameters",
    "release": "release",
    "provider": "provider",
    "operation": "operation",
    "agent_name": "agent",
}
"""Dimensions of telemetry as words; other kinds of suspects are what people recorded."""
MODELS = frozenset({"request_model", "response_model", "provider"})
YOURS = ("prompt_version", "system_prompt", "release", "request_model", "request_parameters")
"""What a team changes itself, of calls; where it is not reported a change of it cannot be seen."""
COMPARES = ("drift", "fast")
"""Kinds of findings that look for suspects."""
_HASH = 12
"""Characters of a hash that are shown."""


def suspect_text(suspect: Suspect, others: Sequence[Suspect], now: datetime) -> str:
    """``prompt version 8, replaced 7 at 01:00 UTC``."""
    kind = KINDS.get(suspect.kind)
    at = figures.clock(suspect.since, now)
    if kind is None:
        return f"{words.plain(suspect.kind)} {words.plain(suspect.value)}, recorded for {at}"
    if suspect.kind == "operation":
        return f"operation {words.plain(suspect.value)}, first seen at {at}"
    value = _short(suspect.kind, suspect.value)
    if suspect.replaced is not None:
        text = f"{kind} {value}, replaced {_short(suspect.kind, suspect.replaced)} at {at}"
    else:
        text = f"{kind} {value}, new at {at}"
    if suspect.kind == "response_model" and all(s.kind != "request_model" for s in others):
        text += "; the model asked for is the same, so the provider changed it"
    return text


def _short(kind: str, value: str) -> str:
    shown = words.plain(value)
    return f"{shown[:_HASH]}…" if kind == "system_prompt" and len(shown) > _HASH + 4 else shown


def nothing_changed(
    compared: Sequence[str], score: str, unit: str, onset: datetime, now: datetime
) -> tuple[str, str]:
    """What to suspect where nothing that is reported changed near the onset, and what was compared."""
    near = figures.clock(onset, now)
    looked = f"compared: {', '.join(KINDS.get(name, words.plain(name)) for name in compared)}"
    missing = [KINDS[name] for name in YOURS if name not in compared] if unit == "interaction" else []
    said = f"nothing of yours{' that is reported' if missing else ''} changed near {near}"
    if missing:
        looked += f"; not reported, so not compared: {', '.join(missing)}"
    if counted_as(score, unit) == "prompts":
        return f"{said}: it is what users send that did", looked
    if unit == "interaction" and MODELS & set(compared):
        return f"{said}: suspect the provider", looked
    return f"{said}: look at what it calls", looked
