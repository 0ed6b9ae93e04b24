"""What agent frameworks tell in ways of their own, on spans of the shapes that they send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.assembly.assemble import assemble_batch
from ingest.interaction import CallError, Interaction
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
