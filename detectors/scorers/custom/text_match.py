"""Scores of one's own by a pattern or by words: whether, or how often, they stand in a text of one side."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any

import re2

from detectors.encodable import encodable
from detectors.record import Record
from detectors.redaction.pseudonyms import for_scorers
from detectors.scorers.custom.values import scores_of
from detectors.scorers.protocol import Scores, ScoreSpec

MOST_COUNTED = 1000
MOST_KEYWORDS = 2000
_MEMORY = 16 << 20
"""Bytes that a pattern may take."""


class TextMatch:
    """Implements `Scorer`. Patterns are RE2's, so time is linear in the text whatever they are.

    Parameters
    ----------
    spec
        A flag (found or not) or ``positive`` (how often, up to `MOST_COUNTED`).
    pattern
        In RE2 syntax.
    side
        ``prompt``, ``output``, ``context`` or ``tool_result``; a record without a text there has no score.

    Raises
    ------
    ValueError
        If RE2 cannot read the pattern, it matches the empty text, or the kind is another.
    """

    def __init__(self, spec: ScoreSpec, pattern: str, side: str) -> None:
        if spec.kind not in ("flag", "positive"):
            raise ValueError(
                f"{spec.name}: a pattern or keywords make a flag or a count, and the kind is {spec.kind!r}"
            )
        self.name = spec.name
        self.specs = (spec,)
        self.version = blake2b(f"{side}\x00{pattern}".encode(), digest_size=6).hexdigest()
        self._spec, self._side = spec, side
        options = re2.Options()
        options.max_mem = _MEMORY
        options.log_errors = False
        try:
            self._pattern: Any = re2.compile(pattern, options)
        except re2.error as error:
            raise ValueError(f"{spec.name}: RE2 cannot read the pattern: {_said(error)}") from error
        if self._pattern.search("") is not None:
            raise ValueError(f"{spec.name}: the pattern is found in an empty text, so it is found everywhere")

    def score(self, records: Sequence[Record]) -> list[Scores]:
        """Values of each record."""
        return [self._score(record) for record in records]

    def _score(self, record: Record) -> Scores:
        texts = [for_scorers(encodable(text)) for text in texts_of(record, self._side)]
        if not texts:
            return {}
        if self._spec.kind == "flag":
            return scores_of(self._spec, any(self._pattern.search(text) is not None for text in texts))
        found = sum(sum(1 for _ in islice(self._pattern.finditer(text), MOST_COUNTED)) for text in texts)
        return scores_of(self._spec, min(found, MOST_COUNTED))


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def texts_of(record: Record, side: str) -> list[str]:
    """Texts of one side that are there."""
    if side == "prompt":
        return [record.prompt] if record.prompt else []
    if side == "output":
        return [record.output] if record.output else []
    return [text for text in (record.context if side == "context" else record.tool_results) if text]


def pattern_of(keywords: Sequence[str]) -> str:
    """A pattern for whole words and phrases in any case; blanks in a phrase are any blanks.

    Where a keyword begins or ends with an ASCII letter or digit the text must not go on with one.

    Raises
    ------
    ValueError
        If one is empty, or there are more than `MOST_KEYWORDS`.
    """
    if len(keywords) > MOST_KEYWORDS:
        raise ValueError(f"{len(keywords)} keywords: at most {MOST_KEYWORDS} can be looked for")
    forms = []
    for keyword in keywords:
        words = keyword.split()
        if not words:
            raise ValueError("an empty keyword is found everywhere")
        begin = r"\b" if _is_plain(words[0][0]) else ""
        end = r"\b" if _is_plain(words[-1][-1]) else ""
        forms.append(begin + r"\s+".join(map(re2.escape, words)) + end)
    return f"(?i)(?:{'|'.join(forms)})"


def _is_plain(character: str) -> bool:
    return character.isascii() and character.isalnum()
