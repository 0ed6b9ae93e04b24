"""Whether a person asks the last question again in other words: the answer to it did not serve.

The last message is compared with the one before it, where the request holds both (most chats send the whole
conversation along). Compared are rows of four letters: the share of them that is
equal survives inflection, other order and added words. Another
wording without any word in common is not seen, and a message that is the same counts as a repeat, not here.
Short messages (*yes*, *and in May?*) say nothing. Some 20 us for messages of 100 characters.
"""

from __future__ import annotations

from detectors.grid import FlagGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.words import words

LONGEST = 1000
"""Characters of a message that are read; longer ones are material, not questions."""
LEAST_ROWS = 12
"""Different rows a message must have."""
ALIKE = 0.45
"""Least share of rows (Dice) that two wordings of one question have in common."""

_ROW = 4


def alikeness(one: str, other: str) -> float | None:
    """Share (0..1, Dice) of rows that two messages have in common; ``None`` if one is too short or long."""
    if len(one) > LONGEST or len(other) > LONGEST:
        return None
    a, b = _rows(one), _rows(other)
    if min(len(a), len(b)) < LEAST_ROWS:
        return None
    return 2 * len(a & b) / (len(a) + len(b))


def _rows(text: str) -> set[str]:
    joined = " ".join(words(text))
    return {joined[i : i + _ROW] for i in range(len(joined) - _ROW + 1)}


def _score(record: Record) -> Scores:
    if not record.prompt or not record.earlier_prompt:
        return {}
    alike = alikeness(record.prompt, record.earlier_prompt)
    if alike is None:
        return {"rephrases": 0.0}
    same = words(record.prompt) == words(record.earlier_prompt)
    return {"rephrases": float(alike >= ALIKE and not same)}


REPHRASING = EachRecord(
    name="rephrasing",
    version="1",
    specs=(ScoreSpec("rephrases", "Questions asked again", "flag", FlagGrid(), harmful=1),),
    score_one=_score,
)
