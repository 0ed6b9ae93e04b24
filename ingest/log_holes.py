"""Whether the log holds anything between two offsets: asked of the broker, on a connection of its own."""

from __future__ import annotations

import time

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from infra.kafka import client, unreachable
from infra.settings import KafkaSettings
from ingest.errors import Unavailable
from ingest.in_order import Place

WAIT_S = 10.0


def is_hole(settings: KafkaSettings, place: Place, begin: int, end: int) -> bool:
    """Whether the first message from ``begin`` on is the one at ``end``, or a later one.

    What retention has removed counts as a hole: it cannot be read again.

    Raises
    ------
    Unavailable
        If the broker does not say.
    """
    try:
        consumer = KafkaConsumer(
            client_id="lightship-holes",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **client(settings),
        )
    except KafkaError as error:
        raise Unavailable(str(unreachable(settings))) from error
    try:
        partition = TopicPartition(*place)
        consumer.assign([partition])
        consumer.seek(partition, begin)
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            for record in consumer.poll(timeout_ms=500, max_records=1).get(partition, []):
                return bool(record.offset >= end)
    except KafkaError as error:
        raise Unavailable(f"Kafka did not say what follows on {begin} in {place}: {error}") from error
    finally:
        consumer.close()
    raise Unavailable(f"Kafka did not say what follows on {begin} in {place}")
