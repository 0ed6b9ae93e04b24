"""Which runbook an alert has, and the first checks that stand in its front part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import infra
from alerts.errors import Defect
from alerts.incidents.identity import PIPELINE
from detectors.finding import Finding
from detectors.rules import ABSENT, CALLS

FOLDER = Path(infra.__file__).parent / "runbooks"
FIRST_CHECKS = "## First checks"
MAX_CHECKS = 3

_BY_SCORE = {
    "refusal": "refusal",
    "injection": "injection",
    "obfuscation": "injection",
    "harm": "harm",
    "harm_category": "harm",
    "image_unsafe": "harm",
    "toxicity": "toxicity",
    "secrets": "secrets",
    "pii": "pii",
    "error": "error",
    "truncated": "truncated",
    "finish_reason": "truncated",
    "repetition": "degenerate",
    "degenerate": "degenerate",
    "tool_loop": "tool_loop",
    "tool_calls": "tool_loop",
    "tool_repeats": "tool_loop",
    "steps": "tool_loop",
    "model_calls": "tool_loop",
    "refused_share": "refusal",
    "ended_in_error": "error",
    "conversation_errors": "error",
    "conversation_duration_s": "latency",
    "conversation_input_tokens": "length",
    "conversation_output_tokens": "length",
    "trace_input_tokens": "length",
    "trace_output_tokens": "length",
    "output_length": "length",
    "prompt_length": "length",
    "input_tokens": "length",
    "output_tokens": "length",
    "latency_s": "latency",
    "time_to_first_chunk_s": "latency",
    "trace_duration_s": "latency",
    "language": "language",
    "output_language": "language",
    "output_language_mismatch": "language",
    "tokens_per_second": "latency",
    "cost_usd": "cost",
    "system_prompt_leak": "system_prompt_leak",
    "system_prompt_leaked": "system_prompt_leak",
    "memorised": "memorised",
    "recited": "memorised",
    "exfiltration": "exfiltration",
    "exfiltration_link": "exfiltration",
    "asr_hallucination": "asr_hallucination",
    "tool_call_invalid": "wrong_form",
    "invalid_json": "wrong_form",
    "insecure_code": "insecure_code",
    "cwe": "insecure_code",
    "grounding": "grounding",
    "user_objects": "complaints",
    "asks_for_human": "complaints",
    "volume": "volume",
}
_BY_KIND = {"volume": "volume", "silence": "volume", "pipeline": "pipeline"}
_OF_OURS = {
    **{
        name: name
        for name in (
            "receiver_down",
            "disk_full",
            "late_share",
            "restart_loop",
            "records_waiting",
            "quarantine",
            "set_aside",
            "ingestion_still",
            "detection_stalled",
            "dead_letters",
            "missing_observations",
            "scorer_off",
            "config_not_reloaded",
        )
    },
    "missing_ticks": "missing_observations",
}
"""What Lightship states of itself, by its score."""
_SIDES = ("_prompt", "_output", "_context", "_tool_result")

GENERIC = "drift"
"""The runbook of a score that has none of its own."""


@dataclass(frozen=True, slots=True)
class Runbook:
    """What to do about one alert. ``checks`` are the first things to look at, at most `MAX_CHECKS`."""

    name: str
    title: str
    checks: tuple[str, ...]


def name_of(finding: Finding) -> str:
    """Name of the runbook for a finding: by what kind of alert it is, else by its score."""
    if finding.alert_kind in _BY_KIND:
        usual = _BY_KIND[finding.alert_kind]
        return _OF_OURS.get(finding.score, usual) if finding.alert_kind == PIPELINE else usual
    if finding.measure == ABSENT:
        return _BY_SCORE[CALLS]
    score = finding.score
    for side in _SIDES:
        score = score.removesuffix(side)
    return _BY_SCORE.get(finding.score) or _BY_SCORE.get(score) or GENERIC


@cache
def load(name: str) -> Runbook:
    """Read a runbook.

    Raises
    ------
    Defect
        If there is no such file, or it lacks a title or first checks: every alert has a runbook.
    """
    path = FOLDER / f"{name}.md"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Defect(f"runbook {name}.md cannot be read: {error.strerror}") from error
    return parse(name, text)


def parse(name: str, text: str) -> Runbook:
    """Title and first checks: an ordered list under the heading `FIRST_CHECKS`, a line each."""
    heading, _, rest = text.partition("\n")
    front = rest.partition(f"{FIRST_CHECKS}\n")[2].partition("\n## ")[0]
    numbered = [line.partition(". ") for line in front.splitlines()]
    checks = tuple(check.strip() for number, _, check in numbered if number.strip().isdigit() and check)
    if not heading.startswith("# ") or not checks:
        raise Defect(f"runbook {name}.md has no title or no list under {FIRST_CHECKS!r}")
    return Runbook(name, heading.removeprefix("# ").strip(), checks[:MAX_CHECKS])
