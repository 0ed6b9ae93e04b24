"""Dead letters sent again: the redacted bytes, where their record belongs, under what it came with.

They get a new source position, so they are received, stored and accounted for like any record; what is stored
already is a duplicate. A letter is marked when its bytes are acknowledged: killed in between, a second run
sends it again, which stores nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from infra import kafka
from infra.clock import Clock
from infra.settings import KafkaSettings
from ingest.errors import BadRecord, Unavailable
from ingest.operations.dead_letters.reader import Kept, Wanted, letters, messages
from ingest.topics.dead_letter import DeadLetter, read, read_retried, retried_output

AT_ONCE = 100
AT_ONCE_BYTES = 16 << 20
"""Letters, and bytes of them, that are sent before acknowledgements are waited for."""
ACK_TIMEOUT_S = 30.0


@dataclass(slots=True)
class Retried:
    """How a retry ended: letters sent again, the records in them, and letters left alone by reason."""

    letters: int = 0
    records: int = 0
    left: Counter[str] = field(default_factory=Counter)


def headers_of(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """Headers of the message that holds a letter's bytes again: those it came with, and its key."""
    e = letter.envelope
    headers = [
        (kafka.HEADER_TENANT, e.tenant.encode()),
        (kafka.HEADER_LINEAGE, e.lineage.encode()),
        (kafka.HEADER_REDACTED, (e.policy or "1").encode()),
        (kafka.HEADER_RECORDS, str(letter.records).encode()),
        (kafka.HEADER_RECEIVED_AT, str(e.received_ns).encode()),
        (kafka.HEADER_DEAD_LETTER, letter.key().encode()),
    ]
    return [*headers, (kafka.HEADER_BACKFILL, b"1")] if e.backfill else headers


def choose(found: Iterable[Kept], wanted: Wanted, *, force: bool) -> tuple[list[Kept], Counter[str]]:
    """The letters to send again, and why others that are meant are not.

    Raises
    ------
    BadRecord
        If a key is given that no letter has.
    """
    chosen: list[Kept] = []
    left: Counter[str] = Counter()
    unknown = set(wanted.keys)
    for letter in found:
        unknown.discard(letter.key)
        if not wanted.matches(letter):
            continue
        why = letter.why_not(force=force)
        if why is None:
            chosen.append(letter)
        else:
            left[why] += 1
    if unknown:
        raise BadRecord(f"there is no dead letter {min(unknown)!r}: see `lightship dead-letters list`")
    return chosen, left


def retry(settings: KafkaSettings, wanted: Wanted, clock: Clock, *, force: bool = False) -> Retried:
    """Send the bytes of the letters meant again; those retried before only with ``force``.

    Raises
    ------
    BadRecord
        If a key is given that no letter has.
    Unavailable
        If Kafka does not answer; run it again.
    """
    chosen, left = choose(letters(settings), wanted, force=force)
    done = Retried(left=left)
    if not chosen:
        return done
    try:
        producer = KafkaProducer(
            client_id="lightship-dead-letters",
            acks="all",
            enable_idempotence=settings.idempotent,
            linger_ms=5,
            max_request_size=kafka.MAX_MESSAGE_BYTES + (1 << 20),
            **kafka.client(settings),
        )
        try:
            for group in _groups(settings, {letter.offset for letter in chosen}):
                _send_again(producer, group, clock)
                done.letters += len(group)
                done.records += sum(letter.records for letter in group)
        finally:
            producer.close(timeout=5)
    except KafkaError as error:
        raise Unavailable(
            f"Kafka did not take dead letters again, {done.letters} of {len(chosen)} are: {error}; "
            "run it once more"
        ) from error
    return done


def _groups(settings: KafkaSettings, offsets: set[int]) -> Iterator[list[DeadLetter]]:
    """The letters at these offsets, a bounded number of bytes at a time."""
    group: list[DeadLetter] = []
    size = 0
    for message, _ in messages(settings):
        if message.offset not in offsets or read_retried(message.value) is not None:
            continue
        letter = read(message.value)
        group.append(letter)
        size += len(letter.value)
        if len(group) >= AT_ONCE or size >= AT_ONCE_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _send_again(producer: Any, group: Sequence[DeadLetter], clock: Clock) -> None:
    """Send the bytes and, when all of them are acknowledged, the marks."""
    sent = [
        producer.send(
            letter.source.topic,
            value=letter.value,
            partition=letter.source.partition,
            headers=headers_of(letter),
        )
        for letter in group
    ]
    for future in sent:
        future.get(ACK_TIMEOUT_S)
    marks = [retried_output(letter.key(), clock.now_ns()) for letter in group]
    for future in [producer.send(m.topic, key=m.key, value=m.value, partition=m.partition) for m in marks]:
        future.get(ACK_TIMEOUT_S)
