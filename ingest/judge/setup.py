"""Judges from settings: rubrics, prices, keys, journals, and the way to Kafka they share."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import AsyncIterator, Mapping
from functools import partial

from detectors.scorers.prices import Price, PriceTable, shipped
from infra import clickhouse
from infra.clock import Clock
from infra.embedded.directory_lock import DirectoryLock
from infra.errors import Misconfigured
from infra.judges import JudgeSettings
from infra.kafka import LOGS
from infra.settings import Settings
from infra.user_code import text_of
from ingest.gateway.grouping import Grouper
from ingest.gateway.intake import Intake, Origin
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import KafkaProducer, until_ready
from ingest.intake_check import check_intake
from ingest.judge import metrics
from ingest.judge.endpoint import Endpoint
from ingest.judge.journal import WAITING, Journal
from ingest.judge.judge import HOUR_NS, Bench, Deliver, Judge
from ingest.judge.rubric import read_rubric
from ingest.judge.stored import Stored
from ingest.otlp.redactors import Redactors, budget_of
from ingest.requests.evaluation import EXPLANATION, Sent, to_request


def benches(settings: Settings) -> tuple[Bench, ...]:
    """Every configured judge, in order of their names.

    Raises
    ------
    Misconfigured
        If none is configured, a rubric cannot be used, or it is not known what a model costs.
    """
    if not settings.judge:
        raise Misconfigured("no judge is configured: see [judge.<name>] in docs/settings.md")
    check_intake(settings)
    table = _prices(settings)
    return tuple(
        Bench(
            name,
            judge,
            read_rubric(judge.rubric_file, f"judge.{name}.rubric_file"),
            price_of(name, judge, table),
        )
        for name, judge in sorted(settings.judge.items())
    )


def price_of(name: str, judge: JudgeSettings, table: PriceTable) -> Price:
    """What the model of a judge costs: as declared, else by the table.

    Raises
    ------
    Misconfigured
        If neither says.
    """
    if judge.input_usd or judge.output_usd:
        return Price(judge.model, 0, judge.input_usd, judge.output_usd, judge.input_usd)
    price = table.of(judge.model)
    if price is None:
        raise Misconfigured(
            f"judge.{name}: it is not known what {judge.model[:60]!r} costs, so usd_per_day could not be "
            "kept: give input_usd and output_usd (something above 0, also of a model of your own)"
        )
    return price


def _prices(settings: Settings) -> PriceTable:
    file, where = settings.scorers.cost.prices_file, "scorers.cost.prices_file"
    try:
        return PriceTable(tomllib.loads(text_of(file, where))) if file else shipped()
    except ValueError as error:
        raise Misconfigured(f"{where}: {file}: {error}") from error


@contextlib.asynccontextmanager
async def judges(
    settings: Settings, clock: Clock, counters: Metrics, *, wait: bool = False
) -> AsyncIterator[tuple[Judge, ...]]:
    """Judges ready to work, with their journals; one process a data directory. ``wait`` waits for Kafka.

    Raises
    ------
    Misconfigured
        As `benches`; if a key cannot be read, or another process judges for this data directory.
    Unavailable
        If ClickHouse does not answer, or Kafka that is waited for.
    """
    made = benches(settings)
    home = settings.home / "judge"
    producer = KafkaProducer(settings.kafka, (LOGS.name,))
    with DirectoryLock(home):
        async with contextlib.AsyncExitStack() as stack:
            endpoints = [Endpoint(b.settings, f"judge.{b.name}") for b in made]
            for endpoint in endpoints:
                stack.push_async_callback(endpoint.close)
            redactors = Redactors(settings.home, settings.redaction, budget_of(settings.gateway))
            intake = Intake(
                producer,
                Grouper(producer, counters, linger_s=0.0),
                redactors,
                counters,
                partitions=settings.kafka.partitions,
                now_ns=clock.now_ns,
            )
            stack.push_async_callback(intake.close)
            await producer.start()
            if wait:
                await until_ready(producer)
            out = []
            for bench, endpoint in zip(made, endpoints, strict=True):
                client = clickhouse.connect(settings.store)
                stack.callback(client.close)
                journal = Journal(home / f"{bench.version.replace('@', '-')}.sqlite3")
                stack.callback(journal.close)
                out.append(
                    Judge(
                        bench,
                        Stored(client, bench.settings.tenant, bench.name),
                        journal,
                        endpoint,
                        _to_kafka(intake, bench.settings.tenant),
                        partial(redactors.of(bench.settings.tenant).outer_text, EXPLANATION),
                        clock.now_ns,
                        partial(counters.add, metrics.EVENTS, bench.name),
                        lambda: producer.problem,
                    )
                )
            yield tuple(out)


def _to_kafka(intake: Intake, tenant: str) -> Deliver:
    async def deliver(sent: Sent) -> None:
        await intake.accept(to_request([sent], intake.now_ns()), Origin(tenant))

    return deliver


def gauges(judge: Judge, counters: Metrics) -> Mapping[str, float]:
    """How a judge stands, told to ``counters``: calls of the hour, dollars of the day, waiting, API up."""
    now_ns = judge.now_ns()
    values = {
        metrics.CALLS: float(judge.journal.usage(now_ns - HOUR_NS)[0]),
        metrics.USD: judge.journal.usage(now_ns - 24 * HOUR_NS)[1],
        metrics.WAITING: float(judge.journal.counts().get(WAITING, 0)),
        metrics.API_UP: float(judge.trouble is None),
    }
    for metric, value in values.items():
        counters.add(metric, judge.bench.name, n=value - counters.value(metric, judge.bench.name))
    return {metric.name: value for metric, value in values.items()}
