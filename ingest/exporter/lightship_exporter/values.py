"""Values, resources and scopes of the SDK as OTLP protobuf (opentelemetry-proto 1.x)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.sdk.util.instrumentation import InstrumentationScope as SdkScope

INT64 = range(-(1 << 63), 1 << 63)
MAX_DEPTH = 64


def fill_value(out: AnyValue, value: Any, depth: int = 0) -> None:
    """Set ``out`` to a value; what OTLP cannot hold becomes its text, never an error."""
    if value is None:
        return
    if isinstance(value, str):
        _fill_text(out, value)
    elif isinstance(value, bool):
        out.bool_value = value
    elif isinstance(value, int):
        if value in INT64:
            out.int_value = value
        else:
            out.string_value = str(value)
    elif isinstance(value, float):
        out.double_value = value
    elif isinstance(value, bytes):
        out.bytes_value = value
    elif depth < MAX_DEPTH and isinstance(value, Mapping):
        out.kvlist_value.SetInParent()
        for key, inner in value.items():
            fill_value(_add(out.kvlist_value.values, key), inner, depth + 1)
    elif depth < MAX_DEPTH and isinstance(value, Sequence):
        out.array_value.SetInParent()
        for inner in value:
            fill_value(out.array_value.values.add(), inner, depth + 1)
    else:
        _fill_text(out, str(value))


def fill_attributes(out: Any, attributes: Mapping[str, Any] | None) -> None:
    """Append attributes to a repeated ``KeyValue``."""
    for key, value in (attributes or {}).items():
        fill_value(_add(out, key), value)


def fill_scope(out: InstrumentationScope, scope: SdkScope | None) -> str:
    """Set ``out`` to a scope; returns its schema URL."""
    if scope is None:
        return ""
    out.name = scope.name
    out.version = scope.version or ""
    fill_attributes(out.attributes, scope.attributes)
    return scope.schema_url or ""


def text(value: str) -> str:
    """Text as protobuf takes it: lone surrogates (as in text cut within a character) are replaced."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="replace").decode()
    return value


def _add(pairs: Any, key: Any) -> AnyValue:
    pair: KeyValue = pairs.add()
    pair.key = text(str(key))
    return pair.value


def _fill_text(out: AnyValue, value: str) -> None:
    try:
        out.string_value = value
    except (UnicodeEncodeError, ValueError):
        out.string_value = text(value)
