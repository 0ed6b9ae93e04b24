"""Patterns that need more memory than RE2 gives by itself: long alternations, classes of whole scripts."""

from __future__ import annotations

from typing import Any

import re2

MOST_BYTES = 64 << 20


def roomy() -> Any:
    """Options of RE2 with `MOST_BYTES` for a pattern and its automata."""
    options = re2.Options()
    options.max_mem = MOST_BYTES
    return options


def large(pattern: str) -> Any:
    """``pattern``, compiled."""
    return re2.compile(pattern, roomy())
