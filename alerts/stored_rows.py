"""Rows of the store read one by one: one that cannot be read is set aside, the rest is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from alerts.errors import Defect
from alerts.faults import OF_THE_WHOLE, Faults
from infra.fault import Fault

FEW = 20
"""Failures that may lie in single rows, findings or incidents; more of them in most are ours."""

Row = TypeVar("Row")
T = TypeVar("T")


def are_most(failed: int, of: int) -> bool:
    """Whether so many failures are a defect of the whole, not of what single ones hold."""
    return failed > FEW and 2 * failed > of


def readable(
    rows: Iterable[Row], read: Callable[[Row], T], faults: Faults, part: str, name: Callable[[Row], str]
) -> list[T]:
    """What ``read`` makes of the rows; those that it fails on are noted as ``part`` by their ``name``.

    Raises
    ------
    Defect
        If it fails on most of many rows.
    """
    found, seen, last = [], 0, None
    for row in rows:
        seen += 1
        try:
            found.append(read(row))
        except OF_THE_WHOLE:
            raise
        except Exception as error:  # noqa: BLE001 - the other rows are needed
            last = faults.note(part, error, name(row))
    failed = seen - len(found)
    if are_most(failed, seen):
        raise _defect(failed, seen, part, last)
    return found


def _defect(failed: int, seen: int, part: str, last: Fault | None) -> Defect:
    return Defect(f"{failed} of {seen} stored {part} cannot be read, the last: {last}")
