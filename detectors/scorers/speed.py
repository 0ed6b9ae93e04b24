"""How fast an answer was written: output tokens a second.

Of streamed answers from the first chunk on, of others over the whole call; so it falls when a provider is
slow, and also when answers are so short that waiting is most of a call. Left out for failed calls, without a
token count and for fewer than sixteen tokens. Under 1 us.
"""

from __future__ import annotations

import math

from detectors.grid import LogGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec

LEAST_TOKENS = 16
_FASTEST = 1e5
"""Tokens a second; what seems faster was not measured but replayed or cached."""


def _score(record: Record) -> Scores:
    tokens, duration_s = record.output_tokens, record.duration_s
    if tokens is None or duration_s is None or tokens < LEAST_TOKENS or record.error:
        return {}
    waited_s = record.time_to_first_chunk_s
    if waited_s is not None and 0 <= waited_s < duration_s:
        tokens, duration_s = tokens - 1, duration_s - waited_s
    if not math.isfinite(duration_s) or tokens > _FASTEST * duration_s:
        return {}
    return {"tokens_per_second": tokens / duration_s}


SPEED = EachRecord(
    name="speed",
    version="1",
    specs=(
        ScoreSpec(
            "tokens_per_second",
            "Output tokens a second",
            "positive",
            LogGrid(low=0.01, high=1e5),
            harmful=-1,
            value_unit="tokens/s",
        ),
    ),
    score_one=_score,
)
