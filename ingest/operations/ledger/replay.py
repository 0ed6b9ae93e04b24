"""``lightship replay --from-kafka``: what the account misses and Kafka still holds is stored again.

Such messages were acknowledged: stage 1 had stored their rows and sent their observations and findings. So
they go through stage 1 once more for their rows alone. What is stored already stays as it is and is obeyed,
and nothing is sent: detection counts no record, and nobody is told of a finding, a second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kafka import TopicPartition

from infra import clickhouse
from infra.clock import SystemClock
from infra.embedded.addresses import reach
from infra.kafka import HEADER_TENANT, LOGS, SPANS
from infra.settings import KafkaSettings, Settings, load
from ingest.agents.score.settings_reader import SettingsReader
from ingest.agents.score.setup import score_stage
from ingest.agents.score.stage import ScoreStage
from ingest.custom_scores import with_plug_ins
from ingest.errors import BadRecord
from ingest.messages import RawMessage
from ingest.operations.importing.options import read_span
from ingest.operations.ledger.holes import Gap
from ingest.operations.ledger.read import COMPLETE_NS
from ingest.operations.ledger.unaccounted import Unaccounted, covered_elsewhere, unaccounted
from ingest.repository.stage_store import Partition
from ingest.topics.reader import log_reader

CLIENT_ID = "lightship-replay"
BATCH = 100
BATCH_BYTES = 8 << 20
WAIT_S = 20.0
"""How long the next message of a range is waited for."""
EVERY_S = 2.0
"""Between two lines of progress."""
ROUNDS = 20
"""Gaps are listed a thousand a partition at a time."""

Say = Callable[[str], None]


def replay(
    config: Path | None,
    *,
    tenant: str | None = None,
    topic: str | None = None,
    partition: int | None = None,
    since: str | None = None,
    dry_run: bool = False,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """The answer of ``lightship replay --from-kafka --json``.

    Raises
    ------
    BadRecord
        If an option cannot be used.
    Unavailable
        If a server does not answer.
    """
    back_ns = COMPLETE_NS if since is None else read_span(since, "--since")
    if back_ns > COMPLETE_NS:
        raise BadRecord(f"--since {since}: rows can be counted for 29 days, content records live 30")
    if topic not in (None, SPANS.name, LOGS.name):
        raise BadRecord(f"--topic {topic} is not {SPANS.name} or {LOGS.name}")
    settings = reach(with_plug_ins(load(config)))
    client = clickhouse.connect(settings.store)
    since_ns = SystemClock().now_ns() - back_ns

    def look() -> Unaccounted:
        return unaccounted(client, settings.kafka, since_ns, topic, partition)

    found = look()
    before = found
    stored = Counts()
    if not dry_run:
        stored, found = _store_all(settings, look, found, tenant, say)
    return report(before, found, stored, dry_run=dry_run)


class Counts:
    """What was done: messages stored again, messages of other tenants, records in those stored."""

    def __init__(self) -> None:
        self.messages = 0
        self.records = 0
        self.others = 0


def _store_all(
    settings: Settings, look: Callable[[], Unaccounted], found: Unaccounted, tenant: str | None, say: Say
) -> tuple[Counts, Unaccounted]:
    """Store until nothing more can be; what was done, and what is missing then."""
    counts = Counts()
    if not found.there:
        return counts, found
    obeyed = SettingsReader(settings.kafka)
    obeyed.start()
    client = clickhouse.connect(settings.store)
    try:
        stage = score_stage(settings, obeyed.current, replays=True)
        for _ in range(ROUNDS):
            before = counts.messages
            # spans first: a call whose span is about to be stored again is none that only log records tell of
            for place, ranges in sorted(
                found.there.items(), key=lambda item: (item[0][0] != SPANS.name, item)
            ):
                store_ranges(stage, settings.kafka, place, ranges, tenant, counts, say)
                more = tuple(covered_elsewhere(client, place, ranges))
                store_ranges(stage, settings.kafka, place, more, tenant, Counts(), say)
            missing = look()
            if counts.messages == before or not missing.there or missing == found:
                return counts, missing
            found = missing
        return counts, found
    finally:
        obeyed.stop()


def store_ranges(
    stage: ScoreStage,
    kafka: KafkaSettings,
    place: Partition,
    ranges: tuple[Gap, ...],
    tenant: str | None,
    counts: Counts,
    say: Say,
) -> None:
    """Put the messages of these ranges through stage 1, in order; they are read as they are needed.

    Raises
    ------
    Unavailable
        If a server does not answer; what is stored by then stays, and comes to the same another time.
    """
    total = sum(last - first + 1 for first, last in ranges)
    done, told_s = 0, time.monotonic()
    with log_reader(kafka, CLIENT_ID, fetch_bytes=BATCH_BYTES) as consumer:
        for gap in ranges:
            for messages in _batches(consumer, place, gap):
                mine = [m for m in messages if tenant in (None, _tenant(m))]
                counts.others += len(messages) - len(mine)
                if mine:
                    stage.process(mine)
                    stage.acknowledged(mine)
                    counts.messages += len(mine)
                    counts.records = int(stage.counters().get("lightship_score_records_total", 0))
                stage.revoke([place])  # what follows may not follow on this: its state is read anew
                done += len(messages)
                if time.monotonic() - told_s >= EVERY_S:
                    told_s = time.monotonic()
                    say(f"{place[0]}/{place[1]}: {done} of {total} messages")


def _tenant(message: RawMessage) -> str:
    return message.headers.get(HEADER_TENANT, b"").decode("utf-8", "replace")


def _batches(consumer: Any, place: Partition, gap: Gap) -> Iterator[list[RawMessage]]:
    """Messages of a range, some at a time, each time such that follow one on another."""
    batch: list[RawMessage] = []
    size = 0
    for message in _messages(consumer, place, gap):
        if batch and (message.offset != batch[-1].offset + 1 or len(batch) == BATCH or size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += len(message.value)
    if batch:
        yield batch


def _messages(consumer: Any, place: Partition, gap: Gap) -> Iterator[RawMessage]:
    at = TopicPartition(*place)
    consumer.assign([at])
    consumer.seek(at, gap[0])
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        for record in consumer.poll(timeout_ms=500, max_records=BATCH).get(at, []):
            until = time.monotonic() + WAIT_S
            if record.offset > gap[1]:
                return
            headers = dict(record.headers or ())
            yield RawMessage(place[0], place[1], int(record.offset), record.value or b"", record.key, headers)
            if record.offset == gap[1]:
                return


def report(before: Unaccounted, after: Unaccounted, counts: Counts, *, dry_run: bool) -> dict[str, Any]:
    """The answer as JSON."""
    return {
        "dry_run": dry_run,
        "unaccounted": _number(before.there) + _number(before.gone),
        "messages": counts.messages,
        "records": counts.records,
        "of_other_tenants": counts.others,
        "left": _listed(after.there),
        "gone": _listed(after.gone),
        "ok": not after.gone and (dry_run or not after.there),
    }


def _number(ranges: Mapping[Partition, tuple[Gap, ...]]) -> int:
    return sum(last - first + 1 for gaps in ranges.values() for first, last in gaps)


def _listed(ranges: Mapping[Partition, tuple[Gap, ...]]) -> list[dict[str, Any]]:
    return [
        {"topic": topic, "partition": partition, "from": first, "to": last}
        for (topic, partition), gaps in sorted(ranges.items())
        for first, last in gaps
    ]


def show(report: Mapping[str, Any]) -> str:
    """The answer in words."""
    if not report["unaccounted"]:
        return "every message that was acknowledged is accounted for: nothing to store again"
    lines = [f"{report['unaccounted']} offsets are not accounted for"]
    if not report["dry_run"]:
        lines.append(f"{report['messages']} messages with {report['records']} records are stored again")
    if report["of_other_tenants"]:
        lines.append(f"{report['of_other_tenants']} messages are of other tenants and were left alone")
    can = "can be stored again" if report["dry_run"] else "could not be stored whole"
    for key, says in (("left", can), ("gone", "no longer in Kafka: past its retention")):
        lines += [f"{r['topic']}/{r['partition']} {r['from']} to {r['to']}: {says}" for r in report[key]]
    return "\n".join(lines)
