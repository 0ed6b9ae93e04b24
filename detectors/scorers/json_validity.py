"""Whether an answer that was meant to be JSON is not.

Meant to be JSON is an answer to a request that asks for it (a response format), one that begins like a JSON
object or array and holds nothing else, and every block fenced as ``json``. JSON Lines are fine; redacted
values count as the values they stand for. What fits is not compared with a schema.

Left out for every other answer. Under 1 us where nothing looks like JSON, some 3 us for 500 characters of it.
Source: RFC 8259, as read by orjson (nesting up to 1,024).
"""

from __future__ import annotations

import re
from itertools import islice

import orjson
import re2

from detectors.encodable import encodable
from detectors.grid import FlagGrid
from detectors.record import Record
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec

_BEGINS = re2.compile(r"^\s*(?:\{\s*(?:\"|\})|\[\s*(?:[{\[\"\]]|-?\d+(?:\.\d+)?\s*,))")
"""An object or array as JSON writes it; ``[email]`` and ``[1]`` at the beginning of prose are none."""
_FENCED = re2.compile(r"(?is)```[ \t]*json[ \t]*\n(.*?)(?:\n[ \t]*```|\z)")
_BLANKS = r"[\t\n\f\r ]*"
_PLACEHOLDER = re.compile(
    rf"([:,\[]{_BLANKS})\[[a-z][a-z0-9_ ]{{1,40}}(?::[0-9a-f]{{16}})?\]({_BLANKS}[,}}\]])"
)
"""Bounded but for its blanks, which stand after a sign: linear. ``re`` replaces many times as quickly."""
_ANY_FENCE = "```"
MOST_FENCED = 256
"""Fenced blocks of an answer that are read."""


def parses(text: str) -> bool:
    """Whether ``text`` is one JSON value, or one on each line."""
    if _loads(text):
        return True
    if "[" in text:
        filled = text
        for _ in range(2):  # neighbours share a comma
            filled = _PLACEHOLDER.sub(r"\1null\2", filled)
        if filled != text and _loads(filled):
            return True
    lines = [line for line in text.splitlines() if line and not line.isspace()]
    return len(lines) > 1 and lines[0].lstrip()[:1] in ("{", "[") and all(map(_loads, lines))


def _loads(text: str) -> bool:
    try:
        orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        return False
    return True


def invalid(answer: str, *, asked: bool = False) -> bool | None:
    """Whether ``answer`` is no JSON although it was meant to be (``asked`` for or begun); else ``None``."""
    fenced = _fenced(answer) if _ANY_FENCE in answer else []
    if fenced and (not asked or not answer.lstrip().startswith(("{", "["))):
        return not all(map(parses, fenced))
    if asked:
        return not parses(answer)
    begins = _BEGINS.search(answer) is not None
    if not begins or not (_is_whole(answer) or answer.count('":')):
        return None
    return not parses(answer)


def _fenced(answer: str) -> list[str]:
    return [match.group(1) for match in islice(_FENCED.finditer(answer), MOST_FENCED)]


def _is_whole(answer: str) -> bool:
    return answer.rstrip()[-1:] in ("}", "]")


def _score(record: Record) -> Scores:
    if not record.output or record.output.isspace():
        return {}
    found = invalid(encodable(record.output), asked=record.wants_json)
    return {} if found is None else {"invalid_json": float(found)}


JSON_VALIDITY = EachRecord(
    name="json_validity",
    version="1",
    specs=(ScoreSpec("invalid_json", "Answers that are no valid JSON", "flag", FlagGrid(), harmful=1),),
    score_one=_score,
)
