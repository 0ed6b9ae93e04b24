"""Kafka at the edge of the package: findings are read; incidents, actions, controls, dead letters written.

Offsets are committed by hand, after what the messages led to is stored. On the embedded broker the end of a
log is misreported, so lag is read from the high-water mark of the last fetch.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import KafkaError, MessageSizeTooLargeError
from kafka.structs import OffsetAndMetadata

from alerts.errors import Unavailable, Unstorable
from alerts.state.ports import Message, Source
from detectors.finding import SEVERAL, Finding
from detectors.observation import Control, encode
from infra.errors import InfraError
from infra.kafka import (
    ACTIONS,
    DEAD_LETTERS,
    FINDINGS,
    INCIDENTS,
    OBSERVATIONS,
    TICKS,
    check_topics,
    client,
    unreachable,
)
from infra.settings import KafkaSettings

logger = logging.getLogger(__name__)

GROUP = "lightship-alerts"
MAX_BATCH = 200
FLUSH_S = 10.0
CLOSE_S = 3.0
LEAVE_S = 5.0
"""How long a join that is under way may take to end before the group is left all the same."""
JOIN_S = 10.0
"""Beyond its session time-out a join takes as long as a broker waits for first members (three seconds, as it
is delivered) and for those that are slow to come back."""
MAX_REASON = 300


def require_topics(settings: KafkaSettings, findings: str = FINDINGS.name) -> None:
    """Return if the topics that are read and written here exist, partitioned as this Lightship needs.

    Raises
    ------
    Unavailable
        If one does not exist yet or has another number of partitions, or no broker answers.
    """
    topics = (replace(FINDINGS, name=findings), INCIDENTS, ACTIONS, OBSERVATIONS, TICKS, DEAD_LETTERS)
    try:
        check_topics(settings, topics)
    except InfraError as error:
        raise Unavailable(str(error)) from error


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python ships no types
    """Remembers that partitions were given to us anew, and since when they are dealt out (monotonic, s)."""

    def __init__(self) -> None:
        self.fresh = False
        self.dealing_since: float | None = None

    def on_partitions_revoked(self, *_: object) -> None:
        """Nothing is held per partition. Those that are lost come here, too."""
        self.dealing_since = time.monotonic()

    def on_partitions_assigned(self, assigned: object) -> None:
        """Another process may have written while we were not the owner."""
        self.fresh |= bool(assigned)
        self.dealing_since = None


class Findings:
    """The log of findings, read by one member of the group at a time. Used by one thread.

    A join that takes longer than one poll, and was asked for because partitions were added to a topic, is
    never ended by kafka-python 3.0: as soon as it knows the new partitions it takes itself for joined. Such
    a member sends no heartbeats, reads nothing, and still holds what it had. It is replaced.
    """

    def __init__(self, settings: KafkaSettings, topic: str = FINDINGS.name, group: str = GROUP) -> None:
        self._settings, self._topic, self._group = settings, topic, group
        self._consumer, self._assignment = self._member()

    def _member(self) -> tuple[KafkaConsumer, _Assignment]:
        """A new member of the group, and what it is told of its partitions."""
        settings, assignment = self._settings, _Assignment()
        try:
            consumer = KafkaConsumer(
                client_id="lightship-alerts",
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=int(settings.session_timeout_s * 1000),
                heartbeat_interval_ms=int(min(1.0, settings.session_timeout_s / 3) * 1000),
                max_poll_records=MAX_BATCH,
                **client(settings),
            )
            consumer.subscribe([self._topic], listener=assignment)
        except KafkaError as error:
            raise Unavailable(str(unreachable(settings))) from error
        return consumer, assignment

    def poll(self, wait_s: float) -> list[Message]:
        """The next messages in order, or none after ``wait_s``."""
        since = self._assignment.dealing_since
        if since is not None and time.monotonic() - since > self._settings.session_timeout_s + JOIN_S:
            logger.warning("the group %s has dealt out nothing for long: joining it anew", self._group)
            left = self._consumer
            self._consumer, self._assignment = self._member()
            left.close(autocommit=False)
        try:
            got = self._consumer.poll(timeout_ms=int(wait_s * 1000))
        except KafkaError as error:
            raise Unavailable(f"Kafka: {error}") from error
        return [
            Message(Source(r.topic, r.partition, r.offset), r.value or b"")
            for partition in sorted(got)
            for r in got[partition]
        ]

    def newly_assigned(self) -> bool:
        """Whether partitions were given to us since the last call."""
        fresh, self._assignment.fresh = self._assignment.fresh, False
        return fresh

    @property
    def assigned(self) -> bool:
        """Whether we are the reader."""
        return bool(self._consumer.assignment())

    def commit(self, messages: Sequence[Message]) -> None:
        """Remember that these are done. A failure is harmless: they come again and change nothing."""
        ends: dict[TopicPartition, OffsetAndMetadata] = {}
        for m in messages:
            partition = TopicPartition(m.source.topic, m.source.partition)
            ends[partition] = OffsetAndMetadata(m.source.offset + 1, "", -1)
        try:
            self._consumer.commit(ends)
        except KafkaError as error:
            logger.warning("offsets were not committed, the messages will come again: %s", error)

    def lag(self) -> int:
        """Messages of the log that were not read yet, as far as the last fetch knows."""
        behind = 0
        for partition in self._consumer.assignment():
            high = self._consumer.highwater(partition)
            if high is not None:
                behind += max(0, high - self._consumer.position(partition))
        return behind

    def close(self) -> None:
        """Leave the group, after a join that is under way has ended or has taken too long.

        Who leaves between the two requests of a join stays a member for good on the embedded broker: the
        second one writes it back, and as the leader of the group nobody ever hears from again.
        """
        give_up = time.monotonic() + LEAVE_S
        while self._assignment.dealing_since is not None and time.monotonic() < give_up:
            try:
                self._consumer.poll(timeout_ms=200)
            except KafkaError:
                break
        self._consumer.close(autocommit=False)


class Producer:
    """Writes incidents, actions and dead letters. Connects on first use. Safe for several threads."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._producer: KafkaProducer | None = None

    def _open(self) -> KafkaProducer:
        with self._lock:
            if self._producer is None:
                try:
                    self._producer = KafkaProducer(
                        client_id="lightship-alerts",
                        acks="all",
                        enable_idempotence=self._settings.idempotent,
                        max_in_flight_requests_per_connection=1,  # a retry never overtakes
                        linger_ms=5,
                        max_block_ms=5_000,
                        max_request_size=8 << 20,
                        **client(self._settings),
                    )
                except KafkaError as error:
                    raise Unavailable(str(unreachable(self._settings))) from error
            return self._producer

    def incident(self, incident_id: str, value: str) -> None:
        """The newest state, under the incident's id."""
        self._send(INCIDENTS.name, incident_id, value.encode())

    def finding(self, topic: str, finding: Finding) -> None:
        """What is wrong with Lightship itself, into the log of findings."""
        self._send(topic, finding.service, finding.to_json().encode())

    def action(self, key: str, value: dict[str, Any]) -> None:
        """What a person did, for audit, under the id of the incident or silence."""
        self._send(ACTIONS.name, key, json.dumps(value, ensure_ascii=False).encode())

    def control(self, record: Control) -> None:
        """Into the partition where the observations of its service are: both choose it by the same key.

        What is about several services goes to who watches them together.
        """
        topic = TICKS if record.key.service == SEVERAL else OBSERVATIONS
        self._send(topic.name, record.key.text(), encode(record))

    def controls(self, records: Iterable[Control]) -> None:
        """Write control records; they stand in the log when this returns."""
        for record in records:
            self.control(record)
        self.flush()

    def records(self, messages: Sequence[tuple[str, bytes, bytes]]) -> None:
        """Write (topic, key, value) messages and wait until the broker has them all.

        Raises
        ------
        Unavailable
            If it does not take one.
        """
        try:
            sent = [self._open().send(topic, key=key, value=value) for topic, key, value in messages]
            for future in sent:
                future.get(FLUSH_S)
        except KafkaError as error:
            raise Unavailable(f"Kafka does not take control records: {error}") from error

    def dead_letter(self, source: Source, value: bytes, kind: str, reason: str) -> None:
        """Where it stood, why, and its hash; the bytes are not kept, no redactor has seen them."""
        body = {
            "v": 1,
            "topic": source.topic,
            "partition": source.partition,
            "offset": source.offset,
            "ordinal": None,
            "tenant": "",
            "lineage": "",
            "received_ns": 0,
            "kind": kind,
            "reason": reason[:MAX_REASON],
            "records": 0,
            "bytes": len(value),
            "sha256": hashlib.sha256(value).hexdigest(),
            "value_zstd": None,
        }
        key = f"{source.topic}/{source.partition}/{source.offset}"
        self._send(DEAD_LETTERS.name, key, json.dumps(body).encode())

    def _send(self, topic: str, key: str, value: bytes) -> None:
        try:
            future = self._open().send(topic, key=key.encode(), value=value)
        except MessageSizeTooLargeError as error:
            raise Unstorable(f"a message of {len(value)} bytes is too large for {topic}") from error
        except KafkaError as error:
            raise Unavailable(f"Kafka does not take {topic}: {error}") from error
        future.add_errback(lambda error: logger.warning("%s was not taken: %s", topic, error))

    def flush(self) -> None:
        """Wait until everything is acknowledged."""
        try:
            self._open().flush(timeout=FLUSH_S)
        except KafkaError as error:
            raise Unavailable(f"Kafka does not acknowledge: {error}") from error

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        with self._lock:
            if self._producer is not None:
                self._producer.close(timeout=CLOSE_S)
                self._producer = None
