"""Scorers: cheap, pure measures of interactions and agent runs, and scoring with all of them.

``score_records``, ``score_traces`` and ``score_conversations`` score what is redacted already;
``score_batch`` and ``score_lines`` take records of files and redact them first. ``SPECS`` names every score,
``SCORER_VERSIONS`` the version of every scorer. To add one, write its file and put it in
`detectors.scorers.registry.SCORERS`; the conformance suite then runs on it.
"""

from detectors.scorers.lines import score_batch, score_lines
from detectors.scorers.protocol import Scorer, Scores, ScoreSpec
from detectors.scorers.registry import (
    CONVERSATION_SCORERS,
    SCORER_VERSIONS,
    SCORERS,
    SPECS,
    TRACE_SCORERS,
    Tally,
    score_conversations,
    score_each,
    score_records,
    score_traces,
)

__all__ = [
    "CONVERSATION_SCORERS",
    "SCORERS",
    "SCORER_VERSIONS",
    "SPECS",
    "TRACE_SCORERS",
    "ScoreSpec",
    "Scorer",
    "Scores",
    "Tally",
    "score_batch",
    "score_conversations",
    "score_each",
    "score_lines",
    "score_records",
    "score_traces",
]
