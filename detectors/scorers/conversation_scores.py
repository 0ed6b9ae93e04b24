"""Scores of whole conversations, from what is known of their calls: how long, how costly, how they went."""

from __future__ import annotations

from detectors.grid import FlagGrid, LogGrid, LogitGrid
from detectors.record import Conversation
from detectors.scorers.each import EachConversation
from detectors.scorers.protocol import Scores, ScoreSpec

_COUNTS = LogGrid(low=1, high=1e6)
_SECONDS = LogGrid(low=1e-3, high=10 * 86_400)
_TOKENS = LogGrid(low=1, high=1e9)
_SHARES = LogitGrid()


def _score(c: Conversation) -> Scores:
    scores: Scores = {
        "turns": float(c.turns),
        "conversation_duration_s": max(c.duration_s, 0.0),
        "conversation_errors": float(c.errors),
        "ended_in_error": float(c.ended_in_error),
    }
    if c.input_tokens is not None:
        scores["conversation_input_tokens"] = float(c.input_tokens)
    if c.output_tokens is not None:
        scores["conversation_output_tokens"] = float(c.output_tokens)
    if c.judged:
        scores["refused_share"] = c.refusals / c.judged
    if c.repeats is not None and c.turns:
        scores["repeated_prompts"] = c.repeats / c.turns
    for name, n in (
        ("conversation_objected", c.objections),
        ("conversation_asked_for_human", c.requests_for_human),
        ("conversation_rephrased", c.rephrasings),
    ):
        if n is not None:
            scores[name] = float(n > 0)
    for name, rise in (("injection_rise", c.injection_rise), ("harm_rise", c.harm_rise)):
        if rise is not None:
            scores[name] = min(max(rise, 0.0), 1.0)
    return scores


def _spec(
    name: str,
    title: str,
    kind: str,
    grid: FlagGrid | LogGrid | LogitGrid,
    harmful: int = 0,
    unit: str = "",
) -> ScoreSpec:
    return ScoreSpec(name, title, kind, grid, "conversation", harmful, value_unit=unit)


CONVERSATION_SCORES = EachConversation(
    name="conversation",
    version="2",
    specs=(
        _spec("turns", "Turns", "positive", _COUNTS),
        _spec("conversation_duration_s", "Length of conversations", "positive", _SECONDS, unit="s"),
        _spec("conversation_errors", "Failed calls of a conversation", "positive", _COUNTS, harmful=1),
        _spec("ended_in_error", "Conversations that end in an error", "flag", FlagGrid(), harmful=1),
        _spec(
            "conversation_input_tokens", "Input tokens of a conversation", "positive", _TOKENS, unit="tokens"
        ),
        _spec(
            "conversation_output_tokens",
            "Output tokens of a conversation",
            "positive",
            _TOKENS,
            unit="tokens",
        ),
        _spec("refused_share", "Refused part of a conversation", "bounded", _SHARES, harmful=1),
        _spec("repeated_prompts", "Repeated prompts", "bounded", _SHARES, harmful=1),
        _spec("conversation_objected", "Conversations with objections", "flag", FlagGrid(), harmful=1),
        _spec(
            "conversation_asked_for_human",
            "Conversations that ask for a human",
            "flag",
            FlagGrid(),
            harmful=1,
        ),
        _spec("conversation_rephrased", "Conversations that ask again", "flag", FlagGrid(), harmful=1),
        _spec("injection_rise", "Rise of injection over turns", "bounded", _SHARES, harmful=1),
        _spec("harm_rise", "Rise of harm over turns", "bounded", _SHARES, harmful=1),
    ),
    score_one=_score,
)
