"""What could not be processed, kept with its reason: one JSON message on ``dead_letters`` per record.

A dead letter holds the redacted bytes as they came (zstd, base64), where they stood and why they failed.
Bytes that no redactor has seen are never kept: their length and hash stand for them. A letter whose bytes
were sent again is followed by a message of its key that says so.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from types import NoneType
from typing import Any

import orjson
import zstandard

from detectors.encodable import encodable
from detectors.observation import SourcePosition
from infra.kafka import DEAD_LETTERS
from ingest.compression import decompress
from ingest.envelope import Envelope
from ingest.errors import BadRecord
from ingest.messages import Output

VERSION = 1
MAX_REASON = 300
MAX_PLAIN_BYTES = 128 << 20
"""Bytes that are read back, more than any message has."""
MAX_BYTES = 32 << 20
"""Bytes (compressed) a dead letter may hold; the topic takes messages of 64 MiB."""


_TYPES: dict[tuple[str, ...], type | tuple[type, ...]] = {
    ("topic", "tenant", "lineage", "kind", "reason"): str,
    ("partition", "offset", "received_ns", "records", "bytes"): int,
    ("ordinal",): (int, NoneType),
    ("value_zstd",): (str, NoneType),
}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record (``ordinal`` counts them within their message) or a whole message (``ordinal`` is ``None``).

    ``records`` is how many spans or log records it stands for in the account, ``kind`` a short name of the
    reason for that account, ``value`` an OTLP request holding exactly them.
    """

    source: SourcePosition
    envelope: Envelope
    kind: str
    reason: str
    records: int
    value: bytes
    ordinal: int | None = None

    def key(self) -> str:
        """``topic/partition/offset`` with ``/ordinal`` for one record of a message: the same on a re-run."""
        s = self.source
        place = f"{s.topic}/{s.partition}/{s.offset}"
        return place if self.ordinal is None else f"{place}/{self.ordinal}"


def to_output(letter: DeadLetter) -> Output:
    """The message to send; equal letters give equal bytes."""
    packed = zstandard.ZstdCompressor(level=3).compress(letter.value)
    kept = letter.envelope.redacted and len(packed) <= MAX_BYTES
    body = {
        "v": VERSION,
        "topic": letter.source.topic,
        "partition": letter.source.partition,
        "offset": letter.source.offset,
        "ordinal": letter.ordinal,
        "tenant": encodable(letter.envelope.tenant),
        "lineage": encodable(letter.envelope.lineage),
        "received_ns": letter.envelope.received_ns,
        "backfill": letter.envelope.backfill,
        "policy": encodable(letter.envelope.policy),
        "kind": encodable(letter.kind),
        "reason": encodable(letter.reason[:MAX_REASON]),
        "records": letter.records,
        "bytes": len(letter.value),
        "sha256": hashlib.sha256(letter.value).hexdigest(),
        "value_zstd": base64.b64encode(packed).decode() if kept else None,
    }
    return Output(DEAD_LETTERS.name, letter.key().encode(), orjson.dumps(body), 0)


def read(value: bytes) -> DeadLetter:
    """Inverse of `to_output`; ``value`` of the result is empty where the bytes were not kept.

    Raises
    ------
    BadRecord
        If the bytes are not a dead letter of a readable version.
    """
    try:
        body = orjson.loads(value)
        if body["v"] != VERSION:
            raise BadRecord(f"dead letter version {body['v']!r:.20} is not readable, expected {VERSION}")
        _check_types(body)
        packed = body["value_zstd"]
        return DeadLetter(
            source=SourcePosition(body["topic"], body["partition"], body["offset"]),
            envelope=Envelope(
                body["tenant"],
                body["lineage"],
                body["records"],
                body["received_ns"],
                backfill=bool(body.get("backfill")),
                redacted=packed is not None,
                policy=str(body.get("policy") or ""),
            ),
            kind=body["kind"],
            reason=body["reason"],
            records=body["records"],
            value=b"" if packed is None else _unpack(packed),
            ordinal=body["ordinal"],
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadRecord(f"not a dead letter: {error}") from error


def retried_output(key: str, at_ns: int) -> Output:
    """The message that says a letter's bytes were sent again, to stand behind it."""
    return Output(DEAD_LETTERS.name, key.encode(), orjson.dumps({"v": VERSION, "retried_ns": at_ns}), 0)


def read_retried(value: bytes) -> int | None:
    """When a letter was sent again, if that is what a message says."""
    try:
        body = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    at_ns = body.get("retried_ns") if isinstance(body, dict) else None
    return at_ns if isinstance(at_ns, int) else None


def _check_types(body: dict[str, Any]) -> None:
    """Every field must be of its type: whoever lists letters sorts and counts by them.

    Raises
    ------
    TypeError
        If one is not; the message names it.
    """
    for names, kinds in _TYPES.items():
        for name in names:
            value = body[name]
            if not isinstance(value, kinds) or isinstance(value, bool):
                raise TypeError(f"{name} is of type {type(value).__name__}")


def _unpack(packed: str) -> bytes:
    return decompress(base64.b64decode(packed), "zstd", MAX_PLAIN_BYTES)
