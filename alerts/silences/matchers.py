"""Matchers of a Prometheus Alertmanager: what a silence made there says of the labels of an alert. Pure.

A label that an alert has not is as one without a value, and a pattern has to match all of a value, as there
(Alertmanager, ``pkg/labels/matcher.go``). Patterns run in linear time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import re2

MAX_VALUE = 2_000
"""Characters of a value or pattern."""
MAX_MATCHERS = 50


class BadMatcher(ValueError):
    """A matcher that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """``name = value``, ``!=``, ``=~`` or ``!~``."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def __post_init__(self) -> None:
        if not self.name or max(len(self.name), len(self.value)) > MAX_VALUE:
            raise BadMatcher(
                f"matcher {self.name[:40]!r}: a name and at most {MAX_VALUE} characters are read"
            )
        if self.is_regex:
            _compiled(self.value)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is meant."""
        value = labels.get(self.name, "")
        found = _compiled(self.value).search(value) is not None if self.is_regex else value == self.value
        return found == self.is_equal

    def __str__(self) -> str:
        sign = ("=~" if self.is_equal else "!~") if self.is_regex else ("=" if self.is_equal else "!=")
        return f"{self.name}{sign}{json.dumps(self.value, ensure_ascii=False)}"


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"^(?:{pattern})$", options)
    except re2.error as error:
        raise BadMatcher(f"pattern {pattern[:100]!r} cannot be read (RE2): {error}") from error


def read_matchers(given: object) -> tuple[Matcher, ...]:
    """Matchers as the Alertmanager's API writes them (v2, ``matchers``).

    Raises
    ------
    BadMatcher
        If one is not of that form, or there is none, or there are too many.
    """
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_MATCHERS:
        raise BadMatcher(f"a list of 1 to {MAX_MATCHERS} matchers is expected")
    return tuple(_matcher(one) for one in given)


def _matcher(given: object) -> Matcher:
    if not isinstance(given, dict):
        raise BadMatcher("a matcher is not an object")
    name, value = given.get("name"), given.get("value")
    is_regex, is_equal = given.get("isRegex", False), given.get("isEqual", True)
    if not (
        isinstance(name, str)
        and isinstance(value, str)
        and isinstance(is_regex, bool)
        and isinstance(is_equal, bool)
    ):
        raise BadMatcher("a matcher has a name and a value (texts), isRegex and isEqual (true or false)")
    return Matcher(name, value, is_regex, is_equal)


def matchers_to_json(matchers: Sequence[Matcher]) -> str:
    """As they are stored; empty for none."""
    return json.dumps([asdict(m) for m in matchers], ensure_ascii=False) if matchers else ""


def matchers_from_json(text: str) -> tuple[Matcher, ...]:
    """Inverse of `matchers_to_json`; raises `ValueError` or `TypeError` for what it has not written."""
    return tuple(Matcher(**one) for one in json.loads(text)) if text else ()


def matchers_text(matchers: Sequence[Matcher]) -> str:
    """``{service="billing", score=~"ref.*"}``."""
    return f"{{{', '.join(map(str, matchers))}}}"
