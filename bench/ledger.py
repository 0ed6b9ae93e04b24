"""What the ledger costs: ``python -m bench.ledger [--rows 10000000]``.

Invented interactions in the embedded ClickHouse engine, 64 a message, spread evenly over 29 days and four
partitions. Printed: seconds of the whole account and of that of the last hour, and rows ClickHouse expects to
read for the comparison of accounts and rows (``EXPLAIN ESTIMATE``).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from clickhouse_connect.driver.client import Client

from bench.machine import machine
from infra import clickhouse
from infra.clock import NS_PER_S
from infra.embedded.pair import clickhouse_url, store_spec
from infra.embedded.ports import spare
from infra.embedded.supervisor import Supervisor
from infra.settings import StoreSettings
from ingest.operations.ledger.read import MISMATCHES, read_accounts

EACH = 64
PARTITIONS = 4
DAYS = 29
HOUR_NS = 3600 * NS_PER_S
CHUNK = 1_000_000

_MESSAGE = f"intDiv(number, {EACH})"
_ROWS = f"""
INSERT INTO interactions (tenant, lineage, service, environment, start, trace_id, span_id, kind, modality,
    observed, source_topic, source_partition, source_offset, received_at)
SELECT 'default', 'live', concat('service-', toString({_MESSAGE} % 20)), 'prod', received_at,
    lower(hex(sipHash128(number))), lower(hex(sipHash64(number))), 'inference', 'text', true,
    'otlp_spans', {_MESSAGE} % {PARTITIONS}, intDiv({_MESSAGE}, {PARTITIONS}),
    fromUnixTimestamp64Nano(toInt64({{begin_ns}} + {_MESSAGE} * {{step_ns}}), 'UTC') AS received_at
FROM numbers({{first}}, {{count}})
"""
_LEDGER = f"""
INSERT INTO ledger (topic, partition, offset, tenant, lineage, declared, received, stored, received_at)
SELECT 'otlp_spans', number % {PARTITIONS}, intDiv(number, {PARTITIONS}), 'default', 'live', {EACH}, {EACH},
    {EACH}, fromUnixTimestamp64Nano(toInt64({{begin_ns}} + number * {{step_ns}}), 'UTC')
FROM numbers({{messages}})
"""


def fill(client: Client, rows: int, now_ns: int) -> None:
    """Interactions and their account; the last of them came just now."""
    messages = rows // EACH
    step_ns = DAYS * 24 * HOUR_NS // messages
    begin_ns = now_ns - messages * step_ns
    for first in range(0, messages * EACH, CHUNK):
        count = min(CHUNK, messages * EACH - first)
        client.command(_ROWS.format(begin_ns=begin_ns, step_ns=step_ns, first=first, count=count))
    client.command(_LEDGER.format(begin_ns=begin_ns, step_ns=step_ns, messages=messages))


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    options = parser.parse_args()
    print(f"{machine()}; {options.rows:,} interactions, {EACH} a message")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        spec = store_spec(home, spare())
        with Supervisor(home, [spec], out=None):
            settings = StoreSettings(url=clickhouse_url(home, spec))
            clickhouse.migrate(settings)
            client = clickhouse.connect(settings)
            now_ns = time.time_ns()
            fill(client, options.rows, now_ns)
            for name, since_ns in (("29 days", 0), ("1 hour", now_ns - HOUR_NS)):
                began = time.perf_counter()
                accounts, _ = read_accounts(client, since_ns, recent=since_ns > 0)
                spent_s = time.perf_counter() - began
                wrong = sum(len(a.problems()) for a in accounts)
                exact = {"use_skip_indexes_if_final_exact_mode": int(since_ns == 0)}
                explain = f"EXPLAIN ESTIMATE {MISMATCHES}"
                plan = client.query(explain, {"since": since_ns}, settings=exact).result_rows
                read = sum(int(row[3]) for row in plan)
                stored = sum(a.stored for a in accounts)
                print(
                    f"{name:>8}: {spent_s:6.2f} s, {stored:,} rows, {read:,} to read, {wrong} problems",
                    flush=True,
                )
            client.close()


if __name__ == "__main__":
    main()
