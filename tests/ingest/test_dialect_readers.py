"""What each dialect says about a span, on invented spans."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.interaction import Interaction, MediaPart, to_line, to_record
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.dialects import canonical, precedence
from ingest.otlp.dialects.span_facts import sampling_probability
from tests.ingest.telemetry import chat, log, messages, records, span, views


def only(attributes: dict[str, Any], **more: Any) -> Interaction:
    """The interaction a span alone stands for."""
    (interaction,) = assemble_batch(views(span(attributes, **more))).interactions
    return interaction


def test_current_genai() -> None:
    i = only(
        {
            **chat(),
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
            "gen_ai.request.temperature": 0.4,
            "gen_ai.response.id": "resp-12345",
            "gen_ai.usage.cache_read.input_tokens": 5,
            "gen_ai.usage.reasoning.output_tokens": 3,
            "gen_ai.response.time_to_first_chunk": 0.2,
            "gen_ai.conversation.id": "c-1",
            "gen_ai.prompt.name": "greeting",
            "gen_ai.prompt.version": 7,
            "gen_ai.tool.definitions": [json.dumps({"type": "function", "name": "tide"})],
            "user.id": "u-1",
        }
    )
    assert i.operation == "chat"
    assert (i.input_text, i.output_text) == ("What is a lightship?", "A ship that is a lighthouse.")
    assert i.system_prompt == "Be brief."
    assert (i.input_tokens, i.cached_tokens, i.output_tokens, i.reasoning_tokens) == (12, 5, 8, 3)
    assert i.request_parameters == {"temperature": 0.4}
    assert (i.conversation_id, i.user, i.prompt_name, i.prompt_version) == ("c-1", "u-1", "greeting", "7")
    assert i.tool_definitions == ({"type": "function", "name": "tide"},)
    assert (i.service, i.environment, i.release) == ("harbour-chat", "prod", "7.1")
    assert i.time_to_first_chunk_s == 0.2
    assert i.content_from == "gen_ai.*.messages"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"gen_ai.system": "xai"}, {"gen_ai.provider.name": "x_ai"}),
        ({"gen_ai.system": "vertex_ai"}, {"gen_ai.provider.name": "gcp.vertex_ai"}),
        ({"gen_ai.system": "az.ai.openai"}, {"gen_ai.provider.name": "azure.ai.openai"}),
        ({"gen_ai.usage.prompt_tokens": 3}, {"gen_ai.usage.input_tokens": 3}),
        ({"gen_ai.usage.completion_tokens": 3}, {"gen_ai.usage.output_tokens": 3}),
    ],
)
def test_renamed_attributes_are_read_both_ways(old: dict[str, Any], new: dict[str, Any]) -> None:
    base = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    a, b = only({**base, **old}), only({**base, **new})
    keys = ("provider", "input_tokens", "output_tokens")
    assert [getattr(a, k) for k in keys] == [getattr(b, k) for k in keys]


def test_items_of_one_answer_and_choices_are_told_apart() -> None:
    two = json.dumps(
        [
            {"role": "assistant", "parts": [{"type": "text", "content": c}], "finish_reason": "stop"}
            for c in "ab"
        ]
    )
    base = {**chat(), "gen_ai.output.messages": two}
    choices = only({**base, "gen_ai.response.finish_reasons": ["stop", "length"]})
    assert choices.output_text == "a"
    assert choices.output_texts == ("a", "b")
    items = only(base)
    assert items.output_text == "a\nb"
    assert items.output_texts == ("a\nb",)


def test_content_in_per_message_records_in_either_spelling() -> None:
    bare = {k: v for k, v in chat().items() if "messages" not in k}
    for as_attribute in (False, True):
        said = records(
            log("gen_ai.system.message", body={"content": "Be brief."}, at_s=0.1, as_attribute=as_attribute),
            log("gen_ai.user.message", body={"content": "Ahoy?"}, at_s=0.2, as_attribute=as_attribute),
            log(
                "gen_ai.choice",
                body={"index": 0, "finish_reason": "stop", "message": {"content": "Ahoy!"}},
                at_s=0.9,
                as_attribute=as_attribute,
            ),
        )
        (i,) = assemble_batch(views(span(bare)), said).interactions
        assert (i.system_prompt, i.input_text, i.output_text) == ("Be brief.", "Ahoy?", "Ahoy!")
        assert i.content_from == "log:per-message events"


def test_content_in_span_events_old_and_older() -> None:
    bare = {k: v for k, v in chat().items() if "messages" not in k}
    newer = [
        (
            "gen_ai.user.message",
            0.1,
            {"gen_ai.event.content": json.dumps({"role": "user", "content": "Ahoy?"})},
        ),
        (
            "gen_ai.choice",
            0.9,
            {"gen_ai.event.content": json.dumps({"index": 0, "message": {"content": "Ahoy!"}})},
        ),
    ]
    oldest = [
        ("gen_ai.content.prompt", 0.1, {"gen_ai.prompt": json.dumps([{"role": "user", "content": "Ahoy?"}])}),
        ("gen_ai.content.completion", 0.9,
         {"gen_ai.completion": json.dumps([{"role": "assistant", "content": "Ahoy!"}])}),
    ]  # fmt: skip
    for events in (newer, oldest):
        i = only(bare, events=events)
        assert (i.input_text, i.output_text, i.content_from) == ("Ahoy?", "Ahoy!", "span events")


@pytest.mark.parametrize(
    ("operation", "interactions"),
    [("chat.completions", 1), ("message_create", 1), ("embed", 1), ("generate_content", 1),
     ("invoke_agent", 0), ("create_memory", 0), ("agent_step", 0), ("fetch_response", 0),
     ("something new", 0)],
)  # fmt: skip
def test_the_operation_decides_what_is_a_call(operation: str, interactions: int) -> None:
    out = assemble_batch(views(span({**chat(), "gen_ai.operation.name": operation})))
    assert len(out.interactions) == interactions


def test_agent_and_tool_spans_without_an_operation_are_no_calls() -> None:
    agent = span({"agent_name": "pilot", "model_name": "m", "gen_ai.usage.input_tokens": 9}, name="agent run")
    tool = span({"gen_ai.tool.name": "tide", "tool_arguments": '{"port":"Brest"}'}, span_id=2, parent=1)
    out = assemble_batch(views(agent, tool))
    assert out.interactions == []
    assert [(c.kind, c.agent_name) for c in out.context_spans] == [("agent", "pilot"), ("tool", "pilot")]
    assert out.context_spans[1].tool_arguments == '{"port":"Brest"}'


def test_openinference_transcription_has_its_text_only_in_the_payload() -> None:
    i = only(
        {
            "openinference.span.kind": "LLM",
            "llm.invocation_parameters": '{"model": "whisper-1"}',
            "output.value": '{"text": "Ahoy."}',
        },
        name="Transcription",
    )
    assert (i.operation, i.modality, i.input_text, i.output_text) == ("transcription", "audio", None, "Ahoy.")


def test_openinference_chain_with_messages_is_no_call() -> None:
    attributes = {
        "openinference.span.kind": "CHAIN",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Ahoy?",
    }
    out = assemble_batch(views(span(attributes)))
    assert out.interactions == []
    assert [c.kind for c in out.context_spans] == ["chain"]


def test_openinference_hidden_text_is_not_taken_from_the_payload() -> None:
    i = only(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o",
            "input.value": "__REDACTED__",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "__REDACTED__",
            "output.value": json.dumps({"id": "x", "choices": [{"message": {"content": "clear text"}}]}),
        }
    )
    assert i.hidden
    assert (i.input_text, i.output_text) == (None, None)


def test_openinference_payload_stands_in_for_missing_messages() -> None:
    i = only(
        {
            "openinference.span.kind": "LLM",
            "input.value": json.dumps({"model": "m-1", "messages": [{"role": "user", "content": "Ahoy?"}]}),
            "output.value": json.dumps({"model": "m-1b", "choices": [
                {"finish_reason": "length", "message": {"role": "assistant", "content": "Ahoy!"}}]}),
        }
    )  # fmt: skip
    assert (i.request_model, i.response_model) == ("m-1", "m-1b")
    assert (i.input_text, i.output_text, i.finish_reasons) == ("Ahoy?", "Ahoy!", ("length",))


def test_openinference_retrieval_gives_context_to_the_call_after_it() -> None:
    retrieval = span(
        {"openinference.span.kind": "RETRIEVER", "retrieval.documents.0.document.content": "Tides are high."},
        span_id=2, duration_s=0.5,
    )  # fmt: skip
    call = span(chat(), span_id=3, start_s=1.0)
    (i,) = assemble_batch(views(retrieval, call)).interactions
    assert i.context_texts == ("Tides are high.",)


def test_traceloop_call_is_known_by_its_answer_when_everything_else_was_evicted() -> None:
    i = only(
        {
            "gen_ai.prompt.40.role": "user",
            "gen_ai.prompt.40.content": "Ahoy?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "Ahoy!",
            "gen_ai.completion.0.finish_reason": "stop",
        },
        dropped=90,
    )
    assert (i.input_text, i.output_text, i.dropped_attributes) == ("Ahoy?", "Ahoy!", 90)


def test_vercel_wrapper_is_context_and_the_call_inside_an_interaction() -> None:
    inner = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.prompt.messages": json.dumps([{"role": "user", "content": [{"type": "text", "text": "Ahoy?"}]}]),
        "ai.response.text": "Ahoy!",
        "ai.response.finishReason": "tool-calls",
        "ai.response.toolCalls": json.dumps([{"toolCallId": "c", "toolName": "tide", "input": "{}"}]),
        "ai.usage.promptTokens": 3,
        "ai.model.provider": "openai.chat",
    }
    outer = {"ai.operationId": "ai.generateText", "ai.prompt": json.dumps({"prompt": "Ahoy?"})}
    out = assemble_batch(views(span(outer, span_id=1), span(inner, span_id=2, parent=1)))
    (i,) = out.interactions
    assert (i.input_text, i.output_text, i.provider, i.input_tokens) == ("Ahoy?", "Ahoy!", "openai", 3)
    assert i.finish_reasons == ("tool_call",)
    assert [c.name for c in i.tool_calls] == ["tide"]
    assert len(out.context_spans) == 1


def test_langfuse_generation_of_an_anthropic_call_counts_cached_tokens_in() -> None:
    i = only(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.input": json.dumps([{"role": "user", "content": "Ahoy?"}]),
            "langfuse.observation.output": json.dumps(
                {"role": "assistant", "content": [{"type": "text", "text": "Ahoy!"}]}
            ),
            "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": json.dumps(
                {"input_tokens": 49, "cache_read_input_tokens": 12, "cache_creation_input_tokens": 5,
                 "output_tokens": 33}
            ),
            "langfuse.release": "9",
        }
    )  # fmt: skip
    assert (i.input_text, i.output_text) == ("Ahoy?", "Ahoy!")
    assert (i.input_tokens, i.cached_tokens, i.output_tokens) == (66, 12, 33)


def test_a_transcription_does_not_take_the_name_of_the_file_for_words() -> None:
    i = only(
        {
            "gen_ai.operation.name": "speech_to_text",
            "gen_ai.request.model": "whisper-1",
            "gen_ai.input.messages": messages(("user", "[audio file: call.wav]")),
            "gen_ai.output.messages": messages(("assistant", "Hello.")),
        }
    )
    assert (i.operation, i.modality, i.input_text, i.output_text) == (
        "transcription",
        "audio",
        None,
        "Hello.",
    )


@pytest.mark.parametrize(
    ("attributes", "error", "events", "type_", "status"),
    [
        (
            {"error.type": "openai.RateLimitError"},
            "Error code: 429 - slow down",
            [],
            "openai.RateLimitError",
            429,
        ),
        ({}, "boom", [("exception", 0.1, {"exception.type": "ValueError"})], "ValueError", None),
        ({"error.type": "429"}, "quota", [], "429", 429),
        ({"http.response.status_code": 503}, "busy", [], None, 503),
        ({}, "{'code': 500, 'message': 'no'}", [], None, 500),
        ({"error.type": "anthropic.OverloadedError"}, "", [], "anthropic.OverloadedError", 529),
        ({"error.type": "timeout"}, "order 404 is missing", [], "timeout", None),
    ],
)
def test_errors(
    attributes: dict[str, Any], error: str, events: list[Any], type_: str | None, status: int | None
) -> None:
    i = only({**chat(), **attributes}, error=error, events=events)
    assert i.error is not None
    assert (i.error.type, i.error.http_status) == (type_, status)
    assert i.error.message == (error or None)


def test_a_call_that_worked_has_no_error() -> None:
    assert only({**chat(), "http.response.status_code": 200}).error is None


@pytest.mark.parametrize(
    ("state", "probability"),
    [("", None), ("ot=th:0", 1.0), ("ot=th:8", 0.5), ("a=b,ot=rv:00;th:c", 0.25), ("ot=p:3", 0.125),
     ("ot=th:zz", None), ("xot=th:8", None), ("ot=th:ffffffffffffff", 2**-56)],
)  # fmt: skip
def test_sampling_probability(state: str, probability: float | None) -> None:
    assert sampling_probability(state) == probability


def test_canonical_names() -> None:
    assert canonical.finish_reason("FinishReason.MAX_TOKENS") == "length"
    assert canonical.finish_reason("SAFETY") == "content_filter"
    assert canonical.finish_reason("because") == "other"
    assert canonical.provider("OpenAI") == "openai"
    assert canonical.provider("our-own") == "our-own"
    assert canonical.operation("ai.embedMany.doEmbed") == "embedding"


KEYS = """gen_ai.operation.name gen_ai.input.messages gen_ai.output.messages gen_ai.system_instructions
    gen_ai.response.finish_reasons gen_ai.usage.input_tokens gen_ai.tool.definitions gen_ai.request.model
    gen_ai.prompt.0.content gen_ai.completion.0.tool_calls.0.arguments gen_ai.tool.call.arguments
    gen_ai.retrieval.documents events llm.request.type openinference.span.kind
    llm.input_messages.0.message.content llm.input_messages.0.message.contents.0.message_content.type
    llm.input_messages llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments
    llm.invocation_parameters llm.token_count.prompt llm.tools.0.tool.json_schema input.value output.value
    embedding.embeddings.0.embedding.text metadata annotations.0.annotation.score
    retrieval.documents.0.document.content ai.operationId ai.prompt.messages ai.prompt ai.response.toolCalls
    ai.values ai.response.msToFirstChunk langfuse.observation.type langfuse.observation.input
    langfuse.observation.output langfuse.observation.usage_details langfuse.observation.completion_start_time
    traceloop.span.kind traceloop.entity.input error.type lightship.redactions"""
ODD = (
    "chat", "embeddings", "execute_tool", "LLM", "TOOL", "EMBEDDING", "RETRIEVER", "generation", "tool",
    "ai.generateText.doGenerate", "ai.embed.doEmbed", "[", "{", '{"messages":', "null", '[{"role":"user"}]',
    '{"role":5,"parts":"x"}', '"x"', "[[[[]]]]", '{"choices":[1,{"message":[]}]}',
)  # fmt: skip
_keys = st.sampled_from(KEYS.split())
_integers = st.integers(-(2**63), 2**63 - 1)
_odd = (
    st.sampled_from(ODD)
    | st.text(max_size=8)
    | _integers
    | st.floats()
    | st.booleans()
    | st.lists(st.text(max_size=3) | _integers, max_size=3)
    | st.dictionaries(
        st.sampled_from(["role", "content", "parts", "type", "text", "id", "function"]),
        st.text(max_size=3) | _integers | st.lists(st.text(max_size=2), max_size=2),
        max_size=3,
    )
)


@given(st.dictionaries(_keys, _odd, max_size=8))
def test_odd_values_never_fail(attributes: dict[str, Any]) -> None:
    (view,) = views(span(attributes))
    precedence.read_span(view)
    out = assemble_batch([view])
    assert len(out.interactions) + len(out.context_spans) == 1
    for interaction in out.interactions:
        json.dumps(to_line(interaction))
        to_record(interaction)


def test_a_transcription_says_how_long_and_how_silent_its_recording_was() -> None:
    verbose = {
        "text": "Ahoy.",
        "duration": "6.0",
        "language": "english",
        "segments": [
            {"start": 0.0, "end": 2.0, "text": "Ahoy.", "no_speech_prob": 0.1},
            {"start": 2.0, "end": 6.0, "text": "", "no_speech_prob": 0.7},
        ],
    }
    by_usage = {"text": "Ahoy.", "usage": {"type": "duration", "seconds": 9}}
    by_tokens = {"text": "Ahoy.", "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 9}}
    for body, seconds, silence in ((verbose, 6.0, 0.5), (by_usage, 9.0, None), (by_tokens, None, None)):
        attributes = {"openinference.span.kind": "LLM", "output.value": json.dumps(body)}
        i = only(attributes, name="TranscriptionVerbose")
        assert (i.operation, i.output_text, i.audio_duration_s) == ("transcription", "Ahoy.", seconds)
        assert i.no_speech_probability == (None if silence is None else pytest.approx(silence))
    i = only({"gen_ai.operation.name": "transcription", "gen_ai.audio.duration_secs": "12.5"})
    assert (i.audio_duration_s, i.modality) == (12.5, "audio")


def test_pictures_are_kept_by_reference_and_hash_alone() -> None:
    raw = bytes(range(64))
    data = base64.b64encode(raw).decode()
    body = {"created": 1, "data": [{"b64_json": data, "revised_prompt": "A red buoy"}]}
    attributes = {
        "openinference.span.kind": "LLM",
        "input.value": json.dumps({"model": "gpt-image-1", "prompt": "A buoy"}),
        "output.value": json.dumps(body),
    }
    i = only(attributes, name="ImagesResponse")
    assert (i.operation, i.input_text, i.revised_prompts) == ("image", "A buoy", ("A red buoy",))
    digest = hashlib.sha256(raw).hexdigest()
    assert i.media == (MediaPart("output", "image", None, None, digest, len(raw)),)
    assert data not in json.dumps(to_line(i))
    parts = [
        {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": data},
        {"type": "uri", "modality": "image", "uri": "https://files.example.org/a.png?signature=abc"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        {"type": "blob", "modality": "image", "content": "not base64 at all, but long enough"},
    ]
    message = json.dumps([{"role": "user", "parts": parts}])
    i = only({"gen_ai.operation.name": "chat", "gen_ai.input.messages": message})
    assert i.media == (
        MediaPart("prompt", "audio", "audio/wav", None, digest, len(raw)),
        MediaPart("prompt", "image", None, "https://files.example.org/a.png"),
        MediaPart("prompt", "image", "image/png", None, digest, len(raw)),
        MediaPart("prompt", "image"),
    )


def test_what_a_person_wrote_before_is_known_where_an_answer_stands_between() -> None:
    def earlier(*said: tuple[str, str]) -> str | None:
        found = [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in said]
        i = only({"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(found)})
        return i.earlier_input_text

    told = (("system", "Be brief."), ("user", "Where?"), ("assistant", "There."), ("user", "No, where?"))
    assert earlier(*told) == "Where?"
    assert earlier(*told[:2]) is None
    assert earlier(("user", "A document."), ("user", "What does it say?")) is None
