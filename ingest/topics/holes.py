"""Whether the log holds anything between two offsets: asked of the broker, on a connection of its own."""

from __future__ import annotations

import time

from kafka import TopicPartition

from infra.settings import KafkaSettings
from ingest.errors import Unavailable
from ingest.topics.in_order import Place
from ingest.topics.reader import log_reader

WAIT_S = 10.0


def is_hole(settings: KafkaSettings, place: Place, begin: int, end: int) -> bool:
    """Whether the first message from ``begin`` on is the one at ``end``, or a later one.

    What retention has removed counts as a hole: it cannot be read again.

    Raises
    ------
    Unavailable
        If the broker does not say.
    """
    partition = TopicPartition(*place)
    with log_reader(settings, "lightship-holes") as consumer:
        consumer.assign([partition])
        consumer.seek(partition, begin)
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            for record in consumer.poll(timeout_ms=500, max_records=1).get(partition, []):
                return bool(record.offset >= end)
    raise Unavailable(f"Kafka did not say what follows on {begin} in {place}")
