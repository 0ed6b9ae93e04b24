"""Patterns of service names, in which ``*`` and ``?`` stand for any text and any character. Pure.

A bracket is itself: names can hold those of a redacted value, such as ``[email:3f2a]``. The forms ``[*]``,
``[?]`` and ``[[]`` name a character that would have a meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

_BRACKET = re.compile(r"\[[*?[]\]|\[")


def escaped(pattern: str) -> str:
    """The pattern with every bracket that is itself written as ``[[]``."""
    return _BRACKET.sub(lambda found: found[0] if len(found[0]) > 1 else "[[]", pattern)


def matches(service: str, patterns: Iterable[str]) -> bool:
    """Whether a service is meant: by one of the patterns, or as there are none."""
    found = [fnmatchcase(service, escaped(pattern)) for pattern in patterns]
    return any(found) or not found
