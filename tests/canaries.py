"""Requests of telemetry with something planted in every kind of value they have."""

from __future__ import annotations

import json
import random
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import EntityRef
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.garden import KINDS, TYPED, Garden
from tests.ingest.telemetry import any_value, pairs

SERVICE = "canary-cage"
UNKNOWN_FIELD = 1999


def trace_request(garden: Garden, at_ns: int) -> ExportTraceServiceRequest:
    """A request of traces with something in every place that can hold it."""
    g = garden
    out = ExportTraceServiceRequest()
    group = out.resource_spans.add(schema_url=f"https://schemas.test/{g.name_of('schema URL')}")
    resource = {
        "service.name": SERVICE,
        "deployment.environment.name": "test",
        "service.version": f"7-{g.name_of('release')}",
        "process.command_args": ["--verbose", g.text("resource list")],
        f"team {g.name_of('resource key')}": 1,
        "lightship.redactions": g.bare("own attribute of a resource", "unusual"),
    }
    group.resource.attributes.extend(pairs(resource))
    group.resource.entity_refs.append(
        EntityRef(type=g.name_of("entity type"), id_keys=[g.name_of("entity key")])
    )
    scope = group.scope_spans.add(schema_url=f"https://schemas.test/{g.name_of('schema URL of a scope')}")
    scope.scope.name = g.line("scope name")
    scope.scope.version = g.line("scope version")
    scope.scope.attributes.extend(pairs({"a": g.text("scope attribute"), g.name_of("scope key"): 1}))
    spans = [_every_value(g), _chat(g), _parts(g), _failed(g), _tool(g)]
    for number, span in enumerate(spans):
        span.trace_id, span.span_id = _ids(g, number)
        span.start_time_unix_nano = at_ns + number * 1_000_000
        span.end_time_unix_nano = span.start_time_unix_nano + 700_000_000
    scope.spans.extend(spans)
    for place, message in (
        ("a request", out),
        ("a resource", group.resource),
        ("a scope", scope.scope),
        ("a span", scope.spans[0]),
        ("an event", scope.spans[0].events[0]),
        ("a link", scope.spans[0].links[0]),
        ("an attribute", scope.spans[0].attributes[0]),
        ("a value", scope.spans[0].attributes[0].value),
    ):
        message.MergeFromString(_unknown(g.bare(f"unknown field of {place}", "unusual")))
    return out


def log_request(garden: Garden, at_ns: int) -> ExportLogsServiceRequest:
    """A request of log records with something in every place that can hold it."""
    g = garden
    out = ExportLogsServiceRequest()
    group = out.resource_logs.add()
    group.resource.attributes.extend(
        pairs({"service.name": SERVICE, "host.note": g.text("resource of logs")})
    )
    scope = group.scope_logs.add()
    scope.scope.name = g.line("scope name of logs")
    bodies: list[tuple[str, Any]] = [
        ("gen_ai.user.message", {"content": g.text("legacy question"), g.name_of("key of a body"): "x"}),
        ("gen_ai.choice", {"message": {"content": g.text("legacy answer")}, "finish_reason": "stop"}),
        ("app.text", g.text("text body", KINDS)),
        ("app.json", json.dumps({"deep": {"er": [g.text("JSON body")]}})),
        ("app.list", [g.text("list body"), g.card_number("number in a body")]),
        ("app.bytes", g.text("bytes body").encode()),
        (g.line("event name of a log"), None),
        (
            "gen_ai.evaluation.result",
            {"gen_ai.evaluation.explanation": g.text("explanation in a body")},
        ),
    ]
    for number, (event, body) in enumerate(bodies):
        record = LogRecord(
            time_unix_nano=at_ns + number, event_name=event, severity_text=g.line(f"severity {number}")
        )
        record.trace_id, record.span_id = _ids(g, 100 if number < 2 else 101 + number)
        record.attributes.extend(pairs({"note": g.line(f"attribute of log {number}")}))
        if body is not None:
            record.body.CopyFrom(any_value(body))
        scope.log_records.append(record)
    details = scope.log_records.add(
        time_unix_nano=at_ns, event_name="gen_ai.client.inference.operation.details"
    )
    details.trace_id, details.span_id = _ids(g, 1)
    details.attributes.extend(
        pairs(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": _said("user", g.text("question in a log")),
                "gen_ai.evaluation.explanation": g.text("explanation"),
            }
        )
    )
    scope.log_records[0].MergeFromString(_unknown(g.bare("unknown field of a log", "unusual")))
    return out


def _every_value(g: Garden) -> Span:
    nested = g.text("JSON eight deep", TYPED)
    for _ in range(7):
        nested = json.dumps({"inner": nested})
    escaped = "".join(f"\\u{ord(c):04x}" for c in g.value("escapes", "email"))
    span = Span(name=g.line("span name"), trace_state=f"app={g.name_of('trace state')}")
    span.attributes.extend(
        pairs(
            {
                "plain": g.text("string", KINDS),
                "bytes": g.text("bytes").encode(),
                "opaque": b"\xff\xfe\x80" + g.bare("opaque bytes", "unusual").encode() + b"\x80",
                "whole number": g.card_number("whole number"),
                "real number": float(g.card_number("real number")),
                "list": ["a", g.text("list"), {"deep": [g.text("map in a list")]}],
                "numbers": [g.card_number("number in a list"), 7],
                "map": {
                    "inner": g.text("map"),
                    g.name_of("key of a map", "github_pat"): {"x": g.text("map in a map")},
                },
                f"key {g.name_of('attribute key', 'stripe_live')}": 1,
                "json": json.dumps(
                    {"messages": [{"content": g.text("JSON")}], "card": g.card_number("JSON number")}
                ),
                "json in json": json.dumps(
                    {"arguments": json.dumps({"note": json.dumps({"to": g.text("JSON in JSON")})})}
                ),
                "json eight deep": nested,
                "escaped": f'{{"note": "{escaped}"}}',
                "cut json": json.dumps({"note": g.text("cut JSON")})[:-2],
                "url": f"https://books.test/?to={g.value('URL', 'email').replace('@', '%40')}&x=1",
                "user.id": g.bare("user id", "user"),
                "session.id": g.bare("session id", "session"),
                "metadata": json.dumps(
                    {
                        "user_id": g.bare("user id in JSON", "user"),
                        "password": g.bare("secret key", "password"),
                    }
                ),
                "http.request.header.authorization": f"Bearer {g.bare('header', 'password')}",
                "lightship.note": g.bare("own attribute", "unusual"),
                "lightship.redactions": json.dumps(
                    [{"field": g.bare("own report", "unusual"), "type": "email", "n": 1}]
                ),
                "gen_ai.response.id": g.name_of("exempt id", "anthropic"),
            }
        )
    )
    span.events.add(
        name=g.line("event name"),
        attributes=pairs({"a": g.text("event attribute"), g.name_of("event key"): 1}),
    )
    link = span.links.add(
        trace_id=bytes(range(1, 17)),
        span_id=bytes(range(1, 9)),
        trace_state=f"a={g.name_of('trace state of a link')}",
    )
    link.attributes.extend(pairs({"a": g.text("link attribute"), g.name_of("link key"): 1}))
    return span


def _chat(g: Garden) -> Span:
    span = Span(name="chat harbour-large")
    span.attributes.extend(
        pairs(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": f"ft:large:{g.name_of('request model')}",
                "gen_ai.response.model": f"large:{g.name_of('response model', 'aws_access_key_id')}",
                "gen_ai.prompt.version": g.name_of("prompt version"),
                "gen_ai.agent.name": g.name_of("agent name"),
                "gen_ai.response.finish_reasons": [g.name_of("finish reason")],
                "gen_ai.conversation.id": g.bare("conversation id", "session"),
                "enduser.id": g.bare("end user id", "user"),
                "gen_ai.system_instructions": json.dumps(
                    [{"type": "text", "content": g.text("system prompt")}]
                ),
                "gen_ai.input.messages": _said("user", g.text("question", KINDS)),
                "gen_ai.output.messages": json.dumps(
                    [
                        {
                            "role": "assistant",
                            "parts": [
                                {"type": "text", "content": g.text("answer", KINDS)},
                                {
                                    "type": "tool_call",
                                    "id": "c1",
                                    "name": "mail",
                                    "arguments": {"to": g.text("arguments")},
                                },
                            ],
                        }
                    ]
                ),
                "gen_ai.tool.definitions": json.dumps(
                    [{"name": "mail", "description": g.text("tool definition")}]
                ),
            }
        )
    )
    return span


def _parts(g: Garden) -> Span:
    """A call whose secrets are cut over parts and over messages."""
    said = [{"type": "text", "content": part} for part in g.in_parts("parts of a question", 3)]
    answered = [{"type": "text", "content": part} for part in g.in_parts("parts of an answer", 2)]
    span = Span(name="chat harbour-large")
    span.attributes.extend(
        pairs(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "harbour-large",
                "gen_ai.input.messages": json.dumps([{"role": "user", "parts": said}]),
                "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": answered}]),
            }
        )
    )
    return span


def _failed(g: Garden) -> Span:
    """A call in another dialect that failed."""
    span = Span(name="LLM", status=Status(code=Status.STATUS_CODE_ERROR, message=g.text("status", KINDS)))
    span.attributes.extend(
        pairs(
            {
                "openinference.span.kind": "LLM",
                "llm.model_name": "harbour-small",
                "input.value": g.text("input value"),
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": g.text("indexed question"),
                "metadata": json.dumps({g.name_of("key in JSON"): g.text("metadata")}),
                "error.type": g.name_of("error type"),
            }
        )
    )
    span.events.add(
        name="exception",
        attributes=pairs(
            {
                "exception.message": g.text("exception"),
                "exception.stacktrace": f"at x\n{g.text('stack trace')}",
            }
        ),
    )
    return span


def _tool(g: Garden) -> Span:
    """A tool's call, which is context."""
    span = Span(name="execute_tool mail")
    span.attributes.extend(
        pairs(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": g.name_of("tool name"),
                "gen_ai.tool.call.arguments": json.dumps({"to": g.text("tool arguments")}),
                "gen_ai.tool.call.result": json.dumps({"rows": [{"mail": g.text("tool result")}]}),
            }
        )
    )
    return span


def _said(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def _ids(g: Garden, number: int) -> tuple[bytes, bytes]:
    rng = random.Random(f"{g.name}/{number}")
    return rng.randbytes(16), rng.randbytes(8)


def _unknown(text: str) -> bytes:
    """A field that no version of the protocol has."""
    data, out = text.encode(), bytearray()
    for number in (UNKNOWN_FIELD << 3 | 2, len(data)):
        rest = number
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out) + data
