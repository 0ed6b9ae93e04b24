"""What agent frameworks tell in ways of their own, on spans of the shapes that they send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.interaction import CallError, Interaction
from ingest.otlp.assembly.assemble import assemble_batch
from tests.ingest.telemetry import chat, messages, span, views

AG2 = "opentelemetry.instrumentation.ag2"
GOOGLE = "opentelemetry.instrumentation.google_genai"


def only(attributes: dict[str, Any], *, scope: str = "app", **more: Any) -> Interaction:
    """The interaction a span alone stands for."""
    (interaction,) = assemble_batch(views(span(attributes, **more), scope=scope)).interactions
    return interaction


def usage(**more: Any) -> dict[str, Any]:
    """Attributes of AG2's ``record_usage`` span."""
    return {
        "ag2.span.type": "usage",
        "ag2.usage.kind": "model_call",
        "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": 34,
        "gen_ai.usage.output_tokens": 21,
        **more,
    }


def test_a_span_that_only_sums_up_tokens_is_no_call() -> None:
    out = assemble_batch(
        views(
            span({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "pilot"}, span_id=1,
                 name="invoke_agent pilot", duration_s=4),
            span(chat(), span_id=2, parent=1, start_s=1),
            span(usage(), span_id=3, parent=1, start_s=3, name="record_usage model_call", duration_s=0),
            scope=AG2,
        )
    )  # fmt: skip
    assert [i.span_id[-1] for i in out.interactions] == ["2"]
    assert [(c.kind, c.name) for c in out.context_spans][-1] == ("other", "record_usage model_call")


@pytest.mark.parametrize(
    "more",
    [
        {"gen_ai.request.model": "gpt-4o-mini"},
        {"gen_ai.response.id": "chatcmpl-1"},
        {"gen_ai.response.finish_reasons": ["stop"]},
        {"gen_ai.completion": "Aye."},
    ],
)
def test_a_span_without_an_operation_that_says_more_than_tokens_is_a_call(more: dict[str, Any]) -> None:
    told = {k: v for k, v in usage(**more).items() if not k.startswith("ag2.")}
    assert only(told).input_tokens == 34


def test_tokens_alone_are_a_call_where_attributes_were_lost() -> None:
    told = {k: v for k, v in usage().items() if not k.startswith("ag2.")}
    assert only(told, dropped=3).input_tokens == 34


@pytest.mark.parametrize(
    ("reason", "failed"),
    [("error", True), ("failed", True), ("FinishReason.MALFORMED_FUNCTION_CALL", True),
     ("network_error", True), ("stop", False), ("content_filter", False), ("cancelled", False)],
)  # fmt: skip
def test_a_finish_reason_of_failure_is_an_error(reason: str, failed: bool) -> None:
    found = only({**chat(), "gen_ai.response.finish_reasons": [reason]}).error
    assert found == (CallError(reason) if failed else None)


def test_a_finish_reason_of_failure_leaves_what_the_span_says_of_it() -> None:
    told = {**chat(), "gen_ai.response.finish_reasons": ["error"], "error.type": "RateLimitError"}
    found = only(told, error="slow down").error
    assert found == CallError("RateLimitError", "slow down", 429)


def chunks(*said: str, last: str | None = "stop") -> str:
    """One message for each chunk of a stream, as Google's libraries send it."""
    reasons = [""] * (len(said) - 1) + [last]
    return json.dumps(
        [
            {"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": reason}
            for text, reason in zip(said, reasons, strict=True)
        ]
    )


def google(output: str, **more: Any) -> dict[str, Any]:
    """Attributes of a call of Google's library."""
    return {
        **chat(),
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.output.messages": output,
        **more,
    }


def test_chunks_of_a_stream_of_googles_libraries_are_one_text() -> None:
    told = google(chunks("The lamp ", "is lit at s", "ix."))
    i = only(told, scope=GOOGLE)
    assert i.output_texts == ("The lamp is lit at six.",)
    unfinished = google(chunks("The lamp ", "is lit at s", last=""), **{"gen_ai.request.stream": True})
    del unfinished["gen_ai.response.finish_reasons"]
    assert only(unfinished, scope=GOOGLE).output_texts == ("The lamp is lit at s",)


def test_candidates_of_googles_libraries_stay_apart() -> None:
    two = json.loads(chunks("a", last="stop")) + json.loads(chunks("b", last="stop"))
    told = google(json.dumps(two), **{"gen_ai.request.choice.count": 2})
    assert only(told, scope=GOOGLE).output_texts == ("a", "b")


def test_items_of_an_answer_of_others_keep_their_lines() -> None:
    assert only({**chat(), "gen_ai.output.messages": chunks("One.", "Two.")}).output_text == "One.\nTwo."


def test_chunks_that_adk_keeps_are_one_text() -> None:
    answered = {"content": {"role": "model", "parts": [{"text": "The lamp "}, {"text": "is lit."}]}}
    told = {
        "gen_ai.system": "gcp.vertex.agent",
        "gcp.vertex.agent.llm_request": json.dumps({"contents": [{"parts": [{"text": "When?"}]}]}),
        "gcp.vertex.agent.llm_response": json.dumps(answered),
    }
    assert only(told, name="call_llm", scope="gcp.vertex.agent").output_text == "The lamp is lit."


def test_thinking_tokens_are_reasoning_tokens() -> None:
    assert only({**chat(), "gen_ai.usage.thinking_tokens": 5}).reasoning_tokens == 5


@pytest.mark.parametrize(
    "more",
    [
        {"metadata": json.dumps({"ls_provider": "anthropic", "user_id": "u-1", "thread_id": "t-1"})},
        {"metadata.ls_provider": "anthropic", "metadata.user_id": "u-1", "metadata.thread_id": "t-1"},
        {"langsmith.metadata.ls_provider": "anthropic", "langsmith.metadata.user_id": "u-1",
         "langsmith.metadata.thread_id": "t-1"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["openinference", "genai"])
def test_what_langchain_puts_into_metadata_is_read(more: dict[str, Any], kind: str) -> None:
    told = {k: v for k, v in chat().items() if k != "gen_ai.provider.name"}
    if kind == "openinference":
        told = {"openinference.span.kind": "LLM", "llm.model_name": "claude"}
    i = only({**told, **more})
    assert (i.provider, i.user, i.conversation_id) == ("anthropic", "u-1", "t-1")


def test_a_provider_that_is_named_comes_before_that_of_the_metadata() -> None:
    more = {"metadata": json.dumps({"ls_provider": "anthropic"})}
    assert only({**chat(), **more}).provider == "openai"
    told = {"openinference.span.kind": "LLM", "llm.provider": "openai", **more}
    assert only(told).provider == "openai"


@pytest.mark.parametrize(
    "body",
    [
        {"system": "Be brief.", "messages": [{"role": "user", "content": "Ahoy?"}]},
        {"instructions": "Be brief.", "input": "Ahoy?"},
        {"config": {"system_instruction": "Be brief."}, "contents": "Ahoy?"},
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Ahoy?"}]},
    ],
)
def test_the_system_prompt_in_the_payload_is_read_beside_messages(body: dict[str, Any]) -> None:
    told = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Ahoy?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "Ahoy!",
        "input.value": json.dumps(body),
    }
    i = only(told)
    assert (i.system_prompt, i.input_text, i.n_input_messages) == ("Be brief.", "Ahoy?", 1)
    hidden = {**told, "llm.input_messages.0.message.content": "__REDACTED__"}
    assert only(hidden).system_prompt is None


def turns(*said: tuple[str, str]) -> dict[str, Any]:
    """A chat whose request holds the messages; of role ``tool`` they are results."""
    return {**chat(), "gen_ai.input.messages": messages(*said)}


def test_results_of_tools_are_those_of_the_current_turn() -> None:
    told = turns(
        ("user", "Tide?"), ("assistant", "…"), ("tool", "Rising."), ("assistant", "It rises."),
        ("user", "Wind?"), ("assistant", "…"), ("tool", "West."), ("assistant", "…"), ("tool", "Gale."),
    )  # fmt: skip
    assert only(told).tool_results == ("West.", "Gale.")
    assert only(turns(("user", "Tide?"), ("tool", "Rising."), ("user", "Thanks."))).tool_results == ()
    assert only(turns(("system", "Be brief."), ("tool", "Rising."))).tool_results == ("Rising.",)


def test_results_that_come_with_what_a_person_says_are_of_this_turn() -> None:
    blocks = [
        {"role": "user", "content": "Tide?"},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "1", "content": "Rising."},
            {"type": "text", "text": "And be quick."},
        ]},
    ]  # fmt: skip
    assert only({**chat(), "gen_ai.input.messages": json.dumps(blocks)}).tool_results == ("Rising.",)


def mastra(kind: str, **more: Any) -> dict[str, Any]:
    """Attributes of a span of Mastra's exporter."""
    return {"mastra.span.type": kind, "gen_ai.operation.name": kind, **more}


CHAT = {"gen_ai.operation.name": "chat"}
STEP_INPUT = json.dumps(
    [
        {"role": "system", "parts": [{"text": "Be brief."}]},
        {"role": "user", "parts": [{"text": "Tide in Brest?"}]},
    ]
)
STEP_OUTPUT = json.dumps(
    {"text": "", "toolCalls": [{"toolCallId": "c1", "toolName": "tide", "args": {"port": "Brest"}}]}
)


def mastra_run() -> list[Any]:
    """An agent of Mastra that makes two calls: the first asks for a tool, the second answers."""
    model = {"gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai"}
    second = json.loads(STEP_INPUT)
    return views(
        span(mastra("agent_run", **{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "pilot",
                                    "mastra.metadata.userId": "u-1", "mastra.metadata.sessionId": "s-1"}),
             span_id=1, name="invoke_agent pilot", duration_s=9),
        span(mastra("model_generation", **{"mastra.model_generation.input": STEP_INPUT}),
             span_id=2, parent=1, duration_s=9, start_s=0.1),
        span(mastra("model_step", **{"gen_ai.operation.name": "agent_step",
                                     "mastra.model_step.input": STEP_INPUT,
                                     "mastra.model_step.output": STEP_OUTPUT}),
             span_id=3, parent=2, start_s=0.2, duration_s=3, name="step: 0"),
        span(mastra("model_inference", **CHAT, **model, **{"gen_ai.usage.input_tokens": 12,
                    "gen_ai.response.finish_reasons": '["tool-calls"]',
                    "mastra.completion_start_time": "2026-11-24T06:00:00.700Z"}),
             span_id=4, parent=3, start_s=0.3, name="model_inference"),
        span({}, span_id=7, parent=4, start_s=0.4, duration_s=0, name="chunk"),
        span(mastra("model_step", **{
                "mastra.model_step.input": json.dumps({"body": {"messages": second}}),
                "mastra.model_step.output": json.dumps({"text": "It rises.", "toolCalls": []})}),
             span_id=5, parent=2, start_s=4, duration_s=3, name="step: 1"),
        span(mastra("model_inference", **CHAT, **model, **{"gen_ai.usage.input_tokens": 18}),
             span_id=6, parent=5, start_s=4.1, name="model_inference"),
        scope="@mastra/otel-exporter",
    )  # fmt: skip


def test_a_call_of_mastra_gets_the_input_and_the_tool_calls_of_the_step_around_it() -> None:
    out = assemble_batch(mastra_run())
    first, second = out.interactions
    assert (first.dialect, first.provider, first.request_model) == ("mastra", "openai", "gpt-4o")
    assert (first.system_prompt, first.input_text, first.output_text) == ("Be brief.", "Tide in Brest?", None)
    assert [(c.name, c.arguments, c.id) for c in first.tool_calls] == [("tide", {"port": "Brest"}, "c1")]
    assert first.finish_reasons == ("tool_call",)
    assert (second.input_text, second.output_text, second.input_tokens) == ("Tide in Brest?", "It rises.", 18)
    assert (second.tool_calls, first.time_to_first_chunk_s) == ((), 0.4)
    for call in (first, second):
        assert (call.agent_name, call.user, call.conversation_id) == ("pilot", "u-1", "s-1")
        assert call.content_from == "mastra.model_step.*"
    assert [c.span_id[-1] for c in out.context_spans] == ["1", "2", "3", "7", "5"]


def test_an_attempt_that_a_step_gave_up_gets_what_was_asked_and_not_the_answer_of_the_next() -> None:
    given_up, answered = (
        mastra(
            "model_inference", **CHAT, **{"gen_ai.request.model": "m", "gen_ai.response.id": f"resp-{n}00000"}
        )
        for n in (1, 2)
    )
    step = mastra(
        "model_step", **{"mastra.model_step.input": STEP_INPUT, "mastra.model_step.output": STEP_OUTPUT}
    )
    out = assemble_batch(
        views(
            span(step, span_id=1, duration_s=5),
            span(given_up, span_id=2, parent=1, start_s=0.1),
            span(answered, span_id=3, parent=1, start_s=2),
        )
    )
    assert [(i.input_text, len(i.tool_calls)) for i in out.interactions] == [
        ("Tide in Brest?", 0),
        ("Tide in Brest?", 1),
    ]


def test_of_older_versions_the_generation_is_the_call_and_not_what_it_holds() -> None:
    out = assemble_batch(
        views(
            span({**mastra("model_generation"), **chat()}, span_id=1, duration_s=5),
            span(mastra("model_step", **{"mastra.model_step.input": STEP_INPUT}), span_id=2, parent=1),
            span(mastra("model_inference"), span_id=3, parent=2),
        )
    )
    assert [i.span_id[-1] for i in out.interactions] == ["1"]
    assert out.interactions[0].input_text == "What is a lightship?"


def test_a_step_gives_nothing_to_a_call_that_says_it_itself() -> None:
    step = mastra(
        "model_step", **{"mastra.model_step.input": STEP_INPUT, "mastra.model_step.output": STEP_OUTPUT}
    )
    inner = span(chat("Ahoy?", "Ahoy!"), span_id=2, parent=1, start_s=0.1)
    (i,) = assemble_batch(views(span(step, span_id=1, duration_s=5), inner)).interactions
    assert (i.input_text, i.output_text, i.system_prompt) == ("Ahoy?", "Ahoy!", None)
    assert [c.name for c in i.tool_calls] == ["tide"]


def test_mastras_generation_without_inner_spans_is_a_call_with_its_first_chunk() -> None:
    told = {
        **mastra("model_generation"), **chat(), "mastra.completion_start_time": "2026-11-24T06:00:00.250Z",
        "mastra.metadata.threadId": "t-1", "gen_ai.usage.cached_input_tokens": 4,
    }  # fmt: skip
    i = only(told, scope="@mastra/otel")
    assert i.output_text == "A ship that is a lighthouse."
    assert (i.conversation_id, i.cached_tokens, i.time_to_first_chunk_s) == ("t-1", 4, 0.25)
