"""Recorded changes as they stand in the topic ``actions``: all of them at the start, then what is added."""

from __future__ import annotations

import logging
import time

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from alerts.changes.change_event import RecordedChange, read_change
from alerts.errors import BadRecord, Unavailable
from infra.kafka import ACTIONS, client, unreachable
from infra.settings import KafkaSettings

logger = logging.getLogger(__name__)

MAX_BATCH = 2000
WAIT_MS = 200
CATCH_UP_S = 5.0
"""What was recorded before the start is read before anything else, for so long at most."""


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
            self._partition = TopicPartition(ACTIONS.name, 0)
            self._consumer.assign([self._partition])
            self._consumer.seek_to_beginning(self._partition)
        except KafkaError as error:
            raise Unavailable(str(unreachable(settings))) from error
        self._began = False

    def poll(self) -> list[RecordedChange]:
        """What has been recorded since the last call; waits only the first time, until it has read it all.

        Raises
        ------
        Unavailable
            If the broker refuses.
        """
        if self._began:
            return self._read(0)
        found: list[RecordedChange] = []
        deadline = time.monotonic() + CATCH_UP_S
        while self._behind() and time.monotonic() < deadline:
            found += self._read(WAIT_MS)
        self._began = True
        return found

    def _behind(self) -> bool:
        high = self._consumer.highwater(self._partition)
        return high is None or self._consumer.position(self._partition) < high

    def _read(self, wait_ms: int) -> list[RecordedChange]:
        try:
            got = self._consumer.poll(timeout_ms=wait_ms)
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
