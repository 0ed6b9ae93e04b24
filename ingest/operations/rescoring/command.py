"""``lightship rescore``: reads stored text, sends observations of it, waits until they are learned from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from detectors.scorers.protocol import ScoreSpec
from detectors.scorers.registry import score_each
from infra import clickhouse
from infra.clock import SystemClock
from infra.embedded.addresses import reach
from infra.settings import Settings, load
from ingest.agents.score.enabled_scorers import Chosen, chosen
from ingest.custom_scores import with_plug_ins
from ingest.errors import BadRecord, Unavailable
from ingest.gateway.intake import LIVE
from ingest.messages import Output
from ingest.operations.importing.drained import has_ended, wait_until_drained
from ingest.operations.importing.options import read_span
from ingest.operations.rescoring.job import DAY_NS, Rescore, outputs
from ingest.repository.interaction import StoredInteraction, from_row
from ingest.repository.observations import INTERACTION
from ingest.repository.tables import INTERACTIONS
from ingest.topics.sender import Sender

TENANT = "default"
DRAIN_S = 900.0
HOUR_NS = 3_600_000_000_000
"""Rows are read an hour at a time."""

_COLUMNS = ", ".join(f"`{name}`" for name in INTERACTIONS.names)
_ROWS = f"""
SELECT {_COLUMNS} FROM interactions FINAL
WHERE tenant = %(tenant)s AND lineage = %(lineage)s AND service = %(service)s
    AND start >= fromUnixTimestamp64Nano(%(from_ns)s, 'UTC')
    AND start < fromUnixTimestamp64Nano(%(to_ns)s, 'UTC')
    AND observed AND isNull(text_absent) AND (%(any)s OR environment = %(environment)s)
ORDER BY start, trace_id, span_id
"""  # noqa: S608 - names of our own columns


def rescore(
    config: Path | None,
    service: str,
    scores: Sequence[str],
    *,
    environment: str | None,
    days: str | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Score stored text of a service again, and have stage 2 learn from it in a lineage of its own.

    Raises
    ------
    BadRecord
        If a score is none of interactions, or no text is stored.
    Unavailable
        If a server does not answer: run again.
    """
    settings = with_plug_ins(reach(load(config)))
    scorers = chosen(settings)
    job = _job(settings, scorers.specs, service, scores, environment, days)
    client = clickhouse.connect(settings.store)
    sent = asyncio.run(_send(settings, job, scorers, stored(client, job)))
    if not sent:
        raise BadRecord(
            f"no text of service {service!r} is stored: see redaction.keep_text and store.text_days"
        )
    lineage = job.lineage(scorers.specs)
    say("sent; waiting until it is learned from")
    partitions = settings.kafka.partitions
    wait_until_drained(lambda: has_ended(client, job.tenant, lineage, partitions), timeout_s=DRAIN_S)
    return {"lineage": lineage, "service": service, "scores": sorted(job.scores), "messages": sent}


def _job(
    settings: Settings,
    specs: Mapping[str, ScoreSpec],
    service: str,
    scores: Sequence[str],
    environment: str | None,
    days: str | None,
) -> Rescore:
    known = {name for name, spec in specs.items() if spec.unit == INTERACTION}
    unknown = sorted(set(scores) - known)
    if unknown or not scores:
        raise BadRecord(f"score {unknown[0] if unknown else ''!r} is none of {', '.join(sorted(known))}")
    span_ns = (
        round((settings.detection.learn_days + 1) * DAY_NS) if days is None else read_span(days, "--span")
    )
    now_ns = SystemClock().now_ns() // HOUR_NS * HOUR_NS  # repeated within the hour it is the same job
    return Rescore(TENANT, service, environment, frozenset(scores), now_ns - span_ns, now_ns)


def stored(client: Client, job: Rescore) -> Iterator[StoredInteraction]:
    """Observed interactions whose text is kept, in order of their start.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    for begin in range(job.from_ns, job.to_ns, HOUR_NS):
        given: Mapping[str, Any] = {
            "tenant": job.tenant,
            "lineage": LIVE,
            "service": job.service,
            "environment": job.environment or "",
            "any": job.environment is None,
            "from_ns": begin,
            "to_ns": min(begin + HOUR_NS, job.to_ns),
        }
        try:
            rows = client.query(
                _ROWS, parameters=dict(given), query_formats={"DateTime64": "int"}
            ).result_rows
        except ClickHouseError as error:
            raise Unavailable(f"ClickHouse did not answer: {str(error)[:300]}") from error
        yield from map(from_row, rows)


async def _send(settings: Settings, job: Rescore, scorers: Chosen, rows: Iterable[StoredInteraction]) -> int:
    """How many messages of observations were sent."""
    sender, sent = Sender(settings.kafka), 0
    try:
        score = partial(score_each, scorers=scorers.records)
        for batch in outputs(job, rows, scorers.specs, score, settings.kafka.partitions):
            await sender.send(batch)
            sent += sum(_is_observation(o) for o in batch)
    finally:
        await sender.close()
    return sent


def _is_observation(output: Output) -> bool:
    return output.partition is None


def show(report: Mapping[str, Any]) -> str:
    """The report in words, with what comes next."""
    return (
        f"{report['messages']:,} messages of lineage {report['lineage']} are learned from; watch by them:\n"
        f"  lightship baselines adopt --service {report['service']} --from {report['lineage']} --as NAME "
        "--reason TEXT"
    )
