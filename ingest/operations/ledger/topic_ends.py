"""What the raw topics hold now: where each partition begins, ends, and how far the workers have come.

Asked by fetching: the embedded broker answers the question for end offsets with the start of its last batch,
while the high water that comes with fetched records is right on every broker.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from kafka import TopicPartition

from infra.kafka import GROUP, LOGS, SPANS
from infra.settings import KafkaSettings
from ingest.repository.stage_store import Partition
from ingest.topics.reader import log_reader

CLIENT_ID = "lightship-ledger"


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
    with log_reader(settings, CLIENT_ID, fetch_bytes=1 << 16) as consumer:
        places = _raw_places(settings)
        consumer.assign(places)
        for place in places:
            consumer.seek(place, known.get((place.topic, place.partition), 0))
        until = time.monotonic() + wait_s
        found: dict[Partition, int] = {}
        while len(found) < len(places) and time.monotonic() < until:
            consumer.poll(timeout_ms=200, max_records=1)
            for place in places:
                end = consumer.highwater(place)
                if end is not None:
                    found[place.topic, place.partition] = int(end)
        return found


def log_begins(
    settings: KafkaSettings, places: Iterable[Partition], wait_s: float = 5.0
) -> dict[Partition, int]:
    """Offsets of the first messages the topics still hold; partitions without any are left out.

    Raises
    ------
    Unavailable
        If no broker answers.
    """
    found: dict[Partition, int] = {}
    with log_reader(settings, CLIENT_ID, fetch_bytes=1 << 16) as consumer:
        wanted = [TopicPartition(*place) for place in places]
        consumer.assign(wanted)
        if wanted:
            consumer.seek_to_beginning(*wanted)
        until = time.monotonic() + wait_s
        while len(found) < len(wanted) and time.monotonic() < until:
            got: Mapping[Any, Any] = consumer.poll(timeout_ms=200, max_records=100)
            for place, messages in got.items():
                if messages and (place.topic, place.partition) not in found:
                    found[place.topic, place.partition] = int(messages[0].offset)
                    consumer.pause(place)
    return found


def log_read(settings: KafkaSettings) -> dict[Partition, int]:
    """The next offsets that the workers have acknowledged up to; partitions never read are left out.

    Raises
    ------
    Unavailable
        If no broker answers.
    """
    with log_reader(settings, CLIENT_ID, group=GROUP) as consumer:
        places = _raw_places(settings)
        committed = {place: consumer.committed(place) for place in places}
        return {(p.topic, p.partition): int(offset) for p, offset in committed.items() if offset is not None}


def _raw_places(settings: KafkaSettings) -> list[TopicPartition]:
    return [TopicPartition(t.name, p) for t in (SPANS, LOGS) for p in range(settings.partitions)]
