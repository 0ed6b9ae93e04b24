"""What the headers of a raw message say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from detectors.observation import SourcePosition
from infra import kafka
from ingest.errors import BadRecord
from ingest.messages import RawMessage

T = TypeVar("T")

MAX_NAME = 256
"""Characters of a tenant or lineage; longer ones are no names."""

MAX_NS = (1 << 63) - 1
MAX_RECORDS = (1 << 32) - 1
"""What the account of a message can hold."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The headers of a raw message.

    ``declared`` is how many spans or log records the sender put in, ``received_ns`` when the gateway had
    them. ``event_ns`` moves the lineage's clock without data; ``ended`` says the lineage gets no more of it
    on this partition; ``backfill`` rows are stored and never feed a detector or move a clock; ``redacted``
    says the values passed a redactor, of the version ``policy``; ``retry_of`` is the key of the dead letter
    whose bytes are sent again.
    """

    tenant: str
    lineage: str
    declared: int
    received_ns: int
    event_ns: int | None = None
    ended: bool = False
    backfill: bool = False
    redacted: bool = True
    policy: str = ""
    retry_of: str | None = None


def position_of(raw: RawMessage) -> SourcePosition:
    """Where a message stood."""
    return SourcePosition(raw.topic, raw.partition, raw.offset)


def read_envelope(headers: Mapping[str, bytes]) -> Envelope:
    """Headers of a raw message.

    Raises
    ------
    BadRecord
        If one that every message carries is missing or is not of its form; the message names it.
    """
    return Envelope(
        tenant=_name(headers, kafka.HEADER_TENANT),
        lineage=_name(headers, kafka.HEADER_LINEAGE),
        declared=_number(headers, kafka.HEADER_RECORDS, MAX_RECORDS),
        received_ns=_number(headers, kafka.HEADER_RECEIVED_AT),
        event_ns=_number(headers, kafka.HEADER_EVENT_TIME) if kafka.HEADER_EVENT_TIME in headers else None,
        ended=kafka.HEADER_LINEAGE_END in headers,
        backfill=kafka.HEADER_BACKFILL in headers,
        redacted=bool(headers.get(kafka.HEADER_REDACTED)),
        policy=_text(headers, kafka.HEADER_REDACTED),
        retry_of=_text(headers, kafka.HEADER_DEAD_LETTER) or None,
    )


def salvage_envelope(headers: Mapping[str, bytes]) -> Envelope:
    """As much as can be read, for the account of a message that is a dead letter anyway."""
    return Envelope(
        tenant=_or(lambda: _name(headers, kafka.HEADER_TENANT), "default"),
        lineage=_or(lambda: _name(headers, kafka.HEADER_LINEAGE), "live"),
        declared=_or(lambda: _number(headers, kafka.HEADER_RECORDS, MAX_RECORDS), 0),
        received_ns=_or(lambda: _number(headers, kafka.HEADER_RECEIVED_AT), 0),
        backfill=kafka.HEADER_BACKFILL in headers,
        redacted=bool(headers.get(kafka.HEADER_REDACTED)),
        policy=_text(headers, kafka.HEADER_REDACTED),
        retry_of=_text(headers, kafka.HEADER_DEAD_LETTER) or None,
    )


def _text(headers: Mapping[str, bytes], name: str) -> str:
    """A header that nothing hangs on, as text."""
    return headers.get(name, b"")[:MAX_NAME].decode(errors="replace")


def _or(read: Callable[[], T], default: T) -> T:
    try:
        return read()
    except BadRecord:
        return default


def _name(headers: Mapping[str, bytes], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise BadRecord(f"header {name} is missing")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise BadRecord(f"header {name} is not UTF-8") from error
    if len(text) > MAX_NAME:
        raise BadRecord(f"header {name} has {len(text)} characters, at most {MAX_NAME} are a name")
    return text


def _number(headers: Mapping[str, bytes], name: str, most: int = MAX_NS) -> int:
    value = headers.get(name)
    if not value:
        raise BadRecord(f"header {name} is missing")
    if len(value) > 19 or not value.isdigit() or int(value) > most:
        raise BadRecord(f"header {name} = {value[:24]!r} is not a number of 0 to {most}")
    return int(value)
