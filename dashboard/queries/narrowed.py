"""Conditions on single interactions: a slice, scores that were hit, words in their texts.

Names of dimensions and scores choose among columns that stand here; everything else is a bound value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from detectors.schema import CATEGORY_COLUMNS, SCORE_COLUMNS, Condition, any_of

_PLAIN = {
    "latency_s": "duration_s",
    "time_to_first_chunk_s": "time_to_first_chunk_s",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
}
"""Scores whose value is a column of the interaction."""

MOST_WORDS = 8
MOST_LETTERS = 64
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Narrow:
    """Which interactions: any of the slices of each dimension, every flag hit, all words in their texts."""

    slices: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def value_of(score: str) -> str:
    """The expression of a score's value; one without a column is looked up by the bound ``score``."""
    return _value(score, "score")


def _value(score: str, parameter: str) -> str:
    if score in _PLAIN:
        return _PLAIN[score]
    if score in SCORE_COLUMNS:
        return f"score_{score}"
    if score in CATEGORY_COLUMNS:
        return score
    name = f"{{{parameter}:String}}"
    return f"if(mapContains(other_scores, {name}), other_scores[{name}], NULL)"


def condition(narrow: Narrow) -> Condition:
    """Condition of a `Narrow`; ``1`` if it asks for nothing."""
    named = (pair.partition("=") for pair in narrow.slices)
    sql, bound = any_of(((dimension, unquote(value)) for dimension, _, value in named), "also")
    conditions = [sql]
    for i, flag in enumerate(narrow.flags[:MOST_WORDS]):
        conditions.append(f"{_value(flag, f'flag{i}')} >= 0.5")
        bound[f"flag{i}"] = flag
    if narrow.words:
        holds = []
        for i, word in enumerate(narrow.words[:MOST_WORDS]):
            texts = [f"lowerUTF8(ifNull({side}_text, ''))" for side in ("input", "output")]
            # hasToken reads the index; scripts that put no spaces between words have no words to it
            found = "hasToken({t}, {w})" if word.isascii() else "position({t}, {w}) > 0"
            each = [found.format(t=text, w=f"{{word{i}:String}}") for text in texts]
            holds.append(f"({' OR '.join(each)})")
            bound[f"word{i}"] = word
        conditions += holds
    return " AND ".join(conditions), bound


def words_of(text: str) -> tuple[str, ...]:
    """Words to look for, in lower case, at most `MOST_WORDS`."""
    found = [match[0].lower()[:MOST_LETTERS] for match in _WORD.finditer(text)]
    return tuple(dict.fromkeys(found))[:MOST_WORDS]
