"""Attribute values as the type a field needs, or ``None``: senders mix them up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ingest.otlp.dialects.messages import load_json

_LONGEST_INT = 18


def text(value: Any) -> str | None:
    """A text that is not empty; numbers are written out, the placeholders for nothing are nothing."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def whole(value: Any) -> int | None:
    """A whole number of at least 0."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value >= 0 else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_INT:
        return int(value)
    return None


def real(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, int | float):
        try:
            out = float(value)
        except OverflowError:
            return None
        return out if math.isfinite(out) else None
    return None


def at_least_0(value: Any) -> float | None:
    """A finite number of 0 or more."""
    found = real(value)
    return found if found is not None and found >= 0 else None


def share(value: Any) -> float | None:
    """A number from 0 to 1."""
    found = real(value)
    return found if found is not None and 0 <= found <= 1 else None


def texts(value: Any) -> tuple[str, ...] | None:
    """A list of texts: an array, the JSON of one, or a single text; ``None`` if there is none."""
    if isinstance(value, str):
        loaded = load_json(value)[0] if value[:1] == "[" else value
        value = loaded if isinstance(loaded, list) else [value]
    if not isinstance(value, list):
        return None
    return tuple(v for v in value if isinstance(v, str) and v) or None


def first(attributes: Mapping[str, Any], *keys: str) -> Any:
    """Value of the first key that has one."""
    for key in keys:
        value = attributes.get(key)
        if value is not None and value != "":
            return value
    return None


def structure(value: Any) -> Any:
    """A mapping or list: itself, or parsed from JSON text; else ``None``."""
    if isinstance(value, str):
        value = load_json(value)[0]
    return value if isinstance(value, dict | list) else None


def mapping(value: Any) -> dict[str, Any]:
    """A mapping: itself, or parsed from JSON text; else an empty one."""
    found = structure(value)
    return found if isinstance(found, dict) else {}


def definitions(value: Any) -> tuple[Any, ...] | None:
    """Tool definitions: an array, the JSON of one, or an array of JSON texts."""
    found = structure(value)
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        return None
    out = [structure(d) or d if isinstance(d, str) else d for d in found]
    return tuple(d for d in out if d) or None
