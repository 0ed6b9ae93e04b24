"""Rows of a table to findings: what ``lightship detect`` does, without files or a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from detectors.drift.rows import parse_span_s
from detectors.drift.watch import watch
from detectors.finding import Finding

_NUMBER_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""A time above the first number is counted in so many parts of a second (nano, micro, milli)."""


def detect_rows(
    rows: Iterable[Mapping[str, object]],
    *,
    time: str,
    value: str,
    kind: str,
    n: str | None = None,
    tick: str = "5m",
    learn: str = "14d",
    budget: str = "1/month",
    service: str = "file",
) -> Iterator[Finding]:
    """Findings of one series in a table.

    ``time``, ``value`` and ``n`` are column names. Times are ISO 8601 (UTC where no zone is said) or numbers:
    unix seconds, milliseconds, microseconds or nanoseconds, told apart by size. For ``volume`` an empty value
    counts as one.

    Raises
    ------
    ValueError
        If a column is missing, or a cell or option cannot be read; the message names the row.
    """
    times: list[float] = []
    values: list[float] = []
    names: list[str] = []
    weights: list[float] = []
    for number, row in enumerate(rows, start=1):
        times.append(parse_time_s(_cell(row, time, number), number))
        cell = row.get(value) if kind == "volume" else _cell(row, value, number)
        if kind == "category":
            names.append(str(cell))
        elif kind == "volume" and cell in (None, ""):
            values.append(1.0)
        else:
            values.append(_number(cell, value, number))
        if n is not None:
            weights.append(_number(_cell(row, n, number), n, number))
    tick_s = parse_span_s(tick)
    if tick_s is None or tick_s != int(tick_s):
        raise ValueError(f"tick {tick!r}: expected a span of whole seconds such as 5m, 60s, 1h")
    return watch(
        times,
        names if kind == "category" else values,
        kind=kind,
        tick_s=int(tick_s),
        learn=learn,
        budget=budget,
        n=weights if n is not None else None,
        score=value,
        service=service,
    )


def parse_time_s(cell: object, row: int) -> float:
    """Unix seconds of a cell; see `detect_rows`.

    Raises
    ------
    ValueError
        If it is not a time; the message names the row.
    """
    text = str(cell).strip()
    try:
        number = float(text)
    except ValueError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"row {row}: {text!r} is neither ISO 8601 nor a unix time") from None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    for least, parts in _NUMBER_UNITS:
        if abs(number) > least:
            return number / parts
    return number


def _cell(row: Mapping[str, object], column: str, number: int) -> object:
    cell = row.get(column)
    if cell is None or cell == "":
        raise ValueError(f"row {number} has no {column!r}; columns are {', '.join(map(str, row))}")
    return cell


def _number(cell: object, column: str, number: int) -> float:
    if isinstance(cell, bool):
        return float(cell)
    try:
        return float(str(cell))
    except ValueError:
        raise ValueError(f"row {number}: {column} {str(cell)[:40]!r} is not a number") from None
