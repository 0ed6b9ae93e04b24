"""Which errors of an insert into ClickHouse lie in the values of a row: waiting does not help those."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

from clickhouse_connect.driver.exceptions import DatabaseError, DataError

T = TypeVar("T")

BAD_VALUES = frozenset({6, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 131, 190, 321, 349, 407})
"""ClickHouse error codes that lie in the values of a row (src/Common/ErrorCodes.cpp)."""

_IN_CLIENT = (DataError, struct.error, UnicodeError, OverflowError, TypeError, ValueError, AttributeError)
"""What the client raises while it writes a column whose values do not fit its type."""


def lies_in_values(error: Exception) -> bool:
    """Whether an insert failed for what its rows hold, so that it fails again however often it is tried."""
    if isinstance(error, DatabaseError) and not isinstance(error, DataError):
        return error.code in BAD_VALUES
    return isinstance(error, _IN_CLIENT)


def insert_by_halves(
    rows: Sequence[T], insert: Callable[[Sequence[T]], Exception | None], first: int = 0
) -> list[tuple[int, Exception]]:
    """Insert all rows that can be stored; each of the others by its number, from ``first``, and why not.

    ``insert`` takes rows as one block, all of them or none, and returns an error that lies in their values.
    """
    error = insert(rows) if rows else None
    if error is None:
        return []
    if len(rows) == 1:
        return [(first, error)]
    half = len(rows) // 2
    return [
        *insert_by_halves(rows[:half], insert, first),
        *insert_by_halves(rows[half:], insert, first + half),
    ]
