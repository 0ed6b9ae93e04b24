"""Rows of stage 2 that the store can never hold, as dead letters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from zlib import crc32

from detectors.observation import SourcePosition
from ingest.dead_letters.letter import DeadLetter, to_output
from ingest.envelope import Envelope
from ingest.messages import Output

NOT_STORABLE = "not_storable"


def refused_row(room: str, table: str, row: Sequence[object] | object, reason: str) -> Output:
    """The dead letter of a row: equal rows give equal letters. What stage 2 has holds no text of users."""
    value = json.dumps(row, default=_plain).encode()
    where = SourcePosition(f"{room}:{table}", 0, 0)
    envelope = Envelope(*_owner(row), declared=0, received_ns=0, redacted=True)
    return to_output(DeadLetter(where, envelope, NOT_STORABLE, f"{table}: {reason}", 0, value, crc32(value)))


def _owner(row: object) -> tuple[str, str]:
    names = row[:2] if isinstance(row, list | tuple) else ()
    tenant, lineage = (
        names if len(names) == 2 and all(isinstance(n, str) for n in names) else ("default", "live")
    )
    return str(tenant), str(lineage)


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
