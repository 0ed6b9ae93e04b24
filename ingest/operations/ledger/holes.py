"""Offsets without a message: proven by reading the topic where the account has a gap.

A broker that dies between numbering a batch and storing it leaves numbers behind that no message has; nobody
was told that they were kept. A gap in the account is such a hole where the topic still holds the messages on
both sides and nothing in between. A message that is there and not in the account stays a gap.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from kafka import TopicPartition

from infra.settings import KafkaSettings
from ingest.operations.ledger.topic_ends import CLIENT_ID
from ingest.repository.stage_store import Partition
from ingest.topics.reader import log_reader

Gap = tuple[int, int]
"""First and last offset of a range, both included."""

MOST_READ = 2000
"""Messages read for one gap: many that are there make no hole."""


def holes_in(gap: Gap, seen: Iterable[int]) -> list[Gap]:
    """The parts of ``gap`` that are holes, given the offsets of messages read one after another.

    Nothing is proven unless reading began with the message before the gap, nor behind the last one read.

    >>> holes_in((5, 9), [4, 7, 10])
    [(5, 6), (8, 9)]
    >>> holes_in((5, 9), [7, 10])
    []
    """
    first, last = gap
    offsets = sorted(set(seen))
    if not offsets or offsets[0] > first - 1:
        return []
    inside = [first - 1, *(o for o in offsets if first <= o <= last)]
    if offsets[-1] > last:
        inside.append(last + 1)
    return [(a + 1, b - 1) for a, b in pairwise(inside) if b - a > 1]


def without(gaps: Sequence[Gap], holes: Iterable[Gap]) -> list[Gap]:
    """What is left of ``gaps`` when ``holes`` are taken out of them; both in order and disjoint.

    >>> without([(5, 9), (20, 20)], [(5, 6), (8, 9)])
    [(7, 7), (20, 20)]
    """
    left = list(gaps)
    for first, last in holes:
        cut: list[Gap] = []
        for a, b in left:
            if last < a or first > b:
                cut.append((a, b))
                continue
            if a < first:
                cut.append((a, first - 1))
            if b > last:
                cut.append((last + 1, b))
        left = cut
    return left


def prove_holes(
    settings: KafkaSettings, gaps: Mapping[Partition, Sequence[Gap]], wait_s: float = 5.0
) -> dict[Partition, list[Gap]]:
    """Holes among the gaps of an account, as far as the topics still hold what is around them.

    ``wait_s`` is how long reading may take for one gap.

    Raises
    ------
    Unavailable
        If Kafka does not answer.
    """
    found: dict[Partition, list[Gap]] = {}
    if not any(gaps.values()):
        return found
    with log_reader(settings, CLIENT_ID) as consumer:
        for (topic, partition), ranges in sorted(gaps.items()):
            for gap in ranges:
                seen = list(_offsets(consumer, TopicPartition(topic, partition), gap, wait_s))
                found.setdefault((topic, partition), []).extend(holes_in(gap, seen))
    return found


def _offsets(consumer: Any, place: TopicPartition, gap: Gap, wait_s: float) -> Iterator[int]:
    """Offsets of messages from the one before ``gap`` to the first one behind it."""
    consumer.assign([place])
    consumer.seek(place, max(gap[0] - 1, 0))
    until = time.monotonic() + wait_s
    read = 0
    while read < MOST_READ and time.monotonic() < until:
        for message in consumer.poll(timeout_ms=200, max_records=100).get(place, ()):
            read += 1
            yield int(message.offset)
            if message.offset > gap[1]:
                return
