"""Where the raw topics end now.

Asked by fetching: the embedded broker answers the question for end offsets with the start of its last batch,
while the high water that comes with fetched records is right on every broker.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from infra.kafka import LOGS, SPANS, client, unreachable
from infra.settings import KafkaSettings
from ingest.errors import Unavailable
from ingest.store import Partition


def log_ends(
    settings: KafkaSettings, known: Mapping[Partition, int], wait_s: float = 5.0
) -> dict[Partition, int]:
    """Next offsets of the raw topics' partitions; those that did not answer in time are left out.

    ``known`` are offsets from which on to look (the account's next ones).

    Raises
    ------
    Unavailable
        If no broker answers.
    """
    try:
        consumer = KafkaConsumer(
            client_id="lightship-ledger",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=1 << 16,
            **client(settings),
        )
    except KafkaError as error:
        raise Unavailable(str(unreachable(settings))) from error
    try:
        wanted = [TopicPartition(t.name, p) for t in (SPANS, LOGS) for p in range(settings.partitions)]
        consumer.assign(wanted)
        for tp in wanted:
            consumer.seek(tp, known.get((tp.topic, tp.partition), 0))
        until = time.monotonic() + wait_s
        found: dict[Partition, int] = {}
        while len(found) < len(wanted) and time.monotonic() < until:
            consumer.poll(timeout_ms=200, max_records=1)
            for tp in wanted:
                end = consumer.highwater(tp)
                if end is not None:
                    found[tp.topic, tp.partition] = int(end)
        return found
    except KafkaError as error:
        raise Unavailable(f"Kafka at {settings.bootstrap} does not answer: {error}") from error
    finally:
        consumer.close()
