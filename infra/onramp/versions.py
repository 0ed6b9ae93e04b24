"""Versions of packages and the ranges that take them. Pure.

Python, Node.js and Maven all write ranges as comparisons (``>=1.26,<4``, ``>=4.19.0 <7``). What cannot be
read refuses nothing.
"""

from __future__ import annotations

import re

_PART = re.compile(r"(>=|<=|==|!=|~=|>|<)?\s*v?(\d+(?:\.\d+)*)")
_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)")


def takes(wanted: str, version: str) -> bool:
    """Whether a range takes a version; one that cannot be read, and an empty range, take everything."""
    have = _release(version)
    if have is None:
        return True
    for part in re.split(r"[,\s]+(?=[<>=!~])", wanted.strip()):
        found = _PART.match(part.strip())
        if found is not None and not _holds(found[1] or "==", have, tuple(map(int, found[2].split(".")))):
            return False
    return True


def below(version: str | None, limit: str) -> bool:
    """Whether a version is known and older than a limit."""
    return version is not None and takes(f"<{limit}", version)


def _release(version: str) -> tuple[int, ...] | None:
    """Its numbers: pre-releases and build numbers count as the release they belong to."""
    found = _RELEASE.match(version.strip())
    return None if found is None else tuple(map(int, found[1].split(".")))


def _holds(sign: str, have: tuple[int, ...], limit: tuple[int, ...]) -> bool:
    length = max(len(have), len(limit))
    a, b = (one + (0,) * (length - len(one)) for one in (have, limit))
    if sign == "~=":
        return a >= b and have[: len(limit) - 1] == limit[:-1]
    return {">=": a >= b, "<=": a <= b, "==": a == b, "!=": a != b, ">": a > b, "<": a < b}[sign]
