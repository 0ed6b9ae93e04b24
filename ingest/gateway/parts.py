"""A request taken apart: refused records out, redacted, split by partition. Pure computation.

It is what costs processor time, and the same in the gateway's own process and in one for redaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.redaction import Meter, OverBudget
from ingest.gateway.refusal import OVER_BUDGET
from ingest.gateway.splitting import Piece, drop_invalid, split
from ingest.otlp.dialects.span_facts import SYNTHETIC
from ingest.otlp.redact_otlp import Request, RequestRedactor, count_records


@dataclass(frozen=True, slots=True)
class Parts:
    """What a request came to: ``records`` it brought, those ``rejected`` by reason, values ``removed``."""

    records: int
    pieces: list[Piece]
    rejected: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)


def take_apart(
    request: Request, redactor: RequestRedactor, partitions: int, allowance: Meter, *, synthetic: bool
) -> Parts:
    """Redact a request (in place) and split it; what ``allowance`` does not reach is rejected."""
    records = count_records(request)
    rejected = drop_invalid(request)
    beyond = redactor.within(request, allowance)
    if beyond:
        rejected[OVER_BUDGET] = beyond
    return _split(request, redactor, partitions, records, rejected, synthetic=synthetic)


def take_apart_at_once(
    request: Request, redactor: RequestRedactor, partitions: int, allowance: Meter, *, synthetic: bool
) -> Parts | None:
    """The same; ``None`` if it costs more than ``allowance``, and the request is of no use then."""
    records = count_records(request)
    rejected = drop_invalid(request)
    try:
        for _ in redactor.steps(request, allowance):
            pass
    except OverBudget:
        redactor.take_counts()
        return None
    return _split(request, redactor, partitions, records, rejected, synthetic=synthetic)


def _split(
    request: Request,
    redactor: RequestRedactor,
    partitions: int,
    records: int,
    rejected: dict[str, int],
    *,
    synthetic: bool,
) -> Parts:
    if synthetic:
        mark_synthetic(request)
    return Parts(records, split(request, partitions), rejected, redactor.take_counts())


def mark_synthetic(request: Request) -> None:
    """Say of every resource of a redacted request that no person is behind it."""
    if isinstance(request, ExportTraceServiceRequest):
        resources = [group.resource for group in request.resource_spans]
    else:
        resources = [group.resource for group in request.resource_logs]
    for resource in resources:
        resource.attributes.add(key=SYNTHETIC).value.bool_value = True
