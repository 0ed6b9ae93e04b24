"""Inputs made to be slow on, by size: what takes more than linear time on one of them is a way to stop us.

A family makes an input of size ``n`` and the work on it. Sizes are chosen so that the small one takes some
milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor, redact_text
from ingest.gateway.splitting import split
from ingest.interaction import to_line
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.otlp_json import parse_json
from ingest.otlp.redact_otlp import Request, RequestRedactor
from ingest.otlp.views import log_views, parse_traces, span_views
from tests.fuzz.targets import PARTITIONS
from tests.ingest.telemetry import chat, log, logs, span, traces

Work = Callable[[], object]
_KEY = b"a key for tests of time, 32 bytes"
_REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(_KEY))


@dataclass(frozen=True, slots=True)
class Family:
    """``make(n)`` gives the work on an input of size ``n``; ``small`` is the size to begin with."""

    name: str
    small: int
    make: Callable[[int], Work]


UNITS = (
    "a@", "a@b.", "1 ", "1-", "(1)", "+1 ", "sk-", "eyJa", "eyJ.", "AKIA", "://a:", "a://b:c@", "password=",
    '"user_id":"', "\\", '\\"', '"', "'", "-----BEGIN PRIVATE KEY-----", "A1", "DE89", "::", "1.1.", "QUJD",
    "[email:0123456789abcdef]", "%40", "bob@example.com ", "\u200b1", "4111 1111 1111 1111 ", "пароль ", "0",
    "{", '{"a":', "Bearer ", "x" * 7 + " ", "é", "-", "token: a1", "[4111111111111111,", "@", "\\u0040",
    '"a":4111111111111111,', "AKIAIOSFODNN7ABCDEFG ", "[", "pass pass", "\\\\\\u0031", "-----", "dp.pt.",
    "bob@example.com 4111 1111 1111 1111 1.22.33.44 ", "--password ", "：", "１", "\n", "sig=", "ghp_a",
)  # fmt: skip
"""What a text is made of, over and over."""


def _text(unit: str) -> Callable[[int], Work]:
    def make(n: int) -> Work:
        said = unit * (n // len(unit))
        return lambda: redact_text(said, _REDACTOR)

    return make


def _nested_json(depth: int) -> Callable[[int], Work]:
    def make(n: int) -> Work:
        said = "mail bob@example.com now " * (n // 25)
        for _ in range(depth):
            said = json.dumps({"a": said})
        return lambda: redact_text(said, _REDACTOR)

    return make


def _mixed_hits(n: int) -> Work:
    """Hits of many lengths, the longest last: worst for whoever sorts as he goes."""
    said = " ".join(f"{'a' * (i % 97 + 1)}@{'b' * (i // 97 % 89 + 1)}.com" for i in range(n))
    return lambda: redact_text(said, _REDACTOR)


def through_gateway(request: Request) -> Work:
    """A request parsed, redacted and split."""
    data, kind = request.SerializeToString(), type(request)

    def work() -> None:
        parsed = kind.FromString(data)
        RequestRedactor(_REDACTOR).request(parsed)
        split(parsed, PARTITIONS)

    return work


def through_worker(*spans: Span, records: tuple[LogRecord, ...] = ()) -> Work:
    """Spans and log records of one run decoded and assembled."""
    data = traces(*spans).SerializeToString()
    said = logs(*records)

    def work() -> None:
        out = assemble_batch(span_views(parse_traces(data)), log_views(said))
        for interaction in out.interactions:
            to_line(interaction)

    return work


def _attribute(key: str, value: Callable[[int], Any]) -> Callable[[int], Work]:
    return lambda n: through_worker(span({**chat(), key: value(n)}))


def _attributes(values: Callable[[int], Mapping[str, Any]]) -> tuple[Callable[[int], Work], ...]:
    return (
        lambda n: through_gateway(traces(span(values(n)))),
        lambda n: through_worker(span({**chat(), **values(n)})),
    )


def _many_keys(n: int) -> dict[str, Any]:
    return {f"app.key.{i}": f"value {i}" for i in range(n)}


def _indexed(prefix: str, leaf: str) -> Callable[[int], dict[str, Any]]:
    return lambda n: {f"{prefix}.{i}.{leaf}": "text" for i in range(n)} | {"openinference.span.kind": "LLM"}


def _messages(n: int) -> str:
    return json.dumps([{"role": "user", "parts": [{"type": "text", "content": "a"}]}] * n)


def _parts(n: int) -> str:
    return json.dumps([{"role": "user", "parts": [{"type": "text", "content": "a"}] * n}])


def _calls(n: int) -> str:
    call = {"type": "tool_call", "name": "f", "arguments": '{"a": 1}'}
    return json.dumps([{"role": "assistant", "parts": [{**call, "id": str(i)} for i in range(n)]}])


def _cut(n: int) -> str:
    return '[{"role": "user", "parts": [' + '{"type": "text", "content": "a\\""}, ' * n


def _open(n: int) -> str:
    return '{"a": [' * n


def _json_in_json(n: int) -> str:
    said = "x" * n
    for _ in range(8):
        said = json.dumps([{"role": "user", "content": said}])
    return said


_SDK = "com.openai.sdk"


def _spans(one: Callable[[int], Span]) -> Callable[[int], Work]:
    return lambda n: through_worker(*(one(i) for i in range(n)))


def _plain(i: int, **more: Any) -> Span:
    return span(
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", **more}, span_id=i + 1, start_s=i
    )


def _chain(i: int) -> Span:
    """Each call is the parent of the next, and they enclose each other."""
    return span({**chat(), "i": i}, span_id=i + 1, parent=i or None, start_s=i * 1e-6, duration_s=1e6 - i)


def _cycle(n: int) -> Work:
    spans = [span(chat(), span_id=i + 1, parent=(i + 1) % n + 1) for i in range(n)]
    return through_worker(*spans)


def _agents(i: int) -> Span:
    return span({"gen_ai.operation.name": "invoke_agent"}, span_id=i + 1, parent=i or None)


def _one_response(i: int) -> Span:
    """Calls with one response id, each at the same time as its neighbours alone."""
    return span({**chat(), "gen_ai.response.id": "resp-one"}, span_id=i + 1, start_s=i, duration_s=1.0)


def _same_call(i: int) -> Span:
    """One call, seen as many times."""
    return span({**chat(), "gen_ai.response.id": "resp-one"}, span_id=i + 1)


def _sdk_and_others(n: int) -> Work:
    """Calls a provider's library saw and others that fit none of them."""
    request = traces(*(_plain(i) for i in range(n)), scope=_SDK)
    others = traces(*(_plain(n + i) for i in range(n)))
    request.MergeFrom(others)
    data = request.SerializeToString()
    return lambda: assemble_batch(span_views(parse_traces(data)))


def _retrievers(n: int) -> Work:
    documents = json.dumps([{"content": "the same"}])
    found = [
        span(
            {"gen_ai.operation.name": "retrieval", "gen_ai.retrieval.documents": documents},
            span_id=i + 1,
            start_s=i,
        )
        for i in range(n)
    ]
    return through_worker(*found, *(_plain(n + i) for i in range(n)))


def _judged(i: int) -> LogRecord:
    return log(
        "gen_ai.evaluation.result",
        attributes={"gen_ai.evaluation.name": f"e{i}", "gen_ai.evaluation.score.value": i / 7},
    )


def _records(one: Callable[[int], LogRecord]) -> Callable[[int], Work]:
    return lambda n: through_worker(span(chat()), records=tuple(one(i) for i in range(n)))


def _details(i: int) -> LogRecord:
    return log("gen_ai.client.inference.operation.details", attributes={**chat(f"question {i}"), "i": i})


def _message_record(i: int) -> LogRecord:
    return log("gen_ai.user.message", body={"content": f"text {i}"})


def _json_request(n: int) -> Work:
    span_ = {
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "spanId": "00f067aa0ba902b7",
        "attributes": [{"key": f"k{i}", "value": {"stringValue": "v"}} for i in range(n)],
    }
    data = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span_]}]}]}).encode()
    kind = type(traces())
    return lambda: parse_json(kind(), data)


def _events(n: int) -> Work:
    return through_gateway(
        traces(span(chat(), events=[("exception", 0.0, {"exception.message": "bob@example.com"})] * n))
    )


def families() -> Iterator[Family]:
    """All of them."""
    for unit in UNITS:
        yield Family(f"text of {unit!r}", 12_000, _text(unit))
    for depth in (1, 4, 8):
        yield Family(f"text {depth} JSON deep", 6_000 if depth < 8 else 1_000, _nested_json(depth))
    yield Family("text with values of many lengths", 400, _mixed_hits)
    for name, values in (
        ("many keys", _many_keys),
        ("many messages by index", _indexed("llm.input_messages", "message.content")),
        ("many prompts by index", _indexed("gen_ai.prompt", "content")),
        ("many parts by index", _indexed("llm.input_messages.0.message.contents", "message_content.text")),
    ):
        gateway, worker = _attributes(values)
        yield Family(f"{name}, gateway", 1_000, gateway)
        yield Family(f"{name}, worker", 1_000, worker)
    for name, small, make in (
        ("many messages", 1_000, _messages),
        ("many parts", 1_000, _parts),
        ("many tool calls", 1_000, _calls),
        ("messages cut off", 1_000, _cut),
        ("brackets never closed", 4_000, _open),
        ("JSON in JSON", 2_000, _json_in_json),
        ("backslashes", 20_000, lambda n: '["' + "\\" * n),
        ("quotes", 20_000, lambda n: "[" + '"' * n),
    ):
        yield Family(f"{name} in an attribute", small, _attribute("gen_ai.input.messages", make))
    for name, small, one in (
        ("many calls", 400, _plain),
        ("calls in calls", 400, _chain),
        ("agents in agents", 400, _agents),
        ("neighbours with one response", 400, _one_response),
        ("one call many times", 400, _same_call),
        ("one span many times", 400, lambda i: span({**chat(), "i": i})),
    ):
        yield Family(name, small, _spans(one))
    yield Family("parents in a circle", 400, _cycle)
    yield Family("a library's spans and others", 400, _sdk_and_others)
    yield Family("documents before every call", 400, _retrievers)
    yield Family("judgements of one call", 400, _records(_judged))
    yield Family("details of one call", 400, _records(_details))
    yield Family("messages of one call", 400, _records(_message_record))
    yield Family("attributes in JSON", 1_000, _json_request)
    yield Family("events", 400, _events)
