"""Dialects that share names with others, on invented spans: MLflow, plain payloads, LiteLLM's literals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.interaction import Interaction
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.dialects import canonical
from ingest.otlp.dialects.litellm import LONGEST_LITERAL, literal
from ingest.otlp.dialects.payload import token_counts
from tests.ingest.telemetry import span, views

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Tide?"}]
ASKED = {"model": "m-1", "messages": MESSAGES}
CALL = {"gen_ai.operation.name": "chat"}
ANSWER = {"role": "assistant", "content": "At nine."}
ANSWERED = {
    "id": "chatcmpl-1",
    "model": "m-1-2026",
    "object": "chat.completion",
    "choices": [{"index": 0, "finish_reason": "stop", "message": ANSWER}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 3},
}


def only(attributes: dict[str, Any], **more: Any) -> Interaction:
    """The interaction a span alone stands for."""
    (interaction,) = assemble_batch(views(span(attributes), **more)).interactions
    return interaction


def test_mlflow() -> None:
    i = only(
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanInputs": json.dumps(ASKED),
            "mlflow.spanOutputs": json.dumps(ANSWERED),
            "mlflow.chat.tokenUsage": '{"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}',
        }
    )
    assert (i.system_prompt, i.input_text, i.output_text) == ("Be brief.", "Tide?", "At nine.")
    assert (i.request_model, i.response_model, i.response_id) == ("m-1", "m-1-2026", "chatcmpl-1")
    assert (i.input_tokens, i.output_tokens, i.finish_reasons) == (5, 3, ("stop",))
    assert i.content_from == "mlflow.span*"


def test_mlflow_chains_are_no_calls() -> None:
    out = assemble_batch(views(span({"mlflow.spanType": '"CHAIN"', "mlflow.spanInputs": json.dumps(ASKED)})))
    assert out.interactions == []
    assert [c.kind for c in out.context_spans] == ["chain"]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("gen_ai.prompt", "gen_ai.completion"), ("input.value", "output.value")],
)
def test_payloads_stand_in_where_a_call_has_no_messages(asked: str, answered: str) -> None:
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1"}
    i = only({**call, asked: json.dumps(MESSAGES), answered: "At nine."})
    assert (i.system_prompt, i.input_text, i.output_text) == ("Be brief.", "Tide?", "At nine.")
    assert i.content_from == asked
    assert assemble_batch(views(span({asked: "Tide?", answered: "At nine."}))).interactions == []


def test_a_hidden_payload_stays_hidden() -> None:
    call = {"gen_ai.operation.name": "chat", "input.value": "__REDACTED__", "output.value": "At nine."}
    assert only(call).output_text is None


def test_logfire_says_what_the_client_was_given() -> None:
    i = only({"request_data": json.dumps(ASKED), "response_data": json.dumps({"message": {"role": "assistant",
              "content": "At nine."}, "usage": ANSWERED["usage"]})})  # fmt: skip
    assert (i.request_model, i.input_text, i.output_text, i.input_tokens) == ("m-1", "Tide?", "At nine.", 5)


def test_a_literal_is_read_and_anything_else_left() -> None:
    assert literal("{'a': [1, None, True]}") == {"a": [1, None, True]}
    for other in (
        "{'a': open('x')}",
        "[" * 5000,
        "{" * 300,
        "[1",
        "plain",
        7,
        None,
        "[" + "1," * LONGEST_LITERAL,
    ):
        assert literal(other) is other


def test_a_copy_of_a_call_that_is_not_here_is_context() -> None:
    copy = span({"llm.openai.messages": "[{'role': 'user', 'content': 'Tide?'}]"}, name="raw_gen_ai_request")
    out = assemble_batch(views(copy, scope="litellm"))
    assert (out.interactions, [c.kind for c in out.context_spans]) == ([], ["other"])


@pytest.mark.parametrize(
    ("operation", "name"),
    [("acompletion", "chat"), ("aembedding", "embedding"), ("aresponses", "responses"),
     ("atranscription", "transcription"), ("aimage_generation", "image"), ("atext_completion", "completion")],
)  # fmt: skip
def test_litellm_names_its_asynchronous_calls(operation: str, name: str) -> None:
    assert only({"gen_ai.operation.name": operation}, scope="litellm").operation == name


def test_a_failed_call_seen_by_an_app_and_by_its_gateway_is_one_whatever_the_gateway_calls_the_model() -> (
    None
):
    app = span({**CALL, "gen_ai.request.model": "desk-model"}, span_id=1, error="429")
    inner = span({**CALL, "gen_ai.request.model": "gpt-4o-mini"}, span_id=2, parent=1, error="429")
    spans = [*views(app), *views(inner, scope="litellm")]
    (i,) = assemble_batch(spans).interactions
    assert (i.request_model, i.duplicate_spans) == ("desk-model", (f"{2:016x}",))


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"input": 32, "output": 18, "total": 87, "input_cached_tokens": 32, "output_reasoning_tokens": 5},
         (64, 23, 32, 5)),
        ({"input": 64, "output": 23, "total": 87, "input_cached_tokens": 32}, (64, 23, 32, None)),
        ({"input": 64, "output": 23}, (64, 23, None, None)),
        ({"input_tokens": 34, "output_tokens": 21, "cache_read_input_tokens": 17,
          "cache_creation_input_tokens": 15}, (66, 21, 17, None)),
        ({"prompt_token_count": 34, "candidates_token_count": 21, "cached_content_token_count": 8,
          "thoughts_token_count": 5}, (34, 21, 8, 5)),
        ({"input": "x", "total": None}, (None, None, None, None)),
    ],
)  # fmt: skip
def test_usage(usage: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    assert tuple(token_counts(usage).values()) == counts


@pytest.mark.parametrize(
    ("raw", "name"),
    [("togetherai.chat", "togetherai"), ("azure-openai.responses", "azure.ai.openai"),
     ("openai.chat", "openai"), ("my.company", "my.company"), ("aws.bedrock", "aws.bedrock")],
)  # fmt: skip
def test_a_provider_is_named_without_its_api(raw: str, name: str) -> None:
    assert canonical.provider(raw) == name


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("An error occurred (ThrottlingException) when calling the Converse operation: slow down", 429),
        ("An error occurred (ValidationException) when calling the InvokeModel operation: bad", 400),
        ("An error occurred (SomethingElse) when calling the Converse operation", None),
    ],
)
def test_bedrock_says_the_status_by_name(message: str, status: int | None) -> None:
    (i,) = assemble_batch(views(span({"gen_ai.operation.name": "chat", "error.message": message,
                                      "error.type": "ClientError"}))).interactions  # fmt: skip
    assert i.error is not None
    assert i.error.http_status == status
