"""The first place where what is stored differs from what it must be, named so that a person finds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from detectors.closed_ticks import Report
from detectors.engine.snapshot import Arrays
from detectors.observation import Message, Observation

LONGEST = 120
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Difference:
    """``table`` and ``row`` say where, ``column`` what; ``expected`` and ``found`` are values as text.

    ``note`` says how it is known, or what it may mean.
    """

    table: str
    row: str
    column: str
    expected: str
    found: str
    note: str = ""

    def text(self) -> str:
        """One line."""
        where = f"{self.table}, {self.row}" + (f", {self.column}" if self.column else "")
        note = f" ({self.note})" if self.note else ""
        return f"{where}: expected {self.expected}, found {self.found}{note}"


def shown(value: Any) -> str:
    """A value in one bounded line."""
    if isinstance(value, float):
        return repr(value)
    text = "nothing" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def first_key(expected: Any, found: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """Path of the first plain value that differs, with both values; ``None`` if nothing does.

    >>> first_key({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]})
    ('b[1]', 2, 3)
    >>> first_key({"a": 1}, {})
    ('a', 1, None)
    """
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key in (*expected, *(k for k in found if k not in expected)):
            inner = first_key(expected.get(key), found.get(key), f"{path}.{key}" if path else str(key))
            if inner is not None:
                return inner
        return None
    if _listed(expected) and _listed(found):
        for i, (a, b) in enumerate(zip_longest(expected, found)):
            inner = first_key(a, b, f"{path}[{i}]")
            if inner is not None:
                return inner
        return None
    same = type(expected) is type(found) and expected == found
    return None if same else (path, expected, found)


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def first_array(expected: Arrays, found: Arrays) -> tuple[str, Any, Any] | None:
    """Name and place of the first number that differs between two sets of arrays."""
    for name in sorted({*expected, *found}):
        a, b = expected.get(name), found.get(name)
        if a is None or b is None:
            return name, None if a is None else "an array", None if b is None else "an array"
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            return name, f"{a.dtype} {list(a.shape)}", f"{b.dtype} {list(b.shape)}"
        if a.tobytes() != b.tobytes():
            flat_a, flat_b = a.reshape(-1), b.reshape(-1)
            at = next(i for i in range(len(flat_a)) if flat_a[i].tobytes() != flat_b[i].tobytes())
            place = ", ".join(str(int(i)) for i in np.unravel_index(at, a.shape))
            return f"{name}[{place}]", flat_a[at].item(), flat_b[at].item()
    return None


def first_column(expected: Message | Report, found: Message | Report) -> tuple[str, Any, Any] | None:
    """Column and row of the first value of a log message that differs, with both values."""
    if not (isinstance(expected, Observation) and isinstance(found, Observation)):
        if type(expected) is not type(found):
            return "kind", type(expected).__name__, type(found).__name__
        return first_key(_facts(expected), _facts(found))
    for name in ("key", "source", "unit", "settings_version"):
        a, b = getattr(expected, name), getattr(found, name)
        if a != b:
            return name, a, b
    for name in ("minutes", "users", "conversations", "at_ms", "traces", "prompts"):
        different = _first_row(getattr(expected, name), getattr(found, name))
        if different is not None:
            return f"{name} of row {different[0]}", *different[1:]
    for kind in ("dimensions", "scores"):
        mine, other = getattr(expected, kind), getattr(found, kind)
        for name in sorted({*mine, *other}):
            a, b = (c.get(name) for c in (mine, other))
            if a is None or b is None:
                return f"{kind}.{name}", None if a is None else "a column", None if b is None else "a column"
            different = _first_row(_named(a.values, a.rows), _named(b.values, b.rows))
            if different is not None:
                return f"{kind}.{name} of row {different[0]}", *different[1:]
    return first_key(_facts(expected), _facts(found))


def _facts(message: Message | Report) -> dict[str, Any]:
    return asdict(message)


def _named(values: Sequence[str], rows: Sequence[int]) -> list[str | int | None]:
    return [None if i < 0 else values[i] if i < len(values) else i for i in rows]


def _first_row(expected: Iterable[Any], found: Iterable[Any]) -> tuple[int, Any, Any] | None:
    for i, (a, b) in enumerate(zip_longest(expected, found)):
        if a != b:
            return i, a, b
    return None
