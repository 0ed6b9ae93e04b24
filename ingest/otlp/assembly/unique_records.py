"""One record for each that was sent, however often, in an order that does not depend on how it came."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from ingest.otlp.assembly.duplicates import SpanId
from ingest.otlp.views import LogView, SpanView


def canonical(value: Any) -> str:
    """JSON of a value, equal for equal ones."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def unique_spans(spans: Sequence[SpanView]) -> tuple[dict[SpanId, SpanView], int]:
    """One span per id: of different versions the latest and fullest. Sorted by start for all that follows."""
    out: dict[SpanId, SpanView] = {}
    texts = Texts()
    repeated = 0
    for span in spans:
        key = (span.trace_id, span.span_id)
        have = out.get(key)
        if have is None:
            out[key] = span
            continue
        repeated += 1
        if have == span:
            continue
        mine, theirs = _fullness(span), _fullness(have)
        if mine > theirs or (mine == theirs and texts.is_later(span, have)):
            out[key] = span
    if len(out) > 1:
        out = dict(sorted(out.items(), key=lambda item: (item[1].start_ns, item[0])))
    return out, repeated


def _fullness(span: SpanView) -> tuple[int, int, int]:
    return span.end_ns, len(span.attributes), len(span.events)


class Texts:
    """Orders records by all they say; each span, and each resource that many share, is written out once."""

    def __init__(self) -> None:
        self._spans: dict[int, str] = {}
        self._resources: dict[int, str] = {}

    def is_later(self, a: SpanView, b: SpanView) -> bool:
        """Whether ``a`` comes after ``b``."""
        mine, theirs = self._text(a), self._text(b)
        return mine > theirs if mine != theirs else self.resource(a) > self.resource(b)

    def _text(self, span: SpanView) -> str:
        if id(span) not in self._spans:
            said = {f.name: getattr(span, f.name) for f in fields(span) if f.name != "resource"}
            said["events"] = [[e.name, e.time_ns, e.attributes] for e in span.events]
            self._spans[id(span)] = canonical(said)
        return self._spans[id(span)]

    def resource(self, record: SpanView | LogView) -> str:
        """Its resource, written out."""
        key = id(record.resource)
        if key not in self._resources:
            self._resources[key] = canonical(record.resource)
        return self._resources[key]
