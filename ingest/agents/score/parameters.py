"""The parameters of a request in a line: when they change, they may be what changed the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = (
    "dimensions", "encoding_format", "frequency_penalty", "max_completion_tokens", "max_output_tokens",
    "max_tokens", "presence_penalty", "quality", "reasoning_effort", "reasoning_level", "service_tier",
    "size", "temperature", "top_k", "top_p",
)  # fmt: skip
"""Those that are set once for an application.

What differs from call to call (a seed, stop words, whether the answer is streamed) says nothing, and what may
hold text is left alone.
"""

LONGEST_WORD = 16


def parameters_text(parameters: Mapping[str, Any]) -> str | None:
    """``max_tokens=512 temperature=0.2``: the same for equal parameters; ``None`` if there are none.

    >>> parameters_text({"temperature": 0.20, "max_tokens": 512, "seed": 7})
    'max_tokens=512 temperature=0.2'
    """
    said = [f"{name}={value}" for name in NAMES if (value := _plain(parameters.get(name))) is not None]
    return " ".join(said) or None


def _plain(value: Any) -> str | None:
    """A number, in one way of writing it, or one word."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.6g}"
    if isinstance(value, str) and value.isidentifier() and len(value) <= LONGEST_WORD:
        return value
    return None
