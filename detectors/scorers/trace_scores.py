"""Scores of whole agent runs, from their steps.

Wrapper spans (agents, chains) are no steps of their own: a step is a model call or a tool call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from detectors.grid import FlagGrid, LogGrid
from detectors.record import Step, Trace
from detectors.scorers.each import EachTrace
from detectors.scorers.protocol import Scores, ScoreSpec

LOOP_CALLS = 3
"""As many calls of one tool with the same arguments are a loop."""

NS_PER_S = 1_000_000_000

_COUNTS = LogGrid(low=1, high=1e6)
_SECONDS = LogGrid(low=1e-3, high=10 * 86_400)
_TOKENS = LogGrid(low=1, high=1e9)


def _score(trace: Trace) -> Scores:
    steps = [step for step in trace.steps if step.kind in ("model", "tool")]
    tools = [step for step in steps if step.kind == "tool"]
    models = [step for step in steps if step.kind == "model"]
    same = Counter((t.name, t.arguments) for t in tools if t.arguments is not None)
    scores: Scores = {
        "steps": float(len(steps)),
        "model_calls": float(len(models)),
        "tool_calls": float(len(tools)),
        "tool_errors": float(sum(t.error for t in tools)),
        "tool_repeats": float(sum(n - 1 for n in same.values())),
        "tool_loop": float(max(same.values(), default=0) >= LOOP_CALLS),
        "trace_duration_s": max(trace.end_ns - trace.start_ns, 0) / NS_PER_S,
    }
    if models:
        scores["ended_without_answer"] = float(_ended_without_answer(steps))
    for side in ("input", "output"):
        told = [n for step in models if (n := getattr(step, f"{side}_tokens")) is not None and n >= 0]
        if told:
            scores[f"trace_{side}_tokens"] = float(sum(told))
    return scores


def _ended_without_answer(steps: Sequence[Step]) -> bool:
    """Whether the last thing that happened was a tool call or a failed model call."""
    last = max(steps, key=lambda step: (step.end_ns, step.start_ns))
    return last.kind == "tool" or last.error


def _trace(
    name: str,
    title: str,
    kind: str,
    grid: FlagGrid | LogGrid,
    harmful: int = 0,
    severity: str = "ticket",
    unit: str = "",
) -> ScoreSpec:
    return ScoreSpec(name, title, kind, grid, "trace", harmful, severity, value_unit=unit)


TRACE_SCORES = EachTrace(
    name="trace",
    version="2",
    specs=(
        _trace("steps", "Steps", "positive", _COUNTS),
        _trace("model_calls", "Model calls of a run", "positive", _COUNTS),
        _trace("tool_calls", "Tool calls", "positive", _COUNTS),
        _trace("tool_errors", "Failed tool calls", "positive", _COUNTS, harmful=1),
        _trace("tool_repeats", "Repeated tool calls", "positive", _COUNTS, harmful=1),
        _trace("tool_loop", "Tool loops", "flag", FlagGrid(), harmful=1, severity="page"),
        _trace("trace_duration_s", "Duration", "positive", _SECONDS, unit="s"),
        _trace("trace_input_tokens", "Input tokens of a run", "positive", _TOKENS, unit="tokens"),
        _trace("trace_output_tokens", "Output tokens of a run", "positive", _TOKENS, unit="tokens"),
        _trace("ended_without_answer", "Runs without an answer", "flag", FlagGrid(), harmful=1),
    ),
    score_one=_score,
)
