"""What Kafka still holds of a log: the original of a row that was changed or taken away."""

from __future__ import annotations

import time
from dataclasses import replace

from kafka import TopicPartition

from detectors.observation import WrongFormat
from infra.kafka import Topic
from infra.settings import KafkaSettings
from ingest.agents.detect.chain import message_digest
from ingest.errors import Unavailable
from ingest.operations.verify.difference import Difference, first_column, shown
from ingest.operations.verify.links import Broken
from ingest.operations.verify.logs import Log
from ingest.topics.reader import log_reader

CLIENT_ID = "lightship-verify"
WAIT_S = 5.0


def explained(settings: KafkaSettings, log: Log, partition: int, broken: Broken) -> Difference:
    """The difference at a broken place, in words of the original if the topic still holds it."""
    if not settings.bootstrap:
        return broken.difference
    try:
        original = read_original(settings, log.topic, partition, broken.at)
    except Unavailable:
        return broken.difference
    record = broken.record
    if original is None:
        return broken.difference
    if record is None or record.offset != broken.at:
        return replace(broken.difference, note=f"{broken.difference.note}; the topic still holds them")
    if message_digest(broken.at, original) != record.digest:
        return replace(broken.difference, note=f"{broken.difference.note}; the topic holds another message")
    try:
        different = first_column(log.read(original), log.read(record.blob))
    except WrongFormat as error:
        return replace(broken.difference, note=f"{broken.difference.note}; {error}")
    if different is None:
        return broken.difference
    column, expected, found = different
    return replace(
        broken.difference,
        column=f"blob, {column}",
        expected=shown(expected),
        found=shown(found),
        note="expected is what the topic still holds, with the digest of the row",
    )


def read_original(settings: KafkaSettings, topic: Topic, partition: int, offset: int) -> bytes | None:
    """One message of a log from Kafka; ``None`` if the topic no longer holds it.

    Raises
    ------
    Unavailable
        If no broker answers.
    """
    place = TopicPartition(topic.name, partition)
    with log_reader(settings, CLIENT_ID) as consumer:
        consumer.assign([place])
        consumer.seek(place, offset)
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            for message in consumer.poll(timeout_ms=200, max_records=1).get(place, ()):
                return bytes(message.value) if message.offset == offset else None
    return None
