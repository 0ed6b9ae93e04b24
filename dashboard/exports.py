"""Rows to take away, as CSV for spreadsheets and as Parquet for programs. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

Row = Mapping[str, object]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet begins to compute at; the wide forms are read as the narrow ones by some."""


def harmless(value: object) -> object:
    """A cell for a spreadsheet: text it would compute gets a quote in front, numbers stay numbers.

    >>> harmless("=1+1")
    "'=1+1"
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def as_csv(rows: Sequence[Row]) -> bytes:
    """Rows with one header; the columns are those of the first row."""
    out = io.StringIO()
    columns = list(rows[0]) if rows else []
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([harmless("" if row[c] is None else row[c]) for c in columns] for row in rows)
    return out.getvalue().encode()


def as_parquet(rows: Sequence[Row]) -> bytes:
    """The same rows with their types. Text is as it is: nothing computes it."""
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), out)
    return out.getvalue()
