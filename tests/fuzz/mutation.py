"""Changes to requests that keep their shape, so that fuzzing gets past the parser to what lies behind it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.fuzz.seeds import KEYS, fragments

MOST_SPANS = 40
MOST_BYTES = 64 << 10
"""Inputs stay small: what grows is the business of the tests of time."""

_FRAGMENTS = fragments()
_TYPES = {"spans": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}


def mutated(target: str, data: bytes, rng: random.Random) -> bytes:
    """``data`` with one to four changes, of structure where ``target`` reads requests."""
    changed = _request(target, data, rng) if rng.random() < 0.8 else None
    return (_bytes(data, rng) if changed is None else changed)[:MOST_BYTES]


def _request(target: str, data: bytes, rng: random.Random) -> bytes | None:
    names = [target] if target in _TYPES else ["spans", "logs"] if target in ("redaction", "body") else []
    for name in names:
        request: Any = _TYPES[name]()
        try:
            request.ParseFromString(data)
        except DecodeError:
            continue
        holders = list(_holders(request))
        if not holders:
            continue
        for _ in range(rng.randint(1, 4)):
            rng.choice(_CHANGES)(rng.choice(holders), rng)
        return bytes(request.SerializeToString())
    if target == "text":
        return _text(data.decode("utf-8", "surrogateescape"), rng).encode("utf-8", "surrogateescape")
    return None


def _holders(request: Any) -> Iterator[Any]:
    """Every message of a request that has attributes, and lists of spans or records by their scope."""
    for group in request.resource_spans if hasattr(request, "resource_spans") else request.resource_logs:
        yield group.resource
        for inner in group.scope_spans if hasattr(group, "scope_spans") else group.scope_logs:
            yield inner
            for record in inner.spans if hasattr(inner, "spans") else inner.log_records:
                yield record
                yield from getattr(record, "events", ())
                yield from getattr(record, "links", ())


def _change_value(holder: Any, rng: random.Random) -> None:
    pairs = getattr(holder, "attributes", None)
    if not pairs:
        return
    value = rng.choice(list(pairs)).value
    for _ in range(3):  # into lists and maps
        kind = value.WhichOneof("value")
        inner = list(value.array_value.values) if kind == "array_value" else (
            [pair.value for pair in value.kvlist_value.values] if kind == "kvlist_value" else []
        )  # fmt: skip
        if not inner:
            break
        value = rng.choice(inner)
    _set(value, rng)


def _set(value: AnyValue, rng: random.Random) -> None:
    """Another text in place of a text, now and then another kind of value."""
    old = value.string_value
    roll = rng.random()
    if roll < 0.75:
        value.string_value = _text(old, rng).encode("utf-8", "replace").decode()
    elif roll < 0.8:
        value.bytes_value = rng.randbytes(rng.randrange(9)) or old.encode()
    elif roll < 0.85:
        value.int_value = rng.choice((0, -1, 4929123456789015, 2**63 - 1, -(2**63)))
    elif roll < 0.9:
        value.double_value = rng.choice((0.5, float("nan"), float("inf"), 4929123456789015.0, -1e308))
    elif roll < 0.95:
        kept = AnyValue()
        kept.CopyFrom(value)
        value.array_value.values.append(kept)
    else:
        kept = AnyValue()
        kept.CopyFrom(value)
        value.kvlist_value.values.add(key=rng.choice(KEYS)).value.CopyFrom(kept)


def _text(old: str, rng: random.Random) -> str:
    at, to = sorted((rng.randrange(len(old) + 1), rng.randrange(len(old) + 1)))
    match rng.randrange(8):
        case 0:
            return rng.choice(_FRAGMENTS)
        case 1:
            return old[:at]  # cut off
        case 2:
            return json.dumps({"content": old})
        case 3:
            return json.dumps([{"role": rng.choice(("user", "tool", "assistant")), "content": old}])
        case 4:
            return old[:to] + old[at:to] * rng.randint(1, 3) + old[to:]
        case 5:
            return old[:at] + old[to:]
        case _:
            return old[:at] + rng.choice(_FRAGMENTS) + old[at:]


def _change_key(holder: Any, rng: random.Random) -> None:
    pairs = getattr(holder, "attributes", None)
    if pairs:
        pair = rng.choice(list(pairs))
        old = pair.key
        pair.key = (
            rng.choice(KEYS) if rng.random() < 0.8 else _text(old, rng).encode("utf-8", "replace").decode()
        )


def _add_pair(holder: Any, rng: random.Random) -> None:
    pairs = getattr(holder, "attributes", None)
    if pairs is not None:
        _set(pairs.add(key=rng.choice(KEYS)).value, rng)


def _repeat_record(holder: Any, rng: random.Random) -> None:
    """Another span or record: the same, or beside, above or below one that is there."""
    records = getattr(holder, "spans", None) or getattr(holder, "log_records", None)
    if not records or len(records) >= MOST_SPANS:
        return
    new = records.add()
    new.CopyFrom(rng.choice(list(records[:-1])))
    roll = rng.random()
    if roll < 0.7:
        new.span_id = rng.randrange(1, 6).to_bytes(8, "big")
    if roll < 0.1:
        new.trace_id = rng.randrange(1, 3).to_bytes(16, "big")
    if hasattr(new, "parent_span_id") and roll < 0.5:
        new.parent_span_id = rng.choice(list(records)).span_id


def _change_times(holder: Any, rng: random.Random) -> None:
    for name in ("start_time_unix_nano", "end_time_unix_nano", "time_unix_nano", "observed_time_unix_nano"):
        if hasattr(holder, name) and rng.random() < 0.5:
            old = getattr(holder, name)
            setattr(
                holder, name, rng.choice((0, 1, min(old + 1, 2**64 - 1), max(old - 1, 0), 2**64 - 1, 2**63))
            )


def _change_name(holder: Any, rng: random.Random) -> None:
    for name in ("name", "event_name", "trace_state", "severity_text"):
        if hasattr(holder, name) and rng.random() < 0.5:
            word = _text(getattr(holder, name), rng)
            setattr(holder, name, word.encode("utf-8", "replace").decode())
    if hasattr(holder, "body"):
        _set(holder.body, rng)


_CHANGES: tuple[Callable[[Any, random.Random], None], ...] = (
    _change_value, _change_value, _change_value, _change_key, _add_pair, _repeat_record, _change_times,
    _change_name,
)  # fmt: skip


def _bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, dropped, repeated or put in, without regard to what they mean."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(4):
            case 0:
                out[at:at] = rng.choice(_FRAGMENTS).encode("utf-8", "surrogatepass")
            case 1:
                del out[at : at + rng.randint(1, 8)]
            case 2:
                out[at:at] = out[max(0, at - rng.randint(1, 32)) : at]
            case _:
                if at < len(out):
                    out[at] = rng.randrange(256)
    return bytes(out)
