"""How much of an answer stands in what the model was given: share of its word pairs found there.

Given are the retrieved documents and tool results, and the user's own message. A pair is two neighbouring
words of the answer. A faithful answer in words of its own scores low, too, and one that lies in borrowed
words high: it is the change that tells, of a broken retriever, of other documents, of a model that answers
from memory.

Left out without retrieved documents, for answers of fewer than eight words, and where what was given is
longer than 128 KiB, which would not be read to the end. Some 10 us and 35 us for every KiB of what was given.
Source: the extractive coverage of Grusky et al., "Newsroom", NAACL 2018, on pairs.
"""

from __future__ import annotations

from itertools import pairwise

from detectors.grid import LogitGrid
from detectors.record import Record
from detectors.redaction.pseudonyms import for_scorers
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.text_parts import scored
from detectors.scorers.words import words

LEAST_WORDS = 8
MOST_CHARACTERS = 128 << 10


def grounding(answer: str, given: tuple[str, ...]) -> float | None:
    """Share of the word pairs of ``answer`` that stand in one of ``given``, 0..1; ``None`` if it is short."""
    units = words(answer)
    if len(units) < LEAST_WORDS:
        return None
    pairs = list(pairwise(units))
    wanted, known = set(pairs), set[tuple[str, str]]()
    for text in given:
        known |= wanted.intersection(pairwise(words(text)))
    return sum(pair in known for pair in pairs) / len(pairs)


def _score(record: Record) -> Scores:
    answer = scored(record.output)
    if not answer or not any(record.context):
        return {}
    given = (*record.context, *record.tool_results, record.prompt or "")
    if sum(map(len, given)) > MOST_CHARACTERS:
        return {}
    value = grounding(answer, tuple(map(for_scorers, given)))
    return {} if value is None else {"grounding": value}


GROUNDING = EachRecord(
    name="grounding",
    version="1",
    specs=(ScoreSpec("grounding", "Grounding in context", "bounded", LogitGrid(), harmful=-1),),
    score_one=_score,
)
