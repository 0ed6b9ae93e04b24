"""Which shape scores are stored in: ``python -m bench.storage [--rows 10000000]``.

Three shapes of the same invented interactions in the embedded ClickHouse engine: *typed*, a nullable column
per score; *map*, one ``Map(LowCardinality(String), Float32)``; *narrow*, a row per interaction and score.
Printed: bytes on disk, insert time, and the time of the questions people ask (best of three, warm caches).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import chdb

from bench.machine import machine

SCORES = (
    "secrets", "secrets_prompt", "pii", "pii_prompt", "refusal", "error", "truncated", "degenerate",
    "repetition", "output_length", "prompt_length", "latency_s", "time_to_first_chunk_s", "input_tokens",
    "output_tokens",
)  # fmt: skip
FLAGS = SCORES[:8]

HEAD = """
    tenant LowCardinality(String), lineage LowCardinality(String), service LowCardinality(String),
    start DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)), trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)), language LowCardinality(String), release LowCardinality(String)
"""
ROWS = """
    SELECT 'default' AS tenant, 'live' AS lineage, concat('service-', toString(number % 20)) AS service,
        toDateTime64('2026-01-01 00:00:00', 9, 'UTC')
            + toIntervalMillisecond(intDiv(number * 2592000000, {rows})),
        hex(sipHash128(number)), hex(sipHash64(number)), ['en', 'es', 'de', 'fr'][1 + number % 4],
        concat('r', toString(intDiv(number * 10, {rows})))
"""
KEY = "ORDER BY (tenant, lineage, service, start, trace_id, span_id)"
DAY = "'2026-01-15'"


def value(score: str) -> str:
    """SQL of an invented value of a score, the same in every shape; a tenth of lengths is absent."""
    seed = f"sipHash64(number, '{score}')"
    if score in FLAGS:
        return f"toFloat32({seed} % 100 = 0)"
    return f"if({seed} % 10 = 0, NULL, toFloat32(exp(({seed} % 10000) / 2000)))"


@dataclass(frozen=True)
class Shape:
    """How one shape is made, filled and asked."""

    name: str
    columns: str
    fill: str
    rate: str
    quantile: str
    examples: str


def shapes() -> list[Shape]:
    """The three candidates."""
    typed = ", ".join(f"score_{s} Nullable(Float32) CODEC(ZSTD(1))" for s in SCORES)
    pairs = ", ".join(f"'{s}', {value(s)}" for s in SCORES)
    names = ", ".join(f"'{s}'" for s in SCORES)
    values = ", ".join(value(s) for s in SCORES)
    where = "WHERE tenant = 'default' AND lineage = 'live'"
    return [
        Shape(
            "typed",
            f"{HEAD}, {typed}",
            f"{ROWS}, {values} FROM numbers({{start}}, {{count}})",
            "SELECT toDate(start) d, language, avg(score_refusal), count(score_refusal) "
            f"FROM t {where} GROUP BY ALL",
            f"SELECT service, quantileTDigest(.95)(score_latency_s) FROM t {where} GROUP BY service",
            f"SELECT trace_id FROM t {where} AND service = 'service-3' AND toDate(start) = {DAY} "
            "AND score_refusal = 1 AND language = 'es' ORDER BY start DESC LIMIT 20",
        ),
        Shape(
            "map",
            f"{HEAD}, scores Map(LowCardinality(String), Float32) CODEC(ZSTD(1))",
            f"{ROWS}, mapFilter((k, v) -> isNotNull(v), map({pairs})) FROM numbers({{start}}, {{count}})",
            f"SELECT toDate(start) d, language, avg(scores['refusal']), count() FROM t {where} GROUP BY ALL",
            f"SELECT service, quantileTDigest(.95)(scores['latency_s']) FROM t {where} "
            "AND mapContains(scores, 'latency_s') GROUP BY service",
            f"SELECT trace_id FROM t {where} AND service = 'service-3' AND toDate(start) = {DAY} "
            "AND scores['refusal'] = 1 AND language = 'es' ORDER BY start DESC LIMIT 20",
        ),
        Shape(
            "narrow",
            f"{HEAD}, score LowCardinality(String), value Float32 CODEC(ZSTD(1))",
            f"{ROWS}, p.1, assumeNotNull(p.2) FROM numbers({{start}}, {{count}}) "
            f"ARRAY JOIN arrayZip([{names}], [{values}]) AS p WHERE isNotNull(p.2)",
            "SELECT toDate(start) d, language, avg(value), count() "
            f"FROM t {where} AND score = 'refusal' GROUP BY ALL",
            "SELECT service, quantileTDigest(.95)(value) "
            f"FROM t {where} AND score = 'latency_s' GROUP BY service",
            f"SELECT trace_id FROM t {where} AND service = 'service-3' AND toDate(start) = {DAY} "
            "AND score = 'refusal' AND value = 1 AND language = 'es' ORDER BY start DESC LIMIT 20",
        ),
    ]


def best(call: Callable[[], Any], times: int = 3) -> float:
    """Least seconds of some calls."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return min(spent)


def measure(shape: Shape, rows: int, chunk: int) -> tuple[float, ...]:
    """MiB on disk, insert seconds, and seconds of each question."""
    with tempfile.TemporaryDirectory() as folder:
        connection = chdb.connect(folder)
        key = KEY.replace("span_id)", "span_id, score)") if shape.name == "narrow" else KEY
        connection.query(
            f"CREATE TABLE t ({shape.columns}) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(start) {key}"
        )
        start = time.perf_counter()
        for at in range(0, rows, chunk):
            fill = shape.fill.format(rows=rows, start=at, count=min(chunk, rows - at))
            connection.query(f"INSERT INTO t {fill}")
        inserted_s = time.perf_counter() - start
        connection.query("OPTIMIZE TABLE t FINAL")
        size = connection.query(
            "SELECT sum(bytes_on_disk) / 1048576 FROM system.parts WHERE active AND table = 't'", "TSV"
        )
        questions = (shape.rate, shape.quantile, shape.examples)
        asked = [best(partial(connection.query, question, "Null")) for question in questions]
        connection.close()
        return (float(str(size)), inserted_s, *asked)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--chunk", type=int, default=1_000_000)
    options = parser.parse_args()
    print(f"{machine()}; chdb {chdb.__version__}; {options.rows:,} interactions, {len(SCORES)} scores")
    print(f"{'shape':8}{'MiB':>8}{'insert s':>10}{'rate ms':>10}{'p95 ms':>10}{'examples ms':>13}")
    for shape in shapes():
        size, inserted, rate, quantile, examples = measure(shape, options.rows, options.chunk)
        print(
            f"{shape.name:8}{size:8.0f}{inserted:10.1f}{rate * 1e3:10.0f}"
            f"{quantile * 1e3:10.0f}{examples * 1e3:13.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
