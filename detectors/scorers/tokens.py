"""Tokens of a call as the provider counted them."""

from __future__ import annotations

from detectors.grid import LogGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec

_GRID = LogGrid(low=1, high=1e8)


def _score(record: Record) -> Scores:
    values = {"input_tokens": record.input_tokens, "output_tokens": record.output_tokens}
    return {name: float(v) for name, v in values.items() if v is not None and v >= 0}


TOKENS = EachRecord(
    name="tokens",
    version="1",
    specs=(
        ScoreSpec("input_tokens", "Input tokens", "positive", _GRID, value_unit="tokens"),
        ScoreSpec("output_tokens", "Output tokens", "positive", _GRID, value_unit="tokens"),
    ),
    score_one=_score,
)
