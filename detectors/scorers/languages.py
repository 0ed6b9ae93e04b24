"""Languages of the prompt and of the output, and whether the answer is in another than the question."""

from __future__ import annotations

from detectors.grid import FlagGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.language import language
from detectors.scorers.language_mismatch import mismatch
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.text_parts import scored


def _score(record: Record) -> Scores:
    prompt, output = scored(record.prompt), scored(record.output)
    scores: Scores = {}
    asked = language(prompt) if prompt else None
    answered = language(output) if output else None
    if asked is not None:
        scores["language"] = asked
    if answered is not None:
        scores["output_language"] = answered
    if prompt and output and asked and answered:
        other = mismatch(prompt, output, asked, answered)
        if other is not None:
            scores["output_language_mismatch"] = float(other)
    return scores


LANGUAGE = EachRecord(
    name="language",
    version="3",
    specs=(
        ScoreSpec("language", "Prompt language", "category", None),
        ScoreSpec("output_language", "Output language", "category", None),
        ScoreSpec("output_language_mismatch", "Answers in another language", "flag", FlagGrid(), harmful=1),
    ),
    score_one=_score,
)
