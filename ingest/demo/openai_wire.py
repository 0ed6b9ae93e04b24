"""Bodies of OpenAI's chat completions API (https://platform.openai.com/docs/api-reference/chat)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from ingest.demo.model import Reply

_DATED = "2026-03-17"  # the API answers with a dated name of the model asked for
_FINISH = {"stop": "stop", "length": "length", "tool": "tool_calls"}
_PIECES = 4


def response(model: str, call: str, reply: Reply) -> bytes:
    """The whole answer as one JSON object."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool is not None:
        message["tool_calls"] = [_tool_call(call, reply)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[reply.finish]}
    head = _head(model, call, "chat.completion")
    return orjson.dumps({**head, "choices": [choice], "usage": _usage(reply)})


def stream(model: str, call: str, reply: Reply, *, include_usage: bool) -> Iterator[bytes]:
    """The answer as server-sent events, the text in a few pieces."""
    head = _head(model, call, "chat.completion.chunk")
    yield _event(head, {"role": "assistant", "content": None if reply.tool else ""})
    if reply.tool is not None:
        yield _event(head, {"tool_calls": [{"index": 0, **_tool_call(call, reply)}]})
    for piece in pieces(reply.text or "", _PIECES):
        yield _event(head, {"content": piece})
    yield _event(head, {}, _FINISH[reply.finish])
    if include_usage:
        yield b"data: " + orjson.dumps({**head, "choices": [], "usage": _usage(reply)}) + b"\n\n"
    yield b"data: [DONE]\n\n"


def rate_limited() -> bytes:
    """Body of a 429."""
    text = "Rate limit reached for requests per minute. Please try again in 2s."
    return orjson.dumps(
        {"error": {"message": text, "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    )


def pieces(text: str, n: int) -> Iterator[str]:
    """``text`` in at most ``n`` parts of about equal length."""
    step = -(-len(text) // n) or 1
    return (text[i : i + step] for i in range(0, len(text), step))


def _head(model: str, call: str, kind: str) -> dict[str, Any]:
    # a real one counts seconds of the provider's clock; here no clock is read
    return {"id": f"chatcmpl-{call}", "object": kind, "created": 0, "model": f"{model}-{_DATED}"}


def _usage(reply: Reply) -> dict[str, int]:
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }


def _tool_call(call: str, reply: Reply) -> dict[str, Any]:
    arguments = orjson.dumps(dict(reply.arguments or {})).decode()
    return {
        "id": f"call_{call}",
        "type": "function",
        "function": {"name": reply.tool, "arguments": arguments},
    }


def _event(head: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return b"data: " + orjson.dumps({**head, "choices": [choice]}) + b"\n\n"
