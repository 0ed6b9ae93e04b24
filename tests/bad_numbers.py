"""Telemetry with every number that a broken clock or a broken counter can send."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from infra.clock import NS_PER_S
from tests.ingest.telemetry import chat, pairs

SERVICE = "numbers"
RESOURCE = {"service.name": SERVICE, "deployment.environment.name": "test", "service.version": "1.2.3.4"}
YEAR_S = 31_556_952
LAST_NS = (1 << 63) - 1


def times(now_ns: int) -> dict[str, tuple[int, int]]:
    """Starts and ends that a clock can say, by what is wrong with them."""
    hour = 3600 * NS_PER_S
    return {
        "no times": (0, 0),
        "no end": (now_ns, 0),
        "no start": (0, now_ns),
        "1970": (1, NS_PER_S),
        "milliseconds for nanoseconds": (now_ns // 10**6, now_ns // 10**6 + 700),
        "seconds for nanoseconds": (now_ns // 10**9, now_ns // 10**9 + 1),
        "picoseconds": (min(now_ns * 1000, 2**64 - 1), 2**64 - 1),
        "end before start": (now_ns, now_ns - hour),
        "from 1970 until now": (1, now_ns),
        "from now until 2200": (now_ns, now_ns + 174 * YEAR_S * NS_PER_S),
        "2200": (now_ns + 174 * YEAR_S * NS_PER_S, now_ns + 174 * YEAR_S * NS_PER_S + NS_PER_S),
        "2300": (10_413_792_000 * NS_PER_S, 10_413_792_001 * NS_PER_S),
        "last signed": (LAST_NS, LAST_NS),
        "first unsigned": (LAST_NS + 1, LAST_NS + 1),
        "last unsigned": (2**64 - 1, 2**64 - 1),
        "from 2300 until 1970": (10_413_792_000 * NS_PER_S, 1),
        "hours ahead": (now_ns + 5 * hour, now_ns + 5 * hour + NS_PER_S),
        "hours behind": (now_ns - 5 * hour, now_ns - 5 * hour + NS_PER_S),
    }


NUMBERS: tuple[Any, ...] = (
    *(-1, 0, -(2**63), 2**63 - 1, 2**32, 2**31, 10**15),
    *(math.nan, math.inf, -math.inf, -0.0, -1.5, 0.5, 1.5, 1e300, 5e-324, 1.7e308),
    *("", "12", "-3", "1e400", "NaN", "inf", "abc", "0x10", "١٢", "9" * 40),
    *(True, [1], [], {"n": 1}),
)
FIELDS = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cost", "gen_ai.request.temperature", "gen_ai.request.max_tokens",
    "gen_ai.request.choice.count", "gen_ai.server.time_to_first_token", "http.response.status_code",
    "gen_ai.evaluation.score.value", "llm.token_count.prompt", "llm.token_count.completion",
    "gen_ai.audio.duration", "gen_ai.usage.reasoning_tokens", "llm.usage.total_tokens",
)  # fmt: skip


def spans(now_ns: int) -> Iterator[tuple[str, Span]]:
    """Calls, each with one thing wrong, and what that is."""
    rng = random.Random(7)
    for what, (start, end) in times(now_ns).items():
        for kind in ("chat", "tool", "agent"):
            yield f"{what}, {kind}", _span(rng, start, end, kind)
    for number in NUMBERS:
        some = dict.fromkeys(FIELDS, number)
        yield f"numbers {number!r:.30}", _span(rng, now_ns - NS_PER_S, now_ns, "chat", some)
    for state in ("ot=th:ffffffffffffffffff", "ot=th:0;rv:zz", "ot=p:999", "ot=th:-1", "x" * 600):
        out = _span(rng, now_ns - NS_PER_S, now_ns, "chat")
        out.trace_state, out.dropped_attributes_count = state, 2**32 - 1
        out.dropped_events_count = out.dropped_links_count = 2**32 - 1
        out.events.add(name="exception", time_unix_nano=2**64 - 1)
        yield f"trace state {state[:20]}", out


def _span(rng: random.Random, start: int, end: int, kind: str, more: dict[str, Any] | None = None) -> Span:
    attributes: dict[str, Any] = {**chat(), "user.id": f"u{rng.randrange(10**6)}"}
    if kind == "tool":
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "mail"}
    elif kind == "agent":
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}
    if rng.random() < 0.5:
        attributes["gen_ai.conversation.id"] = f"c{rng.randrange(10**6)}"
    return Span(
        trace_id=rng.randbytes(16),
        span_id=rng.randbytes(8),
        name=f"{kind} x",
        start_time_unix_nano=start,
        end_time_unix_nano=end,
        attributes=pairs({**attributes, **(more or {})}),
    )


def logs(now_ns: int) -> Iterator[LogRecord]:
    """Judgements and contents of calls, at every time and with every number."""
    rng = random.Random(8)
    for start, end in times(now_ns).values():
        for event in ("gen_ai.evaluation.result", "gen_ai.user.message"):
            yield _log(rng, event, start, end, 0.5)
    for number in NUMBERS:
        yield _log(rng, "gen_ai.evaluation.result", now_ns, now_ns, number)


def _log(rng: random.Random, event: str, at: int, observed: int, score: Any) -> LogRecord:
    values = {"gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.value": score}
    return LogRecord(
        trace_id=rng.randbytes(16),
        span_id=rng.randbytes(8),
        event_name=event,
        time_unix_nano=at,
        observed_time_unix_nano=observed,
        attributes=pairs(values if event.startswith("gen_ai.eval") else {"content": "x"}),
    )


def trace_request(*some: Span, service: str = SERVICE) -> ExportTraceServiceRequest:
    """A request of a service with spans."""
    out = ExportTraceServiceRequest()
    group = out.resource_spans.add()
    group.resource.attributes.extend(pairs({**RESOURCE, "service.name": service}))
    group.scope_spans.add().spans.extend(some)
    return out


def log_request(*some: LogRecord) -> ExportLogsServiceRequest:
    """A request of the service with log records."""
    out = ExportLogsServiceRequest()
    group = out.resource_logs.add()
    group.resource.attributes.extend(pairs(RESOURCE))
    group.scope_logs.add().log_records.extend(some)
    return out
