"""The demo's apps on the real client libraries and instrumentation, into a collector on loopback."""

from __future__ import annotations

import gzip
import json
import threading
from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anthropic
import openai
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from infra.embedded.asgi import read_body
from ingest.demo import run as driver
from ingest.demo.conditions import Conditions
from ingest.demo.loopback import Loopback
from ingest.demo.provider import Provider
from ingest.demo.schedule import CALLS, COPILOT, STUDIO, SUPPORT, Schedule, build
from ingest.interaction import Interaction
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.views import span_views
from tests.live.desk_provider import MOST_BYTES

pytestmark = pytest.mark.live

ANCHOR = 1_795_514_821_000_000_000
LINEAGE = "demo-test"
FIELDS = tuple[dict[str, Any], dict[str, Any], Span]
"""Resource attributes, span attributes and the span."""


@dataclass
class Collector:
    """An OTLP/HTTP receiver that answers 503 now and then, as a busy gateway would."""

    bodies: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        body = await read_body(receive, MOST_BYTES)
        with self.lock:
            self.requests += 1
            busy = self.requests % 60 == 3
            if not busy:
                headers = {k.decode().lower(): v.decode() for k, v in scope["headers"]}
                self.bodies.append((headers, body))
        status = [(b"content-type", b"application/x-protobuf"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 503 if busy else 200, "headers": status})
        await send({"type": "http.response.body", "body": b""})

    def spans(self) -> list[FIELDS]:
        """Everything received, in order."""
        out: list[FIELDS] = []
        for headers, body in self.bodies:
            if not body:
                continue
            assert headers["content-encoding"] == "gzip"
            request = ExportTraceServiceRequest.FromString(gzip.decompress(body))
            for resource_spans in request.resource_spans:
                resource = {a.key: _value(a.value) for a in resource_spans.resource.attributes}
                for scope_spans in resource_spans.scope_spans:
                    out += [
                        (resource, {a.key: _value(a.value) for a in span.attributes}, span)
                        for span in scope_spans.spans
                    ]
        return out


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(v) for v in value.array_value.values]
    return getattr(value, kind) if kind else None


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    """About 50 model calls of each app on the quiet day before the event day, and as many on that."""
    return build(ANCHOR, interactions=110, quiet_days=1)


@pytest.fixture(scope="module")
def sent(schedule: Schedule) -> tuple[Collector, driver.Traffic, list[driver.Progress]]:
    collector = Collector()
    steps: list[driver.Progress] = []
    with Loopback(collector) as loopback:
        traffic = driver.run(
            schedule, loopback.url, LINEAGE, headers={"authorization": "Bearer key"}, progress=steps.append
        )
    return collector, traffic, steps


Sent = tuple[Collector, driver.Traffic, list[driver.Progress]]


def _calls(collector: Collector, service: str) -> list[FIELDS]:
    return [
        (resource, attributes, span)
        for resource, attributes, span in collector.spans()
        if resource["service.name"] == service
        and (attributes.get("gen_ai.operation.name") == "chat" or "openinference.span.kind" in attributes)
    ]


def _most_name(calls: list[FIELDS], key: str, prefix: str) -> None:
    """Most calls name a user or conversation, all of one kind; some name none, as applications do."""
    named = [attributes[key] for _, attributes, _ in calls if key in attributes]
    assert all(name.startswith(prefix) for name in named)
    assert len(named) > len(calls) / 2


def test_nothing_is_lost_while_the_collector_is_busy(sent: Sent) -> None:
    collector, traffic, _ = sent
    spans = collector.spans()
    assert len({s.span_id for _, _, s in spans}) == len(spans) == traffic.spans
    calls = sum(len(_calls(collector, service)) for service in (SUPPORT, COPILOT, CALLS, STUDIO))
    assert calls == traffic.interactions > 200


def test_support_calls_carry_what_the_convention_says(sent: Sent, schedule: Schedule) -> None:
    calls = _calls(sent[0], SUPPORT)
    assert len(calls) >= 50
    _most_name(calls, "gen_ai.conversation.id", "conversation-")
    _most_name(calls, "user.id", "customer-")
    for resource, attributes, span in calls:
        assert resource["deployment.environment.name"] == "demo"
        assert resource["service.version"]
        assert attributes["gen_ai.request.model"] == "gpt-5.4-mini"
        released = span.start_time_unix_nano >= next(
            p.onset_ns for p in schedule.planted if p.name == "refusals-es"
        )
        assert attributes["gen_ai.prompt.version"] == ("8" if released else "7")
        messages = json.loads(attributes["gen_ai.input.messages"])
        assert [m["role"] for m in messages[:2]] == ["system", "user"]
        if span.status.code == span.status.STATUS_CODE_ERROR:
            assert attributes["error.type"].endswith("RateLimitError")
            continue
        assert attributes["gen_ai.response.model"].startswith("gpt-5.4-mini-")
        assert attributes["gen_ai.usage.input_tokens"] > attributes["gen_ai.usage.output_tokens"] > 0
        (output,) = json.loads(attributes["gen_ai.output.messages"])
        kind = {"stop": "text", "length": "text", "tool_calls": "tool_call"}
        (reason,) = attributes["gen_ai.response.finish_reasons"]
        assert output["parts"][0]["type"] == kind[reason]


def test_an_agents_run_is_one_trace_with_its_tools(sent: Sent) -> None:
    traces: dict[bytes, list[tuple[dict[str, Any], Span]]] = defaultdict(list)
    for resource, attributes, span in sent[0].spans():
        if resource["service.name"] == SUPPORT:
            traces[span.trace_id].append((attributes, span))
    assert len(traces) >= 50
    tools = set()
    for spans in traces.values():
        ((root_attributes, root),) = [(a, s) for a, s in spans if not s.parent_span_id]
        assert root.name == "invoke_agent support-assistant"
        assert root_attributes["gen_ai.agent.name"] == "support-assistant"
        for attributes, span in spans:
            if span is root:
                continue
            assert span.parent_span_id == root.span_id
            assert root.start_time_unix_nano <= span.start_time_unix_nano
            assert span.end_time_unix_nano <= root.end_time_unix_nano
            if attributes["gen_ai.operation.name"] == "execute_tool":
                tools.add(attributes["gen_ai.tool.name"])
                json.loads(attributes["gen_ai.tool.call.arguments"])
                json.loads(attributes["gen_ai.tool.call.result"])
    assert tools == {"lookup_order", "refund_status", "search_help"}


def test_copilot_calls_carry_what_openinference_says(sent: Sent) -> None:
    calls = _calls(sent[0], COPILOT)
    assert len(calls) >= 50
    assert {span.name for _, _, span in calls} == {"messages.create", "messages.stream"}
    _most_name(calls, "session.id", "session-")
    _most_name(calls, "user.id", "developer-")
    for _, attributes, span in calls:
        assert attributes["openinference.span.kind"] == "LLM"
        assert attributes["llm.model_name"] == "claude-sonnet-5-5"
        assert attributes["llm.prompt_template.version"] == "3"
        assert attributes["llm.input_messages.0.message.role"] == "system"
        assert attributes["llm.input_messages.1.message.content"]
        if span.status.code == span.status.STATUS_CODE_ERROR:
            continue
        assert "```" in str(attributes["llm.output_messages.0.message.contents.0.message_content.text"]) or (
            attributes["llm.token_count.completion"] < 80  # a refusal, or an answer cut short
        )
        assert attributes["llm.token_count.prompt"] > 0
        assert attributes["llm.token_count.completion"] > 0


def _read(calls: list[FIELDS]) -> list[Interaction]:
    """What Lightship makes of spans."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add()
    spans.scope.name = "openinference.instrumentation.openai"
    spans.spans.extend(span for _, _, span in calls)
    return assemble_batch(span_views(request)).interactions


def test_recorded_calls_and_pictures_are_read_whole(sent: Sent, schedule: Schedule) -> None:
    calls = _calls(sent[0], CALLS)
    released_ns = next(p.onset_ns for p in schedule.planted if p.service == CALLS)
    assert len(calls) >= 8
    _most_name(calls, "session.id", "call-")
    for resource, attributes, span in calls:
        released = span.start_time_unix_nano >= released_ns
        assert resource["service.version"] == ("2.4.0" if released else "2.3.1")
        assert "RIFF" not in str(attributes)
    for i in _read(calls):
        assert (i.operation, i.modality, i.request_model) == ("transcription", "audio", "whisper-large-v3")
        assert i.output_text
        assert i.audio_duration_s is not None
        assert 5 < i.audio_duration_s < 600
        assert i.no_speech_probability is not None
    pictures = _read(_calls(sent[0], STUDIO))
    assert len(pictures) >= 4
    for i in pictures:
        assert (i.operation, i.modality, i.request_model) == ("image", "image", "gpt-image-1")
        assert i.provider == "azure.ai.openai"
        assert i.input_text
        assert i.revised_prompts[0].startswith(i.input_text.rstrip("."))
        assert len(i.media) == len(i.revised_prompts) in (1, 2, 4)
        assert all(m.uri and m.uri.endswith(".png") for m in i.media)


def test_some_answers_stream_and_tell_their_first_chunk(sent: Sent) -> None:
    streamed = [a for _, a, _ in _calls(sent[0], SUPPORT) if "gen_ai.response.time_to_first_chunk" in a]
    assert 0 < len(streamed) < len(_calls(sent[0], SUPPORT)) / 2
    assert all(a["gen_ai.response.time_to_first_chunk"] > 0.1 for a in streamed)


def test_every_record_happens_within_the_schedule_and_none_is_late(sent: Sent, schedule: Schedule) -> None:
    minute_ns = 60_000_000_000
    latest = 0
    for headers, body in sent[0].bodies:
        if not body:
            continue
        single = Collector(bodies=[(headers, body)])
        ends = [s.end_time_unix_nano for _, _, s in single.spans()]
        assert min(ends) > latest - 2 * minute_ns
        latest = max(latest, *ends)
    assert schedule.start_ns < latest < schedule.end_ns + 2 * minute_ns


def test_only_the_lineage_is_asked_of_the_gateway(sent: Sent, schedule: Schedule) -> None:
    collector = sent[0]
    for headers, body in collector.bodies:
        ours = {name for name in headers if name.startswith("lightship-")}
        marks = set() if body else {"lightship-event-time", "lightship-lineage-end"}
        assert ours == {"lightship-lineage"} | marks
        assert headers["lightship-lineage"] == LINEAGE
        assert headers["authorization"] == "Bearer key"
    last_headers, last_body = collector.bodies[-1]
    assert last_body == b""
    assert int(last_headers["lightship-event-time"]) > schedule.end_ns


def test_progress_reaches_the_end(sent: Sent, schedule: Schedule) -> None:
    _, traffic, steps = sent
    assert [s.requests for s in steps] == sorted(s.requests for s in steps)
    assert steps[-1].requests == steps[-1].requests_total == len(schedule.arrivals)
    assert steps[-1].interactions == traffic.interactions
    assert steps[-1].event_ns == schedule.end_ns
    assert steps[-1].eta_s == 0


def test_traffic_knows_what_an_incident_could_touch(sent: Sent, schedule: Schedule) -> None:
    _, traffic, _ = sent
    end_ns = schedule.end_ns + 10**12
    refusals = next(p for p in schedule.planted if p.name == "refusals-es")
    loops = next(p for p in schedule.planted if p.name == "tool-loop")
    spanish = traffic.touched(refusals, 0, end_ns)
    assert spanish == len(traffic.ends_ns[SUPPORT, "es"])
    assert spanish < traffic.touched(loops, 0, end_ns) < traffic.interactions


@contextmanager
def _clients(provider: Provider) -> Iterator[tuple[openai.OpenAI, anthropic.Anthropic]]:
    with Loopback(provider) as loopback:
        chat = openai.OpenAI(api_key="any", base_url=f"{loopback.url}/v1", max_retries=0)
        code = anthropic.Anthropic(api_key="any", base_url=loopback.url, max_retries=0)
        try:
            yield chat, code
        finally:
            chat.close()
            code.close()


QUESTION = "How do I group records by one of their fields in Go? The records come from a message queue."


def test_both_apis_stream_the_text_they_would_send_whole() -> None:
    with _clients(Provider(1)) as (chat, code):
        asked: dict[str, Any] = {"max_tokens": 900, "messages": [{"role": "user", "content": QUESTION}]}
        whole = code.messages.create(model="claude-x", **asked)
        with code.messages.stream(model="claude-x", **asked) as stream:
            streamed = stream.get_final_message()
        assert whole.model_dump() == streamed.model_dump()
        assert whole.model == "claude-x"

        support: dict[str, Any] = {
            "model": "gpt-x",
            "messages": [
                {
                    "role": "user",
                    "content": "I cannot log in any more, the password reset message never arrives.",
                },
                {"role": "assistant", "content": "One moment."},
                {"role": "assistant", "content": "Nearly there."},
            ],
        }
        completion = chat.chat.completions.create(**support)
        chunks = list(
            chat.chat.completions.create(**support, stream=True, stream_options={"include_usage": True})
        )
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert text == completion.choices[0].message.content
        assert chunks[-1].usage == completion.usage
        assert {c.id for c in chunks} == {completion.id}


def test_a_tool_call_arrives_the_same_way_in_both_forms() -> None:
    with _clients(Provider(1)) as (chat, _):
        asked: dict[str, Any] = {
            "model": "gpt-x",
            "messages": [
                {
                    "role": "user",
                    "content": "Where is my order TT-123456? It was supposed to arrive on 3 May.",
                }
            ],
        }
        whole = chat.chat.completions.create(**asked).choices[0]
        with chat.chat.completions.stream(**asked) as events:
            streamed = events.get_final_completion().choices[0]
        assert whole.finish_reason == streamed.finish_reason == "tool_calls"
        (first,), (second,) = whole.message.tool_calls or [], streamed.message.tool_calls or []
        assert first.id == second.id
        assert first.type == "function"
        assert json.loads(first.function.arguments) == {"order_id": "TT-123456"}
        assert first.function.arguments == second.function.arguments


def test_rate_limits_reach_the_clients_as_their_own_errors() -> None:
    failures = {"openai": 0, "anthropic": 0}
    with _clients(Provider(1)) as (chat, code):
        for i in range(800):
            question = {"role": "user", "content": f"{QUESTION} {i}"}
            try:
                code.messages.create(model="m", max_tokens=9, messages=[question])  # type: ignore[list-item]
            except anthropic.RateLimitError as error:
                failures["anthropic"] += error.status_code == 429
            try:
                chat.chat.completions.create(model="m", messages=[question])  # type: ignore[list-item]
            except openai.RateLimitError as error:
                failures["openai"] += error.status_code == 429
    assert all(0 < n < 20 for n in failures.values())


def test_conditions_take_effect_between_two_requests() -> None:
    provider = Provider(1)
    with _clients(provider) as (_, code):

        def answer() -> str:
            message = code.messages.create(
                model="m", max_tokens=9, messages=[{"role": "user", "content": QUESTION}]
            )
            return "".join(block.text for block in message.content if block.type == "text")

        usual = answer()
        provider.conditions = Conditions(wordiness=2.2)
        assert len(answer()) > 1.3 * len(usual)
        provider.conditions = Conditions()
        assert answer() == usual
