"""Characters of prompt and output, as the user and the model wrote them (redacted values by placeholder)."""

from __future__ import annotations

from detectors.grid import LogGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec

_GRID = LogGrid(low=1, high=1e8)


def _score(record: Record) -> Scores:
    scores: Scores = {}
    if record.prompt is not None:
        scores["prompt_length"] = float(len(record.prompt))
    if record.output is not None:
        scores["output_length"] = float(len(record.output))
    return scores


LENGTH = EachRecord(
    name="length",
    version="1",
    specs=(
        ScoreSpec("prompt_length", "Prompt length", "positive", _GRID, value_unit="characters"),
        ScoreSpec("output_length", "Output length", "positive", _GRID, value_unit="characters"),
    ),
    score_one=_score,
)
