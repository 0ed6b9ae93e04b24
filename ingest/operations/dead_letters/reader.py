"""The topic of dead letters, read from its beginning: what lies there, and what was sent again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kafka import TopicPartition

from infra.clock import NS_PER_MS
from infra.kafka import DEAD_LETTERS, LOGS, SPANS
from infra.settings import KafkaSettings
from ingest.agents.missing_topics import require
from ingest.errors import BadRecord
from ingest.messages import RawMessage
from ingest.otlp.views import parse_logs, parse_traces
from ingest.topics.dead_letter import DeadLetter, read, read_retried
from ingest.topics.reader import log_reader

QUIET_S = 5.0
"""A topic that gives nothing for so long before its end has been read as far as it can be."""
UNREADABLE = "unreadable"
"""Kind of a message that is no dead letter of a readable version."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One dead letter without its bytes: ``offset`` says where it stands, ``kept`` whether it has any.

    ``at_ns`` is when it was written, ``retried_ns`` when its bytes were last sent again.
    """

    key: str
    offset: int
    at_ns: int
    kind: str
    reason: str
    topic: str | None = None
    partition: int | None = None
    source_offset: int | None = None
    tenant: str | None = None
    lineage: str | None = None
    service: str | None = None
    records: int = 0
    size: int = 0
    kept: bool = False
    retried_ns: int | None = None

    def why_not(self, *, force: bool) -> str | None:
        """Why its bytes are not to be sent again, if so."""
        if not self.kept:
            return "its bytes were not kept"
        if self.topic not in (SPANS.name, LOGS.name):
            return f"it does not come from {SPANS.name} or {LOGS.name}"
        if self.retried_ns is not None and not force:
            return "it was retried already"
        return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant; what is ``None`` or empty matches all."""

    keys: frozenset[str] = frozenset()
    kind: str | None = None
    tenant: str | None = None
    service: str | None = None
    since_ns: int = 0

    def matches(self, letter: Kept) -> bool:
        """Whether a letter is one of them."""
        return (
            (not self.keys or letter.key in self.keys)
            and self.kind in (None, letter.kind)
            and self.tenant in (None, letter.tenant)
            and self.service in (None, letter.service)
            and letter.at_ns >= self.since_ns
        )


def letters(settings: KafkaSettings) -> list[Kept]:
    """Every dead letter, oldest first; one that was written twice (a re-run) stands once.

    Raises
    ------
    Unavailable
        If Kafka does not answer.
    """
    found: dict[str, Kept] = {}
    for message, at_ns in messages(settings):
        key = (message.key or b"").decode(errors="replace")
        retried_ns = read_retried(message.value)
        if retried_ns is None:
            before = found.get(key)
            letter = _kept(key, message, at_ns)
            found[key] = letter if before is None else replace(letter, retried_ns=before.retried_ns)
        elif key in found:
            found[key] = replace(found[key], retried_ns=retried_ns)
    return sorted(found.values(), key=lambda k: k.offset)


def _kept(key: str, message: RawMessage, at_ns: int) -> Kept:
    try:
        letter = read(message.value)
    except BadRecord as error:
        return Kept(key, message.offset, at_ns, UNREADABLE, str(error), size=len(message.value))
    return Kept(
        key=key,
        offset=message.offset,
        at_ns=at_ns,
        kind=letter.kind,
        reason=letter.reason,
        topic=letter.source.topic,
        partition=letter.source.partition,
        source_offset=letter.source.offset,
        tenant=letter.envelope.tenant,
        lineage=letter.envelope.lineage,
        service=service_of(letter),
        records=letter.records,
        size=len(letter.value),
        kept=letter.envelope.redacted,
    )


def request_of(letter: DeadLetter) -> Any:
    """The OTLP request a letter holds.

    Raises
    ------
    BadRecord
        If it holds none.
    """
    if not letter.value:
        raise BadRecord("the bytes were not kept: no redactor has seen them, or they were too many")
    return parse_logs(letter.value) if letter.source.topic == LOGS.name else parse_traces(letter.value)


def service_of(letter: DeadLetter) -> str | None:
    """``service.name`` of its first resource."""
    try:
        request = request_of(letter)
    except BadRecord:
        return None
    groups = request.resource_logs if letter.source.topic == LOGS.name else request.resource_spans
    named = (a.value.string_value for g in groups for a in g.resource.attributes if a.key == "service.name")
    return next(named, None) or None


def messages(settings: KafkaSettings) -> Iterator[tuple[RawMessage, int]]:
    """Every message of the topic up to its present end, and when each was written (ns).

    Raises
    ------
    Unavailable
        If Kafka does not answer.
    """
    require(settings, (DEAD_LETTERS,))
    place = TopicPartition(DEAD_LETTERS.name, 0)
    with log_reader(settings, "lightship-dead-letters", fetch_bytes=8 << 20) as consumer:
        consumer.assign([place])
        consumer.seek_to_beginning(place)
        quiet_at = time.monotonic() + QUIET_S
        while time.monotonic() < quiet_at:
            end = consumer.highwater(place)
            if end is not None and consumer.position(place) >= end:
                return
            got: Mapping[Any, Any] = consumer.poll(timeout_ms=200, max_records=200)
            for m in got.get(place, ()):
                quiet_at = time.monotonic() + QUIET_S
                raw = RawMessage(m.topic, m.partition, m.offset, m.value or b"", m.key)
                yield raw, int(m.timestamp) * NS_PER_MS
