"""``lightship ledger``: the account of the configured or running servers, checked against the topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from infra import clickhouse
from infra.clock import Clock, SystemClock
from infra.embedded.addresses import gateway_address, reach
from infra.settings import KafkaSettings, load
from ingest.errors import BadRecord
from ingest.operations.importing.options import read_span
from ingest.operations.ledger import proof
from ingest.operations.ledger.holes import prove_holes
from ingest.operations.ledger.read import COMPLETE_NS, read_accounts, read_holes, remember_holes
from ingest.operations.ledger.refused import refused
from ingest.operations.ledger.topic_ends import log_begins, log_ends, log_read
from ingest.operations.ledger.waiting import accounted, waiting_records
from ingest.repository.stage_store import Partition


def balance(config: Path | None, since: str | None = None) -> dict[str, Any]:
    """The answer of ``lightship ledger --json``; ``since`` is how far to look back, like ``1h``.

    Raises
    ------
    BadRecord
        If ``since`` is no span of time up to 29 days.
    Unavailable
        If a server does not answer.
    """
    back_ns = COMPLETE_NS if since is None else read_span(since, "--since")
    if back_ns > COMPLETE_NS:
        raise BadRecord(f"--since {since}: rows can be counted for 29 days, content records live 30")
    settings = reach(load(config))
    client = clickhouse.connect(settings.store)
    turned_away = refused(gateway_address(settings))
    since_ns = SystemClock().now_ns() - back_ns
    return snapshot(client, settings.kafka, since_ns, turned_away, recent=since is not None)


def snapshot(
    client: Client,
    settings: KafkaSettings,
    since_ns: int,
    refused: Sequence[Mapping[str, Any]] | None = None,
    *,
    recent: bool = False,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """The account of messages received since then, with gaps that are holes told from lost messages.

    Raises
    ------
    Unavailable
        If a server does not answer.
    """
    accounts, tenants = compared(client, settings, log_read(settings), since_ns, recent=recent)
    ends = log_ends(settings, proof.next_offsets(accounts))
    known_next = accounted(client)  # of older messages, too
    pending = {at: known_next.get(at, 0) for at, end in ends.items() if end > known_next.get(at, 0)}
    waits = waiting_records(settings, pending, partial(accounted, client), clock or SystemClock())
    return proof.report(accounts, tenants, ends, refused, waits)


def compared(
    client: Client, settings: KafkaSettings, read: Mapping[Partition, int], since_ns: int, *, recent: bool
) -> tuple[list[proof.PartitionAccount], list[dict[str, Any]]]:
    """Accounts of every partition, their gaps compared with the topics, and sums by tenant.

    ``read`` is what was acknowledged before the account is read: the account must hold it.

    Raises
    ------
    Unavailable
        If a server does not answer.
    """
    accounts, tenants = read_accounts(client, since_ns, recent=recent)
    begins = log_begins(settings, [a.place for a in accounts])
    accounts = [
        proof.with_topic(a, proof.TopicFacts(begins.get(a.place), read.get(a.place))) for a in accounts
    ]
    known = read_holes(client)
    accounts = [proof.with_holes(a, known.get(a.place, ())) for a in accounts]
    proven = prove_holes(settings, {a.place: a.gaps for a in accounts})
    remember_holes(client, proven)
    return [proof.with_holes(a, proven.get(a.place, ())) for a in accounts], tenants


def show(report: Mapping[str, Any]) -> str:
    """The account as a table, with holes, problems and what was refused below it."""
    names = ("partition", "received", "stored", "duplicate", "rejected", "dead", "pending")
    lines = [f"{'topic':<12}" + "".join(f"{name:>10}" for name in names)]
    for p in report["partitions"]:
        pending = "?" if p["pending"] is None else str(p["pending"])
        lines.append(
            f"{p['topic']:<12}{p['partition']:>10}{p['received']:>10}{p['stored']:>10}{p['duplicate']:>10}"
            f"{p['rejected']:>10}{p['dead_lettered']:>10}{pending:>10}"
        )
    for p in report["partitions"]:
        n = sum(h["to"] - h["from"] + 1 for h in p["holes"])
        if n:
            lines.append(f"{p['topic']}/{p['partition']}: {n} offsets that no message has (read in Kafka)")
    problems = [f"{p['topic']}/{p['partition']}: {x}" for p in report["partitions"] for x in p["problems"]]
    lines += problems
    if problems:
        lines.append("what Kafka still holds of it is stored again by: lightship replay --from-kafka")
    if report["verdict"] and not (problems and report["moving"]):
        lines.append(report["verdict"])
    if report["refused"]:
        counts = ", ".join(f"{r['reason']} {r['n']}" for r in report["refused"])
        lines.append(f"refused by the gateway since it started: {counts}")
    return "\n".join(lines)
