"""What stage 2 and the fleet cannot use, as dead letters: rows the store can never hold, unreadable messages.

Neither holds text of users: stage 1 sends on what it has measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from zlib import crc32

from detectors.observation import SourcePosition, WrongFormat
from ingest.envelope import Envelope
from ingest.messages import Output, RawMessage
from ingest.topics.dead_letter import DeadLetter, to_output

NOT_STORABLE, UNDECODABLE = "not_storable", "undecodable"
_UNKNOWN = "default", "live"
"""Tenant and lineage of what does not say whose it is."""


def refused_row(room: str, table: str, row: Sequence[object] | object, reason: str) -> Output:
    """The dead letter of a row: equal rows give equal letters."""
    value = json.dumps(row, default=_plain).encode()
    where = SourcePosition(f"{room}:{table}", 0, 0)
    envelope = Envelope(*_owner(row), declared=0, received_ns=0, redacted=True)
    return to_output(DeadLetter(where, envelope, NOT_STORABLE, f"{table}: {reason}", 0, value, crc32(value)))


def unreadable_message(raw: RawMessage, error: WrongFormat) -> Output:
    """The dead letter of a message of ours that is torn or of another version, under its place in the log.

    Whose it is stands in what cannot be read: the default tenant has it.
    """
    where = SourcePosition(raw.topic, raw.partition, raw.offset)
    envelope = Envelope(*_UNKNOWN, declared=0, received_ns=0, redacted=True)
    return to_output(DeadLetter(where, envelope, UNDECODABLE, str(error), 0, raw.value))


def _owner(row: object) -> tuple[str, str]:
    names = row[:2] if isinstance(row, list | tuple) else ()
    tenant, lineage = names if len(names) == 2 and all(isinstance(n, str) for n in names) else _UNKNOWN
    return str(tenant), str(lineage)


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
