"""``lightship ledger``: the account of the configured or running servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra import clickhouse
from infra.clock import SystemClock
from infra.embedded.reach import reach
from infra.settings import load
from ingest import ledger
from ingest.log_ends import log_ends


def balance(config: Path | None) -> dict[str, Any]:
    """The answer of ``lightship ledger --json``.

    Raises
    ------
    Unavailable
        If a server does not answer.
    """
    settings = reach(load(config))
    since_ns = SystemClock().now_ns() - ledger.COMPLETE_NS
    accounts, tenants = ledger.read_accounts(clickhouse.connect(settings.store), since_ns)
    return ledger.report(accounts, tenants, log_ends(settings.kafka, ledger.next_offsets(accounts)))


def show(report: Mapping[str, Any]) -> str:
    """The account as a table, problems below it."""
    names = ("partition", "received", "stored", "duplicate", "rejected", "dead", "pending")
    lines = [f"{'topic':<12}" + "".join(f"{name:>10}" for name in names)]
    for p in report["partitions"]:
        pending = "?" if p["pending"] is None else str(p["pending"])
        lines.append(
            f"{p['topic']:<12}{p['partition']:>10}{p['received']:>10}{p['stored']:>10}{p['duplicate']:>10}"
            f"{p['rejected']:>10}{p['dead_lettered']:>10}{pending:>10}"
        )
    problems = [f"{p['topic']}/{p['partition']}: {x}" for p in report["partitions"] for x in p["problems"]]
    lines += problems or ["every record is accounted for"]
    return "\n".join(lines)
