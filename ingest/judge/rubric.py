"""What a judge is asked, as data: a question, a scale, and from where on an answer is good.

The form of a file (TOML)::

    version = "2"                # for people
    question = "How well ...?"
    low = 1
    high = 5
    good_from = 4                # the label beside the number: good from here on, else bad

    [[level]]                    # may be left out; else only these scores are taken
    score = 1
    says = "useless"
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from infra.errors import Misconfigured
from infra.typed_table import unknown
from infra.user_code import text_of

SHIPPED = Path(__file__).with_name("helpful.toml")
LONGEST_QUESTION = 8000
MOST_LEVELS = 20
GOOD, BAD = "good", "bad"

_KEYS = ("version", "question", "low", "high", "good_from", "level")


@dataclass(frozen=True, slots=True)
class Rubric:
    """A question with its scale. ``levels`` are the scores that may be given, with what each means."""

    version: str
    question: str
    low: float
    high: float
    good_from: float
    levels: tuple[tuple[float, str], ...] = ()

    def takes(self, score: float) -> bool:
        """Whether a score is one of the scale."""
        if not self.low <= score <= self.high:  # NaN is not, either
            return False
        return not self.levels or any(score == level for level, _ in self.levels)

    def label(self, score: float) -> str:
        """What a score is called."""
        return GOOD if score >= self.good_from else BAD

    def digest(self, *more: str) -> str:
        """8 hexadecimal digits over all of it, and over what else decides how answers come about."""
        says = [self.question, self.low, self.high, self.good_from, self.levels, *more]
        return hashlib.sha256(orjson.dumps(says)).hexdigest()[:8]


def read_rubric(file: str, where: str) -> Rubric:
    """The rubric in a file; without a name the one that is shipped. ``where`` is the setting.

    Raises
    ------
    Misconfigured
        If it cannot be read or is not of the form; names the key and the remedy.
    """
    try:
        table = tomllib.loads(text_of(file or str(SHIPPED), where))
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{where}: {file} is not TOML: {error}") from error
    return rubric_of(table, f"{where}: {file}")


def rubric_of(table: Mapping[str, Any], where: str) -> Rubric:
    """The rubric of a table.

    Raises
    ------
    Misconfigured
        If it is not of the form.
    """
    for key in table:
        if key not in _KEYS:
            raise unknown(f"key in {where}:", key, _KEYS)
    question = table.get("question")
    if not isinstance(question, str) or not 0 < len(question.strip()) <= LONGEST_QUESTION:
        raise Misconfigured(f"{where}: question must be a text of 1 to {LONGEST_QUESTION} characters")
    low, high = _number(table, "low", where), _number(table, "high", where)
    good_from = _number(table, "good_from", where)
    if not low < good_from <= high:
        raise Misconfigured(f"{where}: good_from = {good_from:g} must be above low = {low:g} and up to high")
    levels = table.get("level", [])
    if not isinstance(levels, list) or len(levels) > MOST_LEVELS:
        raise Misconfigured(f"{where}: level must be up to {MOST_LEVELS} tables [[level]]")
    named = tuple(_level(one, f"{where}: level[{i}]") for i, one in enumerate(levels))
    if any(not low <= score <= high for score, _ in named) or len({s for s, _ in named}) < len(named):
        raise Misconfigured(f"{where}: levels must have scores of their own, from low to high")
    return Rubric(str(table.get("version", "")), question.strip(), low, high, good_from, named)


def _level(table: Any, where: str) -> tuple[float, str]:
    if (
        not isinstance(table, Mapping)
        or set(table) != {"score", "says"}
        or not isinstance(table["says"], str)
    ):
        raise Misconfigured(f"{where} needs score and says")
    return _number(table, "score", where), table["says"].strip()


def _number(table: Mapping[str, Any], key: str, where: str) -> float:
    value = table.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise Misconfigured(f"{where}: {key} must be a number")
    return float(value)
