"""Records of a topic that nobody has processed yet: since when the oldest waits, asked by fetching it.

The end of a log is not asked for: the embedded broker misreports it, and behind the last record there may be
offsets that no record has. What can be fetched waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from kafka import TopicPartition

Place = tuple[str, int]
"""Topic and partition."""


def oldest_waiting(
    consumer: Any,
    positions: Mapping[Place, int],
    within_s: float = 5.0,
    monotonic: Callable[[], float] = time.monotonic,
) -> dict[Place, int]:
    """When the first record of each partition at its position or later was written, in ms since 1970 UTC.

    Partitions without such a record, or that do not answer within ``within_s``, are left out.

    Parameters
    ----------
    consumer
        A KafkaConsumer that belongs to no group and is used for nothing else; its assignment is replaced.
    positions
        The next offset that would be processed.
    """
    places = {place: TopicPartition(*place) for place in positions}
    consumer.assign(list(places.values()))
    for place, offset in positions.items():
        consumer.seek(places[place], offset)
    found: dict[Place, int] = {}
    until = monotonic() + within_s
    while len(found) < len(places) and monotonic() < until:
        for at, records in consumer.poll(timeout_ms=200, max_records=len(places)).items():
            if records and (at.topic, at.partition) not in found:
                found[at.topic, at.partition] = int(records[0].timestamp)
                consumer.pause(at)
        if all(_at_end(consumer, place, positions) for place in places.values() if _key(place) not in found):
            break
    return found


def _at_end(consumer: Any, place: TopicPartition, positions: Mapping[Place, int]) -> bool:
    """Whether the broker has said that nothing lies at the position or behind it."""
    end = consumer.highwater(place)
    return end is not None and end <= positions[_key(place)]


def _key(place: TopicPartition) -> Place:
    return place.topic, place.partition
