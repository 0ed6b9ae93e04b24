"""One log record with content of a model call (or a judgement of one), as it is stored.

Content comes before or after its span. It is kept as it came (redacted) and joined to the interaction when
both are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from detectors.observation import SourcePosition
from ingest.envelope import Envelope
from ingest.event_time import MAX_NS
from ingest.interaction import UNKNOWN_SERVICE
from ingest.otlp.assembly.assemble import EVALUATION_EVENT
from ingest.otlp.assembly.event_calls import digest_of
from ingest.otlp.dialects.genai import DETAILS_EVENTS
from ingest.otlp.dialects.values import text
from ingest.otlp.views import LogView
from ingest.repository.tables import CONTENT_RECORDS, Row

MAX_SHARED = 256
"""Characters kept of what many records of one message share."""

RecordKey = tuple[str, str, str, str, str]
"""Tenant, lineage, trace id, span id and hash: equal for a record that is sent again."""


@dataclass(frozen=True, slots=True)
class ContentRecord:
    """A log record, whose it is, and where it stood (``ordinal`` within its message).

    ``backfill``: it came later than what it tells of, and feeds no detector.
    """

    tenant: str
    lineage: str
    view: LogView
    source: SourcePosition
    ordinal: int
    received_ns: int
    hash: str
    backfill: bool = False

    @property
    def span_key(self) -> tuple[str, str, str, str]:
        """Tenant, lineage, trace id and span id; the ids are empty where the record has none."""
        return self.tenant, self.lineage, self.view.trace_id or "", self.view.span_id or ""

    @property
    def key(self) -> RecordKey:
        """What makes it the same record."""
        return (*self.span_key, self.hash)

    @property
    def joins(self) -> bool:
        """Whether it holds content of a span that can be told."""
        return bool(self.view.trace_id and self.view.span_id) and self.view.event != EVALUATION_EVENT

    @property
    def names_no_span(self) -> bool:
        """Whether it holds a whole call and nothing says of which span."""
        return self.view.event in DETAILS_EVENTS and not self.view.span_id

    @property
    def service(self) -> str:
        """Service of the record's resource."""
        return text(self.view.resource.get("service.name")) or UNKNOWN_SERVICE


def content_record(view: LogView, source: SourcePosition, ordinal: int, envelope: Envelope) -> ContentRecord:
    """A record of the message at ``source``."""
    return ContentRecord(
        envelope.tenant,
        envelope.lineage,
        view,
        source,
        ordinal,
        envelope.received_ns,
        digest_of(view),
        envelope.backfill,
    )


def to_row(record: ContentRecord) -> Row:
    """Row of ``content_records``."""
    v, s = record.view, record.source
    body = {
        "body": v.body,
        "attributes": v.attributes,
        "resource": _short(v.resource),
        "scope": v.scope[:MAX_SHARED],
        **({"backfill": True} if record.backfill else {}),
    }
    return (
        record.tenant, record.lineage, record.service, v.trace_id or "", v.span_id or "", v.event,
        record.ordinal, record.hash, _dumps(body).decode(), min(v.time_ns, MAX_NS),
        s.topic, s.partition, s.offset, record.received_ns,
    )  # fmt: skip


def _short(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The short values of a resource: it is stored with every record, and one may be megabytes."""
    return {k: v for k, v in resource.items() if isinstance(v, str) and len(k) + len(v) <= MAX_SHARED}


def from_row(row: Row) -> ContentRecord:
    """Inverse of `to_row`."""
    c = dict(zip(CONTENT_RECORDS.names, row, strict=True))
    body = orjson.loads(c["body"])
    view = LogView(
        c["trace_id"] or None, c["span_id"] or None, c["event_name"], int(c["at"]), body["body"],
        body["attributes"], body["resource"], body["scope"],
    )  # fmt: skip
    source = SourcePosition(c["source_topic"], c["source_partition"], c["source_offset"])
    return ContentRecord(
        c["tenant"], c["lineage"], view, source, c["ordinal"], int(c["received_at"]), c["record_hash"],
        body.get("backfill", False),
    )  # fmt: skip


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
