"""How much of an output repeats itself: loops of words or sentences, and text that compresses too well.

The score is the largest of three shares in 0..1: of word four-grams seen before (weighted 0.8, because
lists and tables repeat themselves too), of words in back-to-back copies of whatever length, and of
compressibility beyond what prose, code and tables show. Scripts without blanks are read by character.
"""

from __future__ import annotations

import zlib

from detectors.grid import FlagGrid, LogitGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.text_parts import scored

DEGENERATE_AT = 0.25
"""From this score on an output counts as degenerate. On real texts: 97.6 % of planted loops and 99 % of a raw
model's endless answers are above, and 0.7 to 2.2 % of ordinary answers (long lists of like entries)."""

_SEEN_WEIGHT = 0.8
_WORD_GRAM = 4
_CHARACTER_GRAM = 6
_MIN_UNITS = 8
_LONG_WORD = 12
"""Longer mean words than this mean a script without blanks, or one endless word."""

_MIN_BYTES_TO_COMPRESS = 256
_PROSE_RATIO = 0.25
_LOOP_RATIO = 0.05
"""Ordinary texts of 256 bytes to 4 KiB do not compress below a quarter; loops reach a twentieth."""


def repetition(text: str) -> float:
    """Share of ``text`` that repeats, in 0..1."""
    units = text.split()
    size = _WORD_GRAM
    if units and len(text) > _LONG_WORD * len(units):
        units, size = [c for c in text if not c.isspace()], _CHARACTER_GRAM
    seen, copied = _repeats(units, size) if len(units) >= _MIN_UNITS else (0.0, 0.0)
    return min(1.0, max(_SEEN_WEIGHT * seen, copied, _compressible(text)))


def _repeats(units: list[str], size: int) -> tuple[float, float]:
    """Share of n-grams that stood before, and share of units in copies that follow each other directly.

    A copy is a row of n-grams that all stood before at the same distance, at least as long as the distance.
    """
    last: dict[tuple[str, ...], int] = {}
    seen = copied = row = distance = 0
    for index, gram in enumerate(zip(*(units[i:] for i in range(size)), strict=False)):
        before = last.get(gram)
        last[gram] = index
        now = 0 if before is None else index - before
        seen += now > 0
        if now and now == distance:
            row += 1
            continue
        if distance and row + size - 1 >= distance:
            copied += row + size - 1
        row, distance = (1, now) if now else (0, 0)
    if distance and row + size - 1 >= distance:
        copied += row + size - 1
    grams = len(units) - size + 1
    return seen / grams, min(copied / len(units), 1.0)


def _compressible(text: str) -> float:
    data = text.encode("utf-8", "replace")
    if len(data) < _MIN_BYTES_TO_COMPRESS:
        return 0.0
    ratio = len(zlib.compress(data, 1)) / len(data)
    return min(max((_PROSE_RATIO - ratio) / (_PROSE_RATIO - _LOOP_RATIO), 0.0), 1.0)


def _score(record: Record) -> Scores:
    text = scored(record.output)
    if not text:
        return {}
    value = repetition(text)
    return {"repetition": value, "degenerate": float(value >= DEGENERATE_AT)}


REPETITION = EachRecord(
    name="repetition",
    version="1",
    specs=(
        ScoreSpec(
            "repetition", "Repetition in outputs", "bounded", LogitGrid(), harmful=1, severity="ticket"
        ),
        ScoreSpec(
            "degenerate", "Degenerate outputs", "flag", FlagGrid(), harmful=1, severity="page", usual=0.02
        ),
    ),
    score_one=_score,
)
