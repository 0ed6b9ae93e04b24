"""Which columns of stored interactions scores and dimensions have, and how a slice narrows them. Pure.

The one place that says so: whoever asks the store for the interactions of a slice (examples of a message,
figures of an incident, evidence under legal hold, pages) takes the condition from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from detectors.finding import ALL
from detectors.observation import MAX_VALUE_LENGTH, OTHER

SCORE_COLUMNS = (
    "secrets", "secrets_prompt", "pii", "pii_prompt", "refusal", "error", "truncated",
    "degenerate", "repetition", "output_length", "prompt_length", "latency_s", "time_to_first_chunk_s",
    "input_tokens", "output_tokens",
)  # fmt: skip
"""Numeric scores of interactions that have a column ``score_<name>``; others go to ``other_scores``."""

CATEGORY_COLUMNS = ("language", "output_language", "finish_reason")
"""Category scores that have a column of their name; others go to ``other_categories``."""

DIMENSION_COLUMNS: Mapping[str, str] = {
    "language": "language",
    "provider": "provider",
    "request_model": "request_model",
    "response_model": "response_model",
    "release": "release",
    "prompt_version": "prompt_version",
    "system_prompt": "system_prompt_hash",
    "operation": "operation",
    "agent_name": "agent_name",
}
"""Dimension of a slice and its column; nothing else becomes part of a statement."""

Condition = tuple[str, dict[str, Any]]
"""An expression of ClickHouse's SQL, and the values of its parameters."""


def slice_condition(slice_: str, name: str = "slice") -> Condition:
    """The interactions of a slice.

    A dimension without a column, the value that stands for all rare ones, and text that is no pair narrow
    nothing: what is found holds at least the slice (`is_exact` says whether it holds no more).

    Parameters
    ----------
    slice_
        A slice as findings name it: ``all``, or ``dimension=value`` pairs.
    name
        What the names of the parameters begin with.

    Returns
    -------
    Condition
        ``1`` where nothing narrows.
    """
    return any_of(_pairs(slice_), name)


def any_of(pairs: Iterable[tuple[str, str]], name: str) -> Condition:
    """Interactions that have, in each dimension named, one of the values named; see `slice_condition`."""
    wanted: dict[str, list[str]] = {}
    for dimension, value in pairs:
        if _narrows(dimension, value):
            wanted.setdefault(dimension, []).append(value)
    conditions, bound = ["1"], dict[str, Any]()
    for k, (dimension, values) in enumerate(wanted.items()):
        # observations cut values, so a slice names the beginning of a longer one
        cut = f"substringUTF8(toString({DIMENSION_COLUMNS[dimension]}), 1, {MAX_VALUE_LENGTH})"
        conditions.append(f"ifNull({cut}, '') IN {{{name}{k}:Array(String)}}")
        bound[f"{name}{k}"] = values
    return " AND ".join(conditions), bound


def is_exact(slice_: str) -> bool:
    """Whether `slice_condition` finds the slice and nothing beside it."""
    return slice_ == ALL or all(_narrows(dimension, value) for dimension, value in _pairs(slice_))


def _pairs(slice_: str) -> Iterator[tuple[str, str]]:
    for part in slice_.split(","):
        dimension, _, value = part.partition("=")
        yield dimension, unquote(value)


def _narrows(dimension: str, value: str) -> bool:
    return dimension in DIMENSION_COLUMNS and value != OTHER
