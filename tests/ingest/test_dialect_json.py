"""JSON cut off by an attribute length limit, and messages in every shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.record import ToolCall
from ingest.otlp.dialects import partial_json
from ingest.otlp.dialects.messages import read_messages

_leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=12)
_json = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)
_documents = st.lists(_json, max_size=4) | st.dictionaries(st.text(max_size=5), _json, max_size=4)


def _is_part_of(part: Any, whole: Any) -> bool:
    """Whether ``part`` is what was sent of ``whole`` up to some point."""
    if isinstance(whole, str):
        return isinstance(part, str) and whole.startswith(part.rstrip("�"))
    if isinstance(whole, list):
        return (
            isinstance(part, list)
            and len(part) <= len(whole)
            and all(_is_part_of(p, w) for p, w in zip(part, whole, strict=False))
        )
    if isinstance(whole, dict):
        return isinstance(part, dict) and all(
            k in whole and _is_part_of(v, whole[k]) for k, v in part.items()
        )
    return bool(part == whole)


@given(_documents, st.floats(0, 1), st.booleans())
def test_any_prefix_of_json_gives_what_was_sent_and_nothing_more(
    doc: Any, cut: float, ascii_only: bool
) -> None:
    text = json.dumps(doc, ensure_ascii=ascii_only)
    prefix = text[: max(1, int(len(text) * cut))]
    value, was_cut = partial_json.load(prefix)
    if was_cut:
        assert _is_part_of(value, json.loads(text))
    else:
        assert prefix == text
        assert value == json.loads(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        partial_json.load(text)
    except ValueError:
        return


def test_deep_nesting_is_refused_not_crashed_on() -> None:
    for text in ("[" * 200_000, '{"a":' * 100_000, "[" * 200_000 + "]" * 200_000):
        with pytest.raises(ValueError, match=r"."):
            partial_json.load(text)


def test_a_text_cut_in_the_middle_is_kept_up_to_there() -> None:
    sent = json.dumps([{"role": "user", "parts": [{"type": "text", "content": 'He said "ahoy" \n twice'}]}])
    messages, cut = read_messages(sent[: sent.index("ahoy") + 2], "user")
    assert cut
    assert messages[0].text() == 'He said "ah'


CALL = ToolCall("get_tide", {"port": "Brest"}, "c1")

SHAPES: dict[str, tuple[Any, str, str | None, list[ToolCall]]] = {
    "otel": (
        [{"role": "assistant", "parts": [
            {"type": "text", "content": "Looking."},
            {"type": "tool_call", "id": "c1", "name": "get_tide", "arguments": {"port": "Brest"}}]}],
        "assistant", "Looking.", [CALL],
    ),
    "openai": (
        [{"role": "assistant", "content": "Looking.", "tool_calls": [
            {"id": "c1", "type": "function",
             "function": {"name": "get_tide", "arguments": '{"port": "Brest"}'}}]}],
        "assistant", "Looking.", [CALL],
    ),
    "openai choice": (
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Looking."}},
        "assistant", "Looking.", [],
    ),
    "anthropic": (
        [{"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hmm"}, {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "c1", "name": "get_tide", "input": {"port": "Brest"}}]}],
        "assistant", "Looking.", [CALL],
    ),
    "gemini": (
        [{"role": "model", "parts": [
            {"text": "hmm", "thought": True}, {"text": "Looking."},
            {"functionCall": {"id": "c1", "name": "get_tide", "args": {"port": "Brest"}}}]}],
        "assistant", "Looking.", [CALL],
    ),
    "bedrock": (
        [{"role": "assistant", "content": [
            {"text": "Looking."},
            {"toolUse": {"toolUseId": "c1", "name": "get_tide", "input": {"port": "Brest"}}}]}],
        "assistant", "Looking.", [CALL],
    ),
    "vercel": (
        [{"role": "assistant", "content": [
            {"type": "text", "text": "Looking."},
            {"type": "tool-call", "toolCallId": "c1", "toolName": "get_tide", "input": {"port": "Brest"}}]}],
        "assistant", "Looking.", [CALL],
    ),
    "responses message": (
        [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Looking."}]}],
        "assistant", "Looking.", [],
    ),
    "responses call": (
        [{"type": "function_call", "id": "fc_9", "call_id": "c1", "name": "get_tide",
          "arguments": '{"port":"Brest"}'}],
        "assistant", None, [CALL],
    ),
    "langchain serialised": (
        [[{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"],
           "kwargs": {"content": "Looking.", "tool_calls": [
               {"name": "get_tide", "args": {"port": "Brest"}, "id": "c1", "type": "tool_call"}]}}]],
        "assistant", "Looking.", [CALL],
    ),
    "langchain dumped": ([{"type": "human", "data": {"content": "Looking."}}], "user", "Looking.", []),
    "langchain plain": ([{"type": "system", "content": "Looking."}], "system", "Looking.", []),
    "plain text": ("Looking.", "user", "Looking.", []),
    "refusal": ([{"role": "assistant", "content": None, "refusal": "No."}], "assistant", "No.", []),
    "content in a JSON string": (
        [{"role": "user",
          "content": '[{"type": "text", "text": "Looking."}, {"type": "image_url", "image_url": {}}]'}],
        "user", "Looking.", [],
    ),
    "data that is JSON": (
        [{"role": "user", "content": '[{"type": "buoy"}]'}], "user", '[{"type": "buoy"}]', [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("as_text", [False, True])
def test_messages_of_every_shape(shape: str, as_text: bool) -> None:
    value, role, text, calls = SHAPES[shape]
    messages, cut = read_messages(json.dumps(value) if as_text and not isinstance(value, str) else value)
    assert not cut
    assert len(messages) == 1
    assert messages[0].role == role
    assert messages[0].text() == text
    assert [p.call for p in messages[0].parts if p.call] == calls


TOOL_RESULTS: dict[str, Any] = {
    "otel": {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "3.2 m"}]},
    "otel, older": {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "result": "3.2 m"}]},
    "openai": {"role": "tool", "tool_call_id": "c1", "content": "3.2 m"},
    "anthropic": {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "c1", "content": "3.2 m"}]},
    "anthropic blocks": {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "3.2 m"}]}]},
    "responses": {"type": "function_call_output", "call_id": "c1", "output": "3.2 m"},
    "vercel": {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1", "output": "3.2 m"}]},
}  # fmt: skip


@pytest.mark.parametrize("shape", TOOL_RESULTS)
def test_results_of_tools_are_no_words_of_the_user(shape: str) -> None:
    (message,), _ = read_messages([TOOL_RESULTS[shape]])
    assert message.text() is None
    assert [p.text for p in message.parts] == ["3.2 m"]


@given(_json)
def test_messages_of_no_known_shape_never_raise(value: Any) -> None:
    messages, _ = read_messages(value)
    assert all(m.role == m.role.lower() for m in messages)
