"""``lightship replay``: its options."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, answer, warn

replaying = typer.Typer()


@replaying.command()
def replay(
    from_kafka: Annotated[
        bool, typer.Option("--from-kafka", help="Of the messages that Kafka still holds. Must be given.")
    ] = False,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant alone.")] = None,
    topic: Annotated[str | None, typer.Option(help="otlp_spans or otlp_logs alone.")] = None,
    partition: Annotated[int | None, typer.Option(min=0, help="Of this partition alone.")] = None,
    since: Annotated[str | None, typer.Option(help="How far to look back: 1h, 7d; 29d by default.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Store again what the ledger misses. Detection and alerts, which had it, are not run again.

    Safe while everything runs, and as often as you like. Exits with 1 when something stays unaccounted for.
    """
    from infra.errors import Misconfigured
    from ingest.operations.ledger.replay import replay as again
    from ingest.operations.ledger.replay import show

    if not from_kafka:
        raise Misconfigured("say from where: lightship replay --from-kafka")
    report = again(
        config, tenant=tenant, topic=topic, partition=partition, since=since, dry_run=dry_run, say=warn
    )
    answer(report, as_json, show)
    sys.exit(0 if report["ok"] else 1)
