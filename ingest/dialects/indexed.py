"""Attributes whose keys are paths with numbers: ``llm.input_messages.0.message.role``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MAX_INDEX = 100_000
_MAX_PATH = 16


def nest(attributes: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Everything below ``prefix`` (which ends with a dot) as nested mappings; numbers stay keys.

    Where a key is both a value and a path, the first one seen wins.
    """
    out: dict[str, Any] = {}
    skip = len(prefix)
    for key, value in attributes.items():
        if not key.startswith(prefix):
            continue
        path = key[skip:].split(".", _MAX_PATH)
        node = out
        for step in path[:-1]:
            below = node.setdefault(step, {})
            if not isinstance(below, dict):
                break
            node = below
        else:
            node.setdefault(path[-1], value)
    return out


def items(node: Any) -> list[Any]:
    """Values of a mapping with number keys, in order of the numbers; gaps are closed up."""
    if not isinstance(node, dict):
        return []
    numbered = [(int(k), v) for k, v in node.items() if k.isascii() and k.isdigit() and len(k) < 10]
    return [v for i, v in sorted(numbered, key=lambda pair: pair[0]) if i <= _MAX_INDEX]
