"""Bodies of Anthropic's messages API (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from ingest.demo.model import Reply
from ingest.demo.openai_wire import pieces

_STOP = {"stop": "end_turn", "length": "max_tokens"}
_PIECES = 4


def response(model: str, call: str, reply: Reply) -> bytes:
    """The whole answer as one JSON object."""
    message = _message(model, call, reply)
    message["content"] = [{"type": "text", "text": reply.text}]
    message["stop_reason"] = _STOP[reply.finish]
    return orjson.dumps(message)


def stream(model: str, call: str, reply: Reply) -> Iterator[bytes]:
    """The answer as server-sent events, the text in a few pieces."""
    start = _message(model, call, reply)
    start["usage"] = {**start["usage"], "output_tokens": 1}
    yield _event("message_start", message=start)
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for piece in pieces(reply.text or "", _PIECES):
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield _event("content_block_stop", index=0)
    delta = {"stop_reason": _STOP[reply.finish], "stop_sequence": None}
    yield _event("message_delta", delta=delta, usage={"output_tokens": reply.output_tokens})
    yield _event("message_stop")


def rate_limited() -> bytes:
    """Body of a 429."""
    text = "This request would exceed your organization's rate limit of requests per minute."
    return orjson.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": text}})


def _message(model: str, call: str, reply: Reply) -> dict[str, Any]:
    return {
        "id": f"msg_{call}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens},
    }


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\n".encode() + b"data: " + orjson.dumps({"type": kind, **fields}) + b"\n\n"
