"""Attributes whose keys are paths with numbers: ``llm.input_messages.0.message.role``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MAX_PATH = 16
_DIGITS = frozenset("0123456789")


class Indexed:
    """The numbered attributes of a span, read in one pass.

    Where a key is both a value and a path, the first one seen wins. Gaps in the numbers are closed up.
    """

    __slots__ = ("_groups",)

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self._groups: dict[str, dict[int, Any]] = {}
        for key, value in attributes.items():
            if not _DIGITS.isdisjoint(key):
                self._add(key, value)

    def _add(self, key: str, value: Any) -> None:
        path = key.split(".", _MAX_PATH)
        at = next((i for i, step in enumerate(path) if _is_index(step)), None)
        if at is None:
            return
        group = self._groups.setdefault(".".join(path[:at]), {})
        index = int(path[at])
        if at == len(path) - 1:
            group.setdefault(index, value)
            return
        node = group.setdefault(index, {})
        for step in path[at + 1 : -1]:
            if not isinstance(node, dict):
                return
            node = node.setdefault(step, {})
        if isinstance(node, dict):
            node.setdefault(path[-1], value)

    def items(self, prefix: str) -> list[dict[str, Any]]:
        """Mappings at ``prefix.0``, ``prefix.1`` and so on; plain values are left out."""
        group = self._groups.get(prefix)
        return [v for _, v in sorted(group.items()) if isinstance(v, dict)] if group else []


def _is_index(step: str) -> bool:
    return step.isdigit() and step.isascii() and len(step) < 7


def items(node: Any) -> list[Any]:
    """Values of a mapping with number keys, in order of the numbers."""
    if not isinstance(node, dict):
        return []
    numbered = [(int(k), v) for k, v in node.items() if _is_index(k)]
    return [v for _, v in sorted(numbered, key=lambda pair: pair[0])]
