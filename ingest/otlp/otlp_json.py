"""OTLP/JSON to the same protobuf messages (opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).

It differs from protobuf's own JSON mapping in one point: trace and span ids are hexadecimal, not base64. Some
senders write base64 all the same, which is taken too: no id can be both. An id that is neither is as good as
none, so that it costs its own span and not the whole request.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from ingest.errors import BadRecord

M = TypeVar("M", bound=Message)

_ID_KEYS = {
    "traceId": 32, "spanId": 16, "parentSpanId": 16, "trace_id": 32, "span_id": 16, "parent_span_id": 16,
}  # fmt: skip
_MAX_DEPTH = 100


def parse_json(request: M, body: bytes) -> M:
    """Fill ``request`` from OTLP/JSON; unknown keys are ignored, as the protocol asks.

    Raises
    ------
    BadRecord
        If the body is not JSON, or not of the request's shape.
    """
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRecord(f"not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise BadRecord(f"an OTLP/JSON request is an object, got {type(tree).__name__}")
    _ids_to_base64(tree)
    try:
        json_format.ParseDict(tree, request, ignore_unknown_fields=True, max_recursion_depth=_MAX_DEPTH)
    except (json_format.ParseError, RecursionError) as error:
        raise BadRecord(f"not an OTLP/JSON {type(request).__name__}: {type(error).__name__}") from error
    return request


def to_json(request: Message) -> dict[str, Any]:
    """Inverse of `parse_json`, for people to read."""
    tree: dict[str, Any] = json_format.MessageToDict(request, use_integers_for_enums=True)
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            for key, value in node.items():
                if key in _ID_KEYS and isinstance(value, str):
                    node[key] = base64.b64decode(value).hex()
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return tree


def _ids_to_base64(tree: dict[str, Any]) -> None:
    """Rewrite ids in place."""
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
            continue
        if not isinstance(node, dict):
            continue
        for key, value in node.items():
            if isinstance(value, str):
                if key in _ID_KEYS:
                    node[key] = _id(value, _ID_KEYS[key])
            elif isinstance(value, dict | list):
                stack.append(value)


def _id(value: str, digits: int) -> str:
    """An id in base64; empty if it is none."""
    try:
        if len(value) == digits:
            return base64.b64encode(binascii.unhexlify(value)).decode()
        return value if len(base64.b64decode(value, validate=True)) == digits // 2 else ""
    except (binascii.Error, ValueError):
        return ""
