"""Exact accounting of what was removed: how many of which type from which field, never the values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypedDict


class ReportItem(TypedDict):
    """One line of the report, as stored in the ``lightship.redactions`` attribute."""

    field: str
    type: str
    n: int


class Report:
    """Counts of removed values by (field, type)."""

    __slots__ = ("_counts",)

    def __init__(self, items: Iterable[ReportItem] = ()) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        for item in items:
            self.add(item["field"], item["type"], item["n"])

    def add(self, field: str, type_: str, n: int = 1) -> None:
        """Count ``n`` more values of ``type_`` removed from ``field``."""
        if n < 1:
            raise ValueError(f"a report counts what was removed, got n={n!r} for {field!r}")
        self._counts[field, type_] += n

    def merge(self, other: Report) -> None:
        """Add another report's counts, such as a second pass's."""
        self._counts.update(other._counts)

    def items(self) -> list[ReportItem]:
        """The counts, sorted by field and type."""
        return [{"field": f, "type": t, "n": n} for (f, t), n in sorted(self._counts.items())]

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Report) and self._counts == other._counts

    __hash__ = None  # type: ignore[assignment]
