"""Whether the person is not served: objects to the last answer, or asks for somebody human.

Two flags on what people write, from short messages alone: who complains to an assistant is brief, while long
prompts speak of complaints as a subject. Phrases address the assistant (*you misunderstood*, *not what I
asked*), so that a text about a quarrel is none; a mere *no* may answer what the assistant asked. English,
Spanish, German, French, Portuguese, Italian and Dutch; of a service in other languages a rate near zero says
nothing.
"""

from __future__ import annotations

from typing import Any

from detectors.grid import FlagGrid
from detectors.record import Record
from detectors.scorers.complaint_phrases import ASKS_FOR_HUMAN, OBJECTS
from detectors.scorers.each import EachRecord
from detectors.scorers.patterns import large
from detectors.scorers.phrase_text import phrase_text
from detectors.scorers.protocol import Scores, ScoreSpec

LONGEST = 300
"""Characters of a message that may be a complaint."""

_ASKS, _OBJECTS = large("|".join(ASKS_FOR_HUMAN)), large("|".join(OBJECTS))


def _message(prompt: str) -> bytes | None:
    if len(prompt) > LONGEST:
        return None
    return " ".join(phrase_text(prompt).split()).encode("utf-8", "replace")


def objects(prompt: str) -> bool:
    """Whether a message rejects what was answered before it."""
    return _found(_OBJECTS, _message(prompt))


def asks_for_human(prompt: str) -> bool:
    """Whether a message asks for a person instead of the assistant."""
    return _found(_ASKS, _message(prompt))


def _found(pattern: Any, message: bytes | None) -> bool:
    return message is not None and pattern.search(message) is not None


def _score(record: Record) -> Scores:
    if not record.prompt:
        return {}
    message = _message(record.prompt)
    return {
        "user_objects": float(_found(_OBJECTS, message)),
        "asks_for_human": float(_found(_ASKS, message)),
    }


COMPLAINTS = EachRecord(
    name="complaints",
    version="1",
    specs=(
        ScoreSpec("user_objects", "Objections to answers", "flag", FlagGrid(), harmful=1, usual=0.1),
        ScoreSpec("asks_for_human", "Requests for a human", "flag", FlagGrid(), harmful=1, usual=0.1),
    ),
    score_one=_score,
)
