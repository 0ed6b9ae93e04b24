"""Invented raw messages and small scorers, for tests of stage 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.grid import FlagGrid, LogGrid
from detectors.observation import Mark, Observation, decode
from detectors.record import Record, Trace
from detectors.scorers.protocol import Scores, ScoreSpec
from infra.kafka import OBSERVATIONS
from infra.settings import DetectionSettings, KafkaSettings, Settings
from ingest.agents.score.scoring import Scoring
from ingest.messages import Output, RawMessage
from tests.ingest.telemetry import START_NS

RECEIVED_NS = START_NS + 10_000_000_000
HASH_KEY = b"sixteen bytes or"
PARTITIONS = 2

_LONG = LogGrid(1.0, 1e6)
SPECS: Mapping[str, ScoreSpec] = {
    s.name: s
    for s in (
        ScoreSpec("refusal", "Refusals", "flag", FlagGrid(), harmful=1, severity="page"),
        ScoreSpec("secrets", "Secrets in outputs", "flag", FlagGrid(), harmful=1, severity="page"),
        ScoreSpec("error", "Errors", "flag", FlagGrid(), harmful=1, severity="page"),
        ScoreSpec("prompt_length", "Prompt length", "positive", _LONG),
        ScoreSpec("output_length", "Output length", "positive", _LONG),
        ScoreSpec("latency_s", "Latency", "positive", LogGrid(1e-3, 1e4)),
        ScoreSpec("language", "Language", "category", None),
        ScoreSpec("steps", "Steps", "positive", _LONG, unit="trace"),
        ScoreSpec("tool_calls", "Tool calls", "positive", _LONG, unit="trace"),
    )
}


def score_records(records: Sequence[Record]) -> list[Scores]:
    """Scores of each record; a prompt that says so makes the scorer fail."""
    return [_score(r) for r in records]


def _score(record: Record) -> Scores:
    scores: Scores = {"error": float(bool(record.error)), "latency_s": record.duration_s or 0.0}
    if record.prompt is not None:
        if "unscorable" in record.prompt:
            raise ValueError("cannot be scored")
        scores["prompt_length"] = float(len(record.prompt))
        scores["language"] = "es" if "¿" in record.prompt else "en"
    if record.output is not None:
        scores["output_length"] = float(len(record.output))
        scores["refusal"] = float(record.output.startswith("I can't"))
        scores["secrets"] = float("hunter2" in record.output)
    return scores


def score_traces(traces: Sequence[Trace]) -> list[Scores]:
    """Steps and tool calls of each trace."""
    return [
        {"steps": float(len(t.steps)), "tool_calls": float(sum(s.kind == "tool" for s in t.steps))}
        for t in traces
    ]


SCORING = Scoring(score_records, score_traces, SPECS, {"small": "1"})
SETTINGS = Settings(kafka=KafkaSettings(partitions=PARTITIONS), detection=DetectionSettings(idle_s=30.0))


def raw(
    topic: str,
    partition: int,
    offset: int,
    request: Message | bytes,
    *,
    records: int | None = None,
    lineage: str = "live",
    tenant: str = "default",
    received_ns: int = RECEIVED_NS,
    more: Mapping[str, bytes] | None = None,
) -> RawMessage:
    """A message with the headers the gateway writes."""
    value = request if isinstance(request, bytes) else request.SerializeToString()
    headers = {
        "lightship-tenant": tenant.encode(),
        "lightship-lineage": lineage.encode(),
        "lightship-redacted": b"1",
        "lightship-records": str(count(request) if records is None else records).encode(),
        "lightship-received-at": str(received_ns).encode(),
    }
    return RawMessage(topic, partition, offset, value, headers={**headers, **(more or {})})


def count(request: Message | bytes) -> int:
    """Spans or log records of a request."""
    if isinstance(request, ExportTraceServiceRequest):
        return sum(len(inner.spans) for group in request.resource_spans for inner in group.scope_spans)
    if isinstance(request, ExportLogsServiceRequest):
        return sum(len(inner.log_records) for group in request.resource_logs for inner in group.scope_logs)
    return 0


def observations(outputs: Sequence[Output]) -> list[Observation]:
    """Observations among outputs."""
    found = [decode(o.value) for o in outputs if o.topic == OBSERVATIONS.name]
    return [m for m in found if isinstance(m, Observation)]


def marks(outputs: Sequence[Output]) -> list[tuple[int, Mark]]:
    """Marks among outputs, with the partition they go to."""
    return [
        (o.partition if o.partition is not None else -1, m)
        for o in outputs
        if o.topic == OBSERVATIONS.name and isinstance(m := decode(o.value), Mark)
    ]
