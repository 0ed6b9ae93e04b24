"""Records of files: JSON Lines, a JSON array, CSV or Parquet, plain or compressed with gzip or zstd."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from ingest.errors import BadRecord
from ingest.operations.importing.plan import ImportRow, matches

MAX_LINE_BYTES = 16 << 20
MAX_ROWS = 2_000_000
"""Records held in memory, of all files together; longer files are imported in parts."""

_FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".parquet": "parquet"}


def read_rows(
    paths: Sequence[Path], where: Sequence[tuple[str, str]] = ()
) -> tuple[list[ImportRow], Counter[str]]:
    """Records that match ``where``, and how many were left out for what reason.

    Raises
    ------
    BadRecord
        If a file cannot be read, is of no known form, or there are more than `MAX_ROWS` records.
    """
    rows: list[ImportRow] = []
    left_out: Counter[str] = Counter()
    for path in paths:
        try:
            sha256 = _sha256(path)
            for line, record in _records(path):
                if not isinstance(record, dict):
                    left_out["not a record"] += 1
                elif not matches(record, where):
                    left_out["not chosen by --where"] += 1
                elif len(rows) >= MAX_ROWS:
                    raise BadRecord(f"more than {MAX_ROWS} records: import the files in parts")
                else:
                    rows.append(ImportRow(sha256, line, record))
        except (OSError, EOFError, zstandard.ZstdError, pa.ArrowException, csv.Error, UnicodeError) as error:
            raise BadRecord(f"cannot read {path}: {error}") from error
    return rows, left_out


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    """Numbered records; a line that is no JSON gives ``None``."""
    suffixes = [s.lower() for s in path.suffixes]
    packed = suffixes[-1] if suffixes and suffixes[-1] in (".gz", ".zst") else ""
    ending = suffixes[-2] if packed and len(suffixes) > 1 else (suffixes[-1] if suffixes else "")
    form = _FORMATS.get(ending)
    if form is None:
        known = ", ".join(_FORMATS)
        raise BadRecord(f"{path.name} ends in none of {known} (with .gz or .zst behind it or without)")
    if form == "parquet":
        yield from enumerate(_parquet(path, packed), 1)
        return
    with _open(path, packed) as file:
        if form == "jsonl":
            yield from _json_lines(file)
        elif form == "json":
            yield from _json_array(file)
        else:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            yield from enumerate(csv.DictReader(text), 1)


def _open(path: Path, packed: str) -> BinaryIO:
    if packed == ".gz":
        return cast("BinaryIO", gzip.open(path, "rb"))
    if packed == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(
            path.open("rb"), read_across_frames=True, closefd=True
        )
        return io.BufferedReader(reader)
    return path.open("rb")


def _json_lines(file: BinaryIO) -> Iterator[tuple[int, Any]]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        if len(line) == MAX_LINE_BYTES:
            raise BadRecord(f"line {number} is longer than {MAX_LINE_BYTES} bytes")
        if line.strip():
            try:
                yield number, orjson.loads(line)
            except orjson.JSONDecodeError:
                yield number, None


def _json_array(file: BinaryIO) -> Iterator[tuple[int, Any]]:
    try:
        found = orjson.loads(file.read())
    except orjson.JSONDecodeError as error:
        raise BadRecord(f"not JSON: {error}") from error
    yield from enumerate(found if isinstance(found, list) else [found], 1)


def _parquet(path: Path, packed: str) -> Iterator[Any]:
    if packed:
        with _open(path, packed) as file:
            table = pq.ParquetFile(pa.BufferReader(file.read()))
    else:
        table = pq.ParquetFile(path)
    with table:
        for batch in table.iter_batches(batch_size=4096):
            yield from batch.to_pylist()
