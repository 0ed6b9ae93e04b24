"""Recorded changes as they stand in the topic ``actions``: all of them at the start, then what is added."""

from __future__ import annotations

import logging

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from alerts.errors import BadRecord, Unavailable
from alerts.recorded import RecordedChange, read_change
from infra.kafka import ACTIONS, client, unreachable
from infra.settings import KafkaSettings

logger = logging.getLogger(__name__)

MAX_BATCH = 2000


class RecordedFeed:
    """Reads the topic from its beginning, in no group: every process knows all of it. Used by one thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        try:
            self._consumer = KafkaConsumer(
                client_id="lightship-alerts-recorded",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_poll_records=MAX_BATCH,
                **client(settings),
            )
            partition = TopicPartition(ACTIONS.name, 0)
            self._consumer.assign([partition])
            self._consumer.seek_to_beginning(partition)
        except KafkaError as error:
            raise Unavailable(str(unreachable(settings))) from error

    def poll(self) -> list[RecordedChange]:
        """What has been recorded since the last call; does not wait.

        Raises
        ------
        Unavailable
            If the broker refuses.
        """
        try:
            got = self._consumer.poll(timeout_ms=0)
        except KafkaError as error:
            raise Unavailable(f"Kafka: {error}") from error
        found = []
        for record in (r for records in got.values() for r in records):
            try:
                change = read_change(record.value or b"")
            except BadRecord as error:
                logger.warning("offset %d of %s: %s", record.offset, record.topic, error)
                continue
            if change is not None:
                found.append(change)
        return found

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close(autocommit=False)
