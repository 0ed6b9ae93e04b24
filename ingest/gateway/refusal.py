"""Every way a request is turned away, in one table: its HTTP status, its gRPC code, whether to try again.

Sources: OTLP specification 1.x (failures, throttling); ``google.rpc.Code``. A client may send again what got
429 or 503, or UNAVAILABLE, or RESOURCE_EXHAUSTED with ``RetryInfo``; anything else it drops.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from ingest.errors import BadRecord, DiskFull, IngestError, TooLarge, Unavailable, UnknownEncoding

RETRY_AFTER_S = 1
"""Above an SDK's own deadline (10 s in all) a client drops the batch at once instead of waiting."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why. ``name`` is the label it is counted under, ``code`` of ``google.rpc.Code``."""

    name: str
    status: int
    code: int
    retry: bool = False


HOST = Reason("host", 421, 3)
ORIGIN = Reason("origin", 403, 7)
PATH = Reason("path", 404, 5)
METHOD = Reason("method", 405, 12)
CONTENT_TYPE = Reason("content_type", 415, 3)
ENCODING = Reason("encoding", 415, 3)
KEY = Reason("key", 401, 16)
REVOKED = Reason("key_revoked", 403, 7)
BLOCKED = Reason("tenant_blocked", 403, 7)
BAD_REQUEST = Reason("bad_request", 400, 3)
TOO_LARGE = Reason("too_large", 413, 8)
TOO_SLOW = Reason("too_slow", 408, 4)
QUOTA = Reason("quota", 429, 8, retry=True)
MEMORY = Reason("memory", 503, 14, retry=True)
BUSY = Reason("busy", 503, 8, retry=True)
TOO_COSTLY = Reason("too_costly", 413, 3)
UNAVAILABLE = Reason("unavailable", 503, 14, retry=True)
DISK = Reason("disk_full", 503, 8, retry=True)
DEFECT = Reason("defect", 500, 13)

ANSWERED = (
    HOST, ORIGIN, PATH, METHOD, CONTENT_TYPE, ENCODING, KEY, REVOKED, BLOCKED, BAD_REQUEST, TOO_LARGE,
    TOO_SLOW, QUOTA, MEMORY, BUSY, TOO_COSTLY, UNAVAILABLE, DISK, DEFECT,
)  # fmt: skip
"""Reasons with an answer."""
CLIENT_GONE, CONNECTIONS, SLOW_HEADER, LARGE_HEADER, SLOW_BODY = UNHEARD = (
    "client_gone", "connections", "slow_header", "large_header", "slow_body",
)  # fmt: skip
"""Connections that end without an answer of the protocol: too many of them, or they hold one up."""
INVALID_ID, RECORD_TOO_LARGE, OVER_BUDGET = RECORDS = (
    "invalid_id", "record_too_large", "over_redaction_budget",
)  # fmt: skip
"""Reasons for which single spans or log records are not taken; the rest of their request is."""

REASONS = (*(r.name for r in ANSWERED), *UNHEARD, *RECORDS)
"""Every label of the metric."""


class Refused(IngestError):
    """A request that is turned away; the message goes to the client."""

    def __init__(self, reason: Reason, message: str, retry_after_s: float = RETRY_AFTER_S) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_s = max(1, math.ceil(retry_after_s)) if reason.retry else None

    def status(self) -> status_pb2.Status:
        """The body of the answer, with ``RetryInfo`` where a retry can help."""
        out = status_pb2.Status(code=self.reason.code, message=str(self))
        if self.retry_after_s is not None:
            delay = Duration(seconds=self.retry_after_s)
            out.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        return out


class TooSlow(IngestError):
    """The body did not arrive in time (408)."""


_OF: tuple[tuple[type[IngestError], Reason], ...] = (
    (TooLarge, TOO_LARGE),
    (UnknownEncoding, ENCODING),
    (BadRecord, BAD_REQUEST),
    (TooSlow, TOO_SLOW),
    (DiskFull, DISK),
    (Unavailable, UNAVAILABLE),
)


def refused(error: Exception) -> Refused:
    """What a client is told about an error; of a defect only that it is one."""
    if isinstance(error, Refused):
        return error
    for kind, reason in _OF:
        if isinstance(error, kind):
            return Refused(reason, str(error))
    return Refused(DEFECT, "a defect of the gateway, see its log")
