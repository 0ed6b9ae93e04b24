"""How fast stage 1 is without Kafka: ``python -m bench.score_stage [--store] [--seconds 5]``.

Invented chats of about 1 KB (every fourth in a run of an agent with a tool call) in messages of 1, 16 and 64
spans, 64 messages a batch as the worker takes them. With ``--store`` the rows go to the embedded ClickHouse
engine in a process of its own; else nothing is stored and the figure is the processor time of the stage.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.machine import machine
from infra import clickhouse
from infra.settings import Settings, StoreSettings
from ingest.agents.score.setup import scoring
from ingest.agents.score.stage import ScoreStage
from ingest.messages import RawMessage
from ingest.repository.stage_store import Accounted, Partition, Progress, Refused, SpanQuery, StageStore
from ingest.repository.tables import Row, Table
from ingest.repository.writer import ClickHouseStore

SEED = 7
BATCH = 64
PARTITIONS = 4
START_NS = 1_795_500_000_000_000_000
WORDS = (
    "the", "a", "harbour", "ship", "light", "keeps", "of", "and", "to", "is", "that", "was", "for", "on",
    "are", "with", "as", "his", "they", "be", "at", "one", "have",
)  # fmt: skip


class NoStore:
    """Takes everything and knows nothing."""

    def find(self, table: Table, ask: SpanQuery, columns: Sequence[str] | None = None) -> list[Row]:
        """Nothing."""
        del table, ask, columns
        return []

    def between(
        self, table: Table, place: tuple[str, int], begin: int, end: int, columns: Sequence[str]
    ) -> list[Row]:
        """Nothing is stored."""
        del table, place, begin, end, columns
        return []

    def insert(self, table: Table, rows: Sequence[Row]) -> list[Refused]:
        """Nothing is refused."""
        del table, rows
        return []

    def has(self, table: Table, tenant: str, lineage: str) -> bool:
        """No."""
        del table, tenant, lineage
        return False

    def progress(self, since_ns: int) -> Progress:
        """None."""
        del since_ns
        return Progress(frozenset(), {})

    def accounted(self, since: Mapping[Partition, int]) -> list[Accounted]:
        """Nothing."""
        del since
        return []


def said(rng: random.Random, words: int) -> str:
    """An invented text."""
    return " ".join(rng.choices(WORDS, k=words)).capitalize() + "."


def add_span(request: ExportTraceServiceRequest, rng: random.Random, number: int) -> None:
    """One span of an invented service; every fourth trace is a run of an agent."""
    trace, place = divmod(number, 4)
    run = trace % 4 == 0
    at_ns = START_NS + number * 1_000_000
    span = (
        request.resource_spans[0]
        .scope_spans[0]
        .spans.add(
            trace_id=(trace if run else number + (1 << 40)).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            name="chat",
            start_time_unix_nano=at_ns,
            end_time_unix_nano=at_ns + 900_000_000,
        )
    )

    def text(key: str, value: str) -> None:
        span.attributes.add(key=key).value.string_value = value

    if run and place == 3:
        text("gen_ai.operation.name", "invoke_agent")
        return
    if run:
        span.parent_span_id = (trace * 4 + 4).to_bytes(8, "big")
    if run and place == 1:
        text("gen_ai.operation.name", "execute_tool")
        text("gen_ai.tool.name", "search")
        return
    text("gen_ai.operation.name", "chat")
    text("gen_ai.provider.name", "openai")
    text("gen_ai.request.model", "gpt-4o")
    text("gen_ai.response.model", "gpt-4o-2024-11-20")
    text("gen_ai.conversation.id", f"[session:{number % 97:016x}]")
    question, answer = said(rng, 40), said(rng, 120)
    text("gen_ai.input.messages", f'[{{"role":"user","parts":[{{"type":"text","content":"{question}"}}]}}]')
    text(
        "gen_ai.output.messages", f'[{{"role":"assistant","parts":[{{"type":"text","content":"{answer}"}}]}}]'
    )
    span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 52
    span.attributes.add(key="gen_ai.usage.output_tokens").value.int_value = 160


def messages(spans: int) -> Iterator[list[RawMessage]]:
    """Batches of messages without end."""
    rng = random.Random(SEED)
    number = offset = 0
    while True:
        batch = []
        for _ in range(BATCH):
            request = ExportTraceServiceRequest()
            group = request.resource_spans.add()
            group.resource.attributes.add(key="service.name").value.string_value = "harbour-chat"
            group.resource.attributes.add(key="service.version").value.string_value = "7.1"
            group.scope_spans.add().scope.name = "bench"
            for _ in range(spans):
                add_span(request, rng, number)
                number += 1
            headers = {
                "lightship-tenant": b"default",
                "lightship-lineage": b"live",
                "lightship-redacted": b"1",
                "lightship-records": str(spans).encode(),
                "lightship-received-at": str(START_NS + number * 1_000_000).encode(),
            }
            value = request.SerializeToString()
            batch.append(
                RawMessage("otlp_spans", offset % PARTITIONS, offset // PARTITIONS, value, None, headers)
            )
            offset += 1
        yield batch


def measure(store: StageStore, spans: int, seconds: float) -> tuple[float, float, float]:
    """Interactions a second, and milliseconds a batch (median, worst) of ``seconds`` of work."""
    stage = ScoreStage(store, scoring(), Settings(), b"sixteen bytes or")
    feed = messages(spans)
    stage.process(next(feed))  # first calls load what is loaded late
    before = stage.counters()["lightship_score_interactions_total"]
    took: list[float] = []
    while sum(took) < seconds or len(took) < 3:
        batch = next(feed)
        began = time.perf_counter()
        stage.process(batch)
        stage.acknowledged(batch)
        took.append(time.perf_counter() - began)
    done = stage.counters()["lightship_score_interactions_total"] - before
    took.sort()
    return done / sum(took), took[len(took) // 2] * 1000, took[-1] * 1000


@contextmanager
def embedded() -> Iterator[StageStore]:
    """The embedded engine with the schema, in a process of its own."""
    from infra.embedded.pair import clickhouse_url, store_spec  # noqa: PLC0415 - only this needs the extra
    from infra.embedded.ports import spare  # noqa: PLC0415
    from infra.embedded.supervisor import Supervisor  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        spec = store_spec(home, spare())
        running = Supervisor(home, [spec], out=None)
        running.start()
        try:
            settings = StoreSettings(url=clickhouse_url(home, spec))
            clickhouse.migrate(settings)
            client = clickhouse.connect(settings)
            yield ClickHouseStore(client)
            client.close()
        finally:
            running.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", action="store_true", help="store rows in the embedded engine")
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    print(machine(), f"seed {SEED}", "embedded store" if given.store else "no store", sep=", ")
    for spans in (1, 16, 64):
        if given.store:
            with embedded() as store:
                figures = measure(store, spans, given.seconds)
        else:
            figures = measure(NoStore(), spans, given.seconds)
        rate, median_ms, worst_ms = figures
        print(
            f"{spans:3} spans a message: {rate:7.0f} interactions/s, a batch of {BATCH} messages "
            f"{median_ms:.0f} ms (worst {worst_ms:.0f})"
        )


if __name__ == "__main__":
    main()
