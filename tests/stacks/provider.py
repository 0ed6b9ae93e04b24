"""The model provider of the stacks: chat APIs of OpenAI, Anthropic and Google, one fixed answer a question.

A word anywhere in the last message tells what is asked: frameworks wrap questions in words of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from infra.embedded.asgi import Receive, Scope, Send, read_body
from ingest.demo import anthropic_wire, openai_wire
from ingest.demo.model import Reply
from tests.live.desk_provider import ANSWER, MOST_BYTES, STREAMED, answer

TOLD = "It rains in Halifax."
CITY = {"city": "Halifax"}
_CHAT = Reply(ANSWER, "stop", 64, 23)
_STREAM = Reply(STREAMED, "stop", 40, 12)
_TOOL = Reply(None, "tool", 70, 15, "get_weather", CITY)
_TOLD = Reply(TOLD, "stop", 90, 9)

Answer = tuple[int, bytes, Iterator[bytes]]
_JSON, _EVENTS = b"application/json", b"text/event-stream"


class StackProvider:
    """The ASGI application; ``asked`` counts model calls since it was last set to 0."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is no model call gets a 404."""
        body = await read_body(receive, MOST_BYTES)
        status, kind, chunks = self._answer(str(scope["path"]), body)
        await answer(send, status, kind, chunks)

    def _answer(self, path: str, body: bytes) -> Answer:
        model, _, verb = path.rpartition("/")[2].partition(":")
        google = verb in ("generateContent", "streamGenerateContent")
        ways = {"completions": _openai, "responses": _responses, "messages": _anthropic}
        if not google and model not in ways:
            return 404, _JSON, iter((b"{}",))
        self.asked += 1
        request = orjson.loads(body)
        reply = _reply(request)
        call = str(self.asked)
        if reply is None:
            text = {
                "message": "This question is refused.",
                "type": "invalid_request_error",
                "code": "refused",
            }
            return 400, _JSON, iter((orjson.dumps({"type": "error", "error": text}),))
        if google:
            return _google(reply, stream=verb.startswith("stream"))
        return ways[model](request, call, reply)


def _reply(request: Mapping[str, Any]) -> Reply | None:
    turns = request.get("messages") or request.get("input") or request.get("contents") or []
    last = turns if isinstance(turns, str) else orjson.dumps(turns[-1]).decode()
    answered = any(
        word in last for word in ('"tool"', "tool_result", "function_call_output", "functionResponse")
    )
    if answered or "rains" in last:
        return _TOLD
    if "Too many" in last:
        return None
    if "phare" in last:
        return _STREAM
    if "weather" in last:
        return _TOOL if request.get("tools") else _TOLD
    return _CHAT


def _openai(request: Mapping[str, Any], call: str, reply: Reply) -> Answer:
    if request.get("stream"):
        return 200, _EVENTS, openai_wire.stream(request["model"], call, reply, include_usage=True)
    return 200, _JSON, iter((openai_wire.response(request["model"], call, reply),))


def _anthropic(request: Mapping[str, Any], call: str, reply: Reply) -> Answer:
    if request.get("stream"):
        return 200, _EVENTS, anthropic_wire.stream(request["model"], call, reply)
    if reply.tool is None:
        return 200, _JSON, iter((anthropic_wire.response(request["model"], call, reply),))
    told = orjson.loads(anthropic_wire.response(request["model"], call, _TOLD))
    told["stop_reason"] = "tool_use"
    told["content"] = [{"type": "tool_use", "id": f"toolu_{call}", "name": reply.tool, "input": CITY}]
    return 200, _JSON, iter((orjson.dumps(told),))


def _responses(request: Mapping[str, Any], call: str, reply: Reply) -> Answer:
    part: dict[str, Any] = {"type": "output_text", "text": reply.text, "annotations": []}
    item: dict[str, Any] = {
        "type": "message",
        "id": f"msg_{call}",
        "role": "assistant",
        "status": "completed",
    }
    item["content"] = [part]
    if reply.tool is not None:
        item = {"type": "function_call", "id": f"fc_{call}", "call_id": f"call_{call}", "status": "completed"}
        item |= {"name": reply.tool, "arguments": orjson.dumps(CITY).decode()}
    usage: dict[str, Any] = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}
    usage |= {"total_tokens": reply.input_tokens + reply.output_tokens}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    whole = {"id": f"resp_{call}", "object": "response", "created_at": 0, "status": "completed"}
    whole |= {"model": request["model"], "output": [item], "usage": usage, "error": None}
    whole |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": request.get("tools") or []}
    whole |= {"incomplete_details": None, "instructions": None, "metadata": {}, "temperature": 1, "top_p": 1}
    if not request.get("stream"):
        return 200, _JSON, iter((orjson.dumps(whole),))
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    opened = {**item, "content": [], "status": "in_progress"} if reply.tool is None else item
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": opened},
    ]
    if reply.tool is None:
        events += [
            {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
            {"type": "response.output_text.delta", **at, "delta": reply.text, "logprobs": []},
            {"type": "response.output_text.done", **at, "text": reply.text, "logprobs": []},
            {"type": "response.content_part.done", **at, "part": part},
        ]
    events += [
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return 200, _EVENTS, (_event(i, one) for i, one in enumerate(events))


def _event(number: int, one: Mapping[str, Any]) -> bytes:
    data = orjson.dumps({**one, "sequence_number": number})
    return f"event: {one['type']}\n".encode() + b"data: " + data + b"\n\n"


def _google(reply: Reply, *, stream: bool) -> Answer:
    part = (
        {"text": reply.text} if reply.tool is None else {"functionCall": {"name": reply.tool, "args": CITY}}
    )
    content = {"role": "model", "parts": [part]}
    counted = {"promptTokenCount": reply.input_tokens, "candidatesTokenCount": reply.output_tokens}
    whole = orjson.dumps(
        {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {**counted, "totalTokenCount": reply.input_tokens + reply.output_tokens},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "g1",
        }
    )
    if stream:
        return 200, _EVENTS, iter((b"data: " + whole + b"\r\n\r\n",))
    return 200, _JSON, iter((whole,))
