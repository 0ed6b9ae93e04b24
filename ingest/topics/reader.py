"""Reading a topic without taking part in a group: what commands look at, they leave as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import KafkaError

from infra.kafka import client, unreachable
from infra.settings import KafkaSettings
from ingest.errors import Unavailable


@contextmanager
def log_reader(
    settings: KafkaSettings, client_id: str, *, fetch_bytes: int = 1 << 20, group: str | None = None
) -> Iterator[Any]:
    """A consumer that commits nothing; ``fetch_bytes`` a partition are asked for at a time.

    With a ``group`` it can be asked what that one committed; it does not become a member.

    Raises
    ------
    Unavailable
        If no broker answers, or it stops answering within the block.
    """
    try:
        consumer = KafkaConsumer(
            client_id=client_id,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=fetch_bytes,
            **client(settings),
        )
    except KafkaError as error:
        raise Unavailable(str(unreachable(settings))) from error
    try:
        yield consumer
    except KafkaError as error:
        raise Unavailable(f"Kafka at {settings.bootstrap} does not answer: {error}") from error
    finally:
        consumer.close()
