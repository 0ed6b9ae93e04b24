"""Whether a JSON value fits a JSON Schema, for the words that tool definitions are written with.

Read are ``type``, ``enum``, ``const``, ``properties``, ``required``, ``additionalProperties``, ``items``,
``minItems``, ``maxItems``, ``minLength``, ``maxLength``, ``minimum``, ``maximum``, ``anyOf``, ``oneOf`` (as
``anyOf``) and ``allOf``. What is not read is taken to be fulfilled, so nothing is refused that a whole
validator would accept, but for schemas that contradict themselves. A redacted value fits whatever stood
there.

Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import re2

from detectors.encodable import encodable

READ = frozenset((
    "type", "enum", "const", "properties", "required", "additionalProperties", "items", "minItems",
    "maxItems", "minLength", "maxLength", "minimum", "maximum", "anyOf", "oneOf", "allOf",
))  # fmt: skip
"""Words of a schema that are looked at."""

MOST_VALUES = 20_000
"""Values looked at; what is larger fits."""
_WORDS_FOR_A_VALUE = 16
"""Names of a list in a schema that cost as much to look through as a value."""
_LONGEST_PLACEHOLDER = 64
_DEEPEST = 64
_LISTS = ("type", "enum", "required")
_PLACEHOLDER = re2.compile(r"^\[[a-z][a-z0-9_]{1,31}(?::[0-9a-f]{16})?\]$")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list, tuple), "string": (str,), "boolean": (bool,), "null": (type(None),),
}  # fmt: skip


def fits(value: Any, schema: Any) -> bool:
    """Whether ``value`` fits ``schema`` as far as it is read."""
    return Fitting().fits(value, schema)


class Fitting:
    """Looks at `MOST_VALUES` values in all; what comes after them fits."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def fits(self, value: Any, schema: Any, depth: int = 0) -> bool:
        """Whether ``value`` fits ``schema``, which stands so deep in another."""
        if schema is False:
            return False
        self._left -= 1
        if not isinstance(schema, Mapping) or depth > _DEEPEST or self._left < 0:
            return True
        if (
            isinstance(value, str)
            and len(value) <= _LONGEST_PLACEHOLDER
            and _PLACEHOLDER.search(encodable(value))
        ):
            return True
        self._left -= _searched(schema) // _WORDS_FOR_A_VALUE
        return (
            _fits_type(value, schema.get("type"))
            and (
                "enum" not in schema
                or not isinstance(schema["enum"], list)
                or self._is_in(value, schema["enum"])
            )
            and ("const" not in schema or self._is_in(value, [schema["const"]]))
            and self._fits_combined(value, schema, depth)
            and self._fits_parts(value, schema, depth)
        )

    def _is_in(self, value: Any, these: Sequence[Any]) -> bool:
        """Whether ``value`` equals one; comparing with a list or object costs what it holds."""
        if isinstance(value, dict | list | tuple):
            self._left -= len(these) * _values_in(value, max(self._left, 0))
            if self._left < 0:
                return True
        return value in these

    def _fits_combined(self, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
        for word in ("anyOf", "oneOf"):
            options = schema.get(word)
            if not isinstance(options, list) or not options:
                continue
            if not any(self.fits(value, option, depth + 1) for option in options):
                return False
        every = schema.get("allOf")
        return not isinstance(every, list) or all(self.fits(value, one, depth + 1) for one in every)

    def _fits_parts(self, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
        if isinstance(value, dict):
            return self._fits_object(value, schema, depth)
        if isinstance(value, list | tuple):
            each = schema.get("items")
            return _between(len(value), schema, "minItems", "maxItems") and all(
                self.fits(one, each, depth + 1) for one in value
            )
        if isinstance(value, str):
            return _between(len(value), schema, "minLength", "maxLength")
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _between(value, schema, "minimum", "maximum")
        return True

    def _fits_object(self, value: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> bool:
        required, known = schema.get("required"), schema.get("properties")
        if isinstance(required, list) and not all(
            name in value for name in required if isinstance(name, str)
        ):
            return False
        known = known if isinstance(known, Mapping) else {}
        others = schema.get("additionalProperties", True)
        if "patternProperties" in schema:
            others = True
        return all(self.fits(one, known.get(name, others), depth + 1) for name, one in value.items())


def _searched(schema: Mapping[str, Any]) -> int:
    """Names that one look at a value goes through."""
    return sum(len(names) for word in _LISTS if isinstance(names := schema.get(word), list))


def _values_in(value: Any, most: int) -> int:
    """Values that one holds below it, counted up to about ``most``."""
    n, left = 0, [value]
    while left and n <= most:
        one = left.pop()
        inner = list(one.values()) if isinstance(one, dict) else one if isinstance(one, list | tuple) else ()
        n += len(inner)
        left += inner
    return n


def _fits_type(value: Any, wanted: Any) -> bool:
    names = wanted if isinstance(wanted, list) else [wanted]
    return any(_is(value, name) for name in names)


def _is(value: Any, name: Any) -> bool:
    lower = name.lower() if isinstance(name, str) else None  # Gemini writes STRING
    if lower == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    if lower == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    known = _TYPES.get(lower or "")
    return known is None or isinstance(value, known)


def _between(size: float, schema: Mapping[str, Any], least: str, most: str) -> bool:
    low, high = schema.get(least), schema.get(most)
    return not (isinstance(low, int | float) and size < low) and not (
        isinstance(high, int | float) and size > high
    )
