"""The model provider of the live applications: OpenAI's chat API, one fixed answer to each question."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import orjson

from ingest.demo import openai_wire
from ingest.demo.model import Reply

ANSWER = "The lamp is lit at six."
STREAMED = "Le phare s'allume à dix-huit heures."
ARGUMENTS = {"city": "Halifax"}
_REPLIES = {
    "Hello": Reply(ANSWER, "stop", 64, 23),
    "Bonjour": Reply(STREAMED, "stop", 40, 12),
    "What": Reply(None, "tool", 70, 15, "get_weather", ARGUMENTS),
}


class DeskProvider:
    """The ASGI application; ``requests`` counts what it was asked."""

    def __init__(self) -> None:
        self.requests = 0

    async def __call__(
        self,
        _scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer by the first word of the last message; an unknown one gets a 429."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.requests += 1
        asked = orjson.loads(body)
        word = str(asked["messages"][-1]["content"]).partition(" ")[0].strip(",")
        reply = _REPLIES.get(word)
        status, kind = 200, b"application/json"
        chunks: Iterator[bytes]
        if reply is None:
            status, chunks = 429, iter((openai_wire.rate_limited(),))
        elif asked.get("stream"):
            kind = b"text/event-stream"
            chunks = openai_wire.stream(asked["model"], word, reply, include_usage=True)
        else:
            chunks = iter((openai_wire.response(asked["model"], word, reply),))
        await _answer(send, status, kind, chunks)


async def _answer(
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    status: int,
    kind: bytes,
    chunks: Iterator[bytes],
) -> None:
    head = {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]}
    await send(head)
    for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
