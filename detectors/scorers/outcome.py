"""How a call ended: with an error, cut off, and why generation stopped."""

from __future__ import annotations

from detectors.grid import FlagGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec

LONGEST_REASON = 64
"""Characters of a finish reason; canonical ones are ``stop length tool_call content_filter error``."""


def _score(record: Record) -> Scores:
    scores: Scores = {}
    if record.error is not None:
        scores["error"] = float(record.error)
    if record.finish_reason:
        scores["finish_reason"] = record.finish_reason[:LONGEST_REASON]
        scores["truncated"] = float(record.finish_reason == "length")
    return scores


OUTCOME = EachRecord(
    name="outcome",
    version="1",
    specs=(
        ScoreSpec("error", "Errors", "flag", FlagGrid(), harmful=1, severity="page", usual=0.1),
        ScoreSpec("truncated", "Cut-off outputs", "flag", FlagGrid(), harmful=1),
        ScoreSpec("finish_reason", "Finish reason", "category", None),
    ),
    score_one=_score,
)
