"""Words that more, or fewer, outputs hold than before. Pure.

Counted is in how many outputs a word stands, not how often: one output that repeats itself is one. Intervals
are Newcombe's, and hold together over all words that were looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.measures import intervals

LEAST_TEXTS = 30
"""Texts on a side below which nothing is said."""
LEAST_WITH = 4
"""Outputs of both sides that must hold a word for it to be looked at."""
MOST_LOOKED_AT = 2_000
LONGEST = 40

_MARK = re.compile(r"\[([a-z_]{1,40}):[0-9a-f]{4,64}\]")
_WORD = re.compile(r"[^\W\d_][\w'’-]{1,60}|\[[a-z_]{1,40}\]")


@dataclass(frozen=True, slots=True)
class Term:
    """``before`` and ``now`` are shares of texts with it (0..1), ``low`` and ``high`` of their difference."""

    word: str
    before: float
    now: float
    low: float
    high: float

    @property
    def gap(self) -> float:
        """How much its share rose."""
        return self.now - self.before


def words(text: str) -> set[str]:
    """Words of a text in lower case; a redacted value is its kind: ``[email]``."""
    marked = _MARK.sub(r"[\1]", text)
    return {found[:LONGEST].lower() for found in _WORD.findall(marked)}


def moved(before: Sequence[str], now: Sequence[str]) -> tuple[list[Term], list[Term]]:
    """Words gained and words lost, the farthest first; those alone whose interval excludes no change."""
    if min(len(before), len(now)) < LEAST_TEXTS:
        return [], []
    then: Counter[str] = Counter(word for text in before for word in words(text))
    after: Counter[str] = Counter(word for text in now for word in words(text))
    counted = then + after
    looked_at = [word for word, n in counted.most_common(MOST_LOOKED_AT) if n >= LEAST_WITH]
    confidence = intervals.together(len(looked_at))
    found = []
    for word in looked_at:
        old, new = then[word], after[word]
        low, high = intervals.difference(old, len(before), new, len(now), confidence)
        if low > 0 or high < 0:
            found.append(Term(word, old / len(before), new / len(now), low, high))
    gained = sorted((t for t in found if t.gap > 0), key=lambda t: (-t.gap, t.word))
    lost = sorted((t for t in found if t.gap < 0), key=lambda t: (t.gap, t.word))
    return gained, lost
