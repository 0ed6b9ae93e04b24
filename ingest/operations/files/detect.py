"""``lightship detect``: one series of files, watched as the stream would watch it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detectors.files.watch import watch
from detectors.finding import Finding
from infra.clock import NS_PER_S
from ingest.errors import BadRecord
from ingest.operations.importing.files import read_rows
from ingest.operations.importing.options import read_span
from ingest.operations.importing.plan import ImportRow, look_up, read_time

MOST_POINTS = 2000
MOST_NAMES = 20
WIDTH, HEIGHT = 1000, 300


def detect_files(
    paths: Sequence[Path],
    columns: Mapping[str, str | None],
    *,
    kind: str,
    tick: str,
    learn: str,
    budget: str,
    plot: Path | None,
) -> Iterator[Finding]:
    """Findings in order of time. ``columns`` names the fields ``time``, ``value`` and, for rates, ``n``.

    Raises
    ------
    BadRecord
        If a file, a column or an option cannot be used; the message names it.
    """
    rows, left_out = read_rows(paths, ())
    if not rows:
        raise BadRecord(f"no records in {', '.join(map(str, paths))}: {dict(left_out)}")
    times = [_time(*_cell(r, columns["time"]), r.line) for r in rows]
    cells = [_cell(r, columns["value"]) for r in rows]
    values: list[Any] = [str(v) for v, _ in cells]
    if kind != "category":
        values = [_number(v, c, r.line) for (v, c), r in zip(cells, rows, strict=True)]
    n = None if columns["n"] is None else [_number(*_cell(r, columns["n"]), r.line) for r in rows]
    try:
        found = list(
            watch(
                times,
                values,
                kind=kind,
                tick_s=read_span(tick, "--tick") // NS_PER_S,
                learn=int(learn) if learn.isdecimal() else learn,
                budget=budget,
                n=n,
                score=columns["value"] or "value",
            )
        )
    except ValueError as error:
        raise BadRecord(str(error)) from error
    if plot is not None:
        _plot(plot, times, values, found)
    yield from found


def _cell(row: ImportRow, column: str | None) -> tuple[Any, str]:
    """A value and the column it stands in."""
    name = column or ""
    value = look_up(row.record, name)
    if value is None:
        known = ", ".join(list(row.record)[:MOST_NAMES])
        raise BadRecord(f"line {row.line} has no value in column {name!r} (it has {known})")
    return value, name


def _time(value: Any, column: str, line: int) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    at_ns = read_time(value)
    if at_ns is None:
        raise BadRecord(f"line {line}: column {column!r} holds {value!r}, which is no time")
    return at_ns / NS_PER_S


def _number(value: Any, column: str, line: int) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadRecord(f"line {line}: column {column!r} holds {value!r}, which is no number") from None


def _plot(path: Path, times: Sequence[float], values: Sequence[Any], found: Sequence[Finding]) -> None:
    """Means of at most `MOST_POINTS` equal parts and a rule at each onset, as an SVG picture."""
    numbers = np.array([v if isinstance(v, float) else np.nan for v in values])
    order = np.argsort(times, kind="stable")
    parts = [p for p in np.array_split(order, min(MOST_POINTS, len(order))) if len(p)]
    x = np.array([times[int(p[0])] for p in parts])
    y = np.nan_to_num(np.array([float(numbers[p].mean()) for p in parts]))
    wide, high = np.ptp(x) or 1.0, np.ptp(y) or 1.0
    dots = " ".join(
        f"{(a - x.min()) / wide * WIDTH:.1f},{HEIGHT - (b - y.min()) / high * HEIGHT:.1f}"
        for a, b in zip(x, y, strict=True)
    )
    rules = "".join(
        f'<line x1="{at:.1f}" x2="{at:.1f}" y2="{HEIGHT}" stroke="#cc3d0a"/>'
        for at in ((f.onset.timestamp() - x.min()) / wide * WIDTH for f in found if f.onset is not None)
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 -10 {WIDTH + 20} {HEIGHT + 20}">'
        f'<polyline points="{dots}" fill="none" stroke="#2457d6"/>{rules}</svg>\n',
        encoding="utf-8",
    )
