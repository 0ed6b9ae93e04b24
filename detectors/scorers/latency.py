"""Seconds of a call: all of it, and until the first chunk of a stream."""

from __future__ import annotations

import math

from detectors.grid import LogGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec

_GRID = LogGrid(low=1e-3, high=86_400)
"""A millisecond to a day; quicker calls count as 0."""


def _score(record: Record) -> Scores:
    values = {"latency_s": record.duration_s, "time_to_first_chunk_s": record.time_to_first_chunk_s}
    return {name: float(v) for name, v in values.items() if v is not None and math.isfinite(v) and v >= 0}


LATENCY = EachRecord(
    name="latency",
    version="1",
    specs=(
        ScoreSpec("latency_s", "Latency", "positive", _GRID, value_unit="s"),
        ScoreSpec("time_to_first_chunk_s", "Time to first chunk", "positive", _GRID, value_unit="s"),
    ),
    score_one=_score,
)
