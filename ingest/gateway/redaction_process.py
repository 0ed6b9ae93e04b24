"""``python -m ingest.gateway.redaction_process``: takes requests apart for a gateway or relay.

It reads frames from its input and answers each on its output, one after the other; it ends with its input,
and with the process that started it. A frame is two lengths, a head in JSON and a body. The first
head is the configuration; every other describes an export request, whose bytes are the body.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.redaction import Budget, Meter
from infra.settings import RedactionSettings
from ingest.errors import BadRecord, IngestError
from ingest.gateway.parts import take_apart
from ingest.otlp.otlp_json import parse_json
from ingest.otlp.redact_otlp import Request
from ingest.otlp.redactors import Redactors
from ingest.otlp.views import parse

NICENESS = 5
"""Behind the event loops of the machine: probes and other senders are answered first."""
_LENGTHS = struct.Struct("!II")
US_PER_MS = 1000


def write_frame(to: BinaryIO, head: Mapping[str, Any], *body: bytes) -> None:
    """Write a frame; the body may come in pieces."""
    packed = orjson.dumps(head)
    to.write(_LENGTHS.pack(len(packed), sum(map(len, body))))
    to.write(packed)
    to.writelines(body)
    to.flush()


def read_frame(source: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """The next frame.

    Raises
    ------
    EOFError
        If there is none any more.
    """
    sizes = _exactly(source, _LENGTHS.size)
    head, body = _LENGTHS.unpack(sizes)
    return orjson.loads(_exactly(source, head)), _exactly(source, body)


def _exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data


class _Work:
    """Takes requests apart under one configuration."""

    def __init__(self, head: Mapping[str, Any]) -> None:
        settings = {t: RedactionSettings(types=tuple(types)) for t, types in head["redaction"].items()}
        budget = Budget(head["text_ms"], head["text_chars"])
        self._redactors = Redactors(Path(head["home"]), settings, budget)
        self._partitions: int = head["partitions"]
        self._request_us = round(head["request_ms"] * US_PER_MS)

    def answer(self, head: Mapping[str, Any], body: bytes, to: BinaryIO) -> None:
        """Write the answer to one request."""
        read: Any = parse_json if head["json"] else parse
        try:
            if head["signal"] == "metrics":
                read(ExportMetricsServiceRequest(), body)
                write_frame(to, {"records": 0, "pieces": []})
                return
            kind = ExportTraceServiceRequest if head["signal"] == "traces" else ExportLogsServiceRequest
            request: Request = read(kind(), body)
            parts = take_apart(
                request,
                self._redactors.of(head["tenant"]),
                self._partitions,
                Meter(self._request_us),
                synthetic=head["synthetic"],
            )
        except IngestError as error:
            write_frame(to, {"bad": isinstance(error, BadRecord), "error": str(error)})
            return
        except Exception as error:  # noqa: BLE001 - one request may not end the process; content is not quoted
            write_frame(to, {"bad": False, "error": f"a defect: {type(error).__name__}"})
            return
        described = {
            "records": parts.records,
            "rejected": parts.rejected,
            "removed": parts.removed,
            "pieces": [(p.partition, p.records, len(p.body)) for p in parts.pieces],
        }
        write_frame(to, described, *(p.body for p in parts.pieces))


def main() -> int:
    """Work until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started it ends it by closing its input
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    source, to = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    import detectors.redaction.windows  # noqa: F401, PLC0415 - numpy, before the first long text

    with contextlib.suppress(EOFError, BrokenPipeError):
        work = _Work(read_frame(source)[0])
        write_frame(to, {"ready": True})
        while True:
            work.answer(*read_frame(source), to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
