"""Where fuzzing begins: real requests, golden files, and fragments that readers and redactors look for."""

from __future__ import annotations

import json
import random
from pathlib import Path

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from detectors.observation import SourcePosition
from ingest.envelope import Envelope
from ingest.topics.dead_letter import DeadLetter, to_output
from tests.canaries import log_request, trace_request
from tests.detectors.redaction import plants
from tests.garden import Garden
from tests.ingest.telemetry import START_NS, chat, log, logs, span, traces

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
CORPUS = FIXTURES / "fuzz"
SEED = 11

KEYS = (
    "gen_ai.operation.name", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions",
    "gen_ai.tool.definitions", "gen_ai.tool.call.arguments", "gen_ai.response.id", "gen_ai.response.model",
    "gen_ai.response.finish_reasons", "gen_ai.usage.input_tokens", "gen_ai.prompt.0.content",
    "gen_ai.prompt.0.role", "gen_ai.completion.0.content", "gen_ai.completion.0.tool_calls.0.arguments",
    "gen_ai.retrieval.documents", "gen_ai.event.content", "gen_ai.evaluation.name", "event.name", "events",
    "openinference.span.kind", "llm.input_messages.0.message.role", "llm.input_messages.0.message.content",
    "llm.input_messages.0.message.contents.0.message_content.text", "llm.output_messages.0.message.content",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", "llm.invocation_parameters",
    "llm.model_name", "llm.tools.0.tool.json_schema", "input.value", "output.value", "metadata",
    "embedding.embeddings.0.embedding.text", "retrieval.documents.0.document.content",
    "annotations.0.annotation.score", "ai.operationId", "ai.prompt", "ai.prompt.messages", "ai.response.text",
    "ai.response.toolCalls", "ai.prompt.tools", "ai.usage.inputTokens", "langfuse.observation.type",
    "langfuse.observation.input", "langfuse.observation.output", "langfuse.observation.usage_details",
    "langfuse.observation.completion_start_time", "traceloop.span.kind", "traceloop.entity.input",
    "llm.request.type", "llm.request.functions.0.parameters", "user.id", "session.id", "error.type",
    "lightship.redactions", "service.name", "http.response.status_code",
)  # fmt: skip
"""Keys of attributes that some reader looks for."""

WORDS = (
    "chat", "embeddings", "execute_tool", "invoke_agent", "LLM", "EMBEDDING", "TOOL", "generation",
    "ai.generateText.doGenerate", "__REDACTED__", "null", "NaN", "1e400", "-1", "true", "[]", "{}", '""',
    '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]', '{"messages":[{"role":"user","content":"',
    '{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\\"a\\":1}"}}]}',
    '[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"https://x.test/a.png"}}]',
    '{"lc":1,"type":"constructor","id":["langchain","HumanMessage"],"kwargs":{"content":"a"}}',
    '{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}',
    '{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}', '{"data":[{"url":"https://x.test/b.png"}]}',
    '{"cache_read_input_tokens":1,"input_tokens":2}', "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
    "\\u0040", "\\ud83d", "\\", '\\"', "\\\\n", '"', "'", "{", "}", "[", "]", ",", ":", " ", "\n", "\x00",
    "\u200b", "@", "://", "é", "пароль: ", "电话", "password=", '"user_id": "', "Bearer ", "[email:", "sk-",
    "-----BEGIN PRIVATE KEY-----", "ot=th:8", "data:image/png;base64,", "4111 1111 1111 1111", "0049",
)  # fmt: skip
"""Values and pieces of values that some reader or redactor looks for."""


def fragments() -> tuple[str, ...]:
    """`WORDS` and one invented value of every kind that is removed."""
    secrets = [plants.secret(kind, random.Random(kind))[0] for kind in plants.SECRET_KINDS]
    return (*WORDS, *secrets, *(value for _, value in plants.PERSONAL), *plants.NOT_PERSONAL)


def recorded(ending: str) -> list[bytes]:
    """Bodies among the fixtures whose names end like this, by name."""
    return [path.read_bytes() for path in sorted(FIXTURES.rglob(f"*{ending}"))]


def _traces() -> list[bytes]:
    made: list[ExportTraceServiceRequest] = [
        trace_request(Garden("fuzz", SEED), START_NS),
        traces(span(chat(), span_id=2, parent=1), span({"gen_ai.operation.name": "invoke_agent"}, span_id=1)),
    ]
    return [*recorded(".traces.binpb"), *(request.SerializeToString() for request in made)]


def _logs() -> list[bytes]:
    made: list[ExportLogsServiceRequest] = [
        log_request(Garden("fuzz", SEED), START_NS),
        logs(log("gen_ai.user.message", body={"content": "hi"}), log("gen_ai.choice", body={"index": 0})),
    ]
    return [*recorded(".logs.binpb"), *(request.SerializeToString() for request in made)]


def _json() -> list[bytes]:
    out = []
    for message, bodies in ((ExportTraceServiceRequest, _traces()), (ExportLogsServiceRequest, _logs())):
        for data in bodies:
            tree = json_format.MessageToDict(message.FromString(data))
            out.append(json.dumps(tree).encode())
    return out


def _dead_letters() -> list[bytes]:
    envelope = Envelope("default", "live", 1, START_NS)
    source = SourcePosition("otlp_spans", 1, 7)
    letters = [
        DeadLetter(source, envelope, "bad_span", "ValueError: x", 1, _traces()[-1], 0),
        DeadLetter(source, envelope, "not_otlp", "BadRecord: y", 3, b"\x01\x02"),
    ]
    return [to_output(letter).value for letter in letters]


def seeds() -> dict[str, list[bytes]]:
    """Inputs to begin with, by target."""
    spans_, logs_, json_ = _traces(), _logs(), _json()
    return {
        "spans": spans_,
        "logs": logs_,
        "json": json_,
        "redaction": [*spans_, *logs_],
        "text": [fragment.encode("utf-8", "surrogatepass") for fragment in fragments()],
        "body": [*spans_[-2:], *logs_[-2:], *json_[-2:], *recorded(".scores.json")],
        "observation": recorded("observation.v1.bin"),
        "snapshot": recorded("snapshot.v1.bin"),
        "dead_letter": _dead_letters(),
    }


def corpus(target: str) -> list[bytes]:
    """Inputs that were found to reach code the seeds do not reach, or that once broke it."""
    return [path.read_bytes() for path in sorted((CORPUS / target).glob("*.bin"))]
