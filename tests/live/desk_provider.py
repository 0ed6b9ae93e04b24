"""The model provider of the live applications: OpenAI's chat API, one fixed answer to each question."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from infra.embedded.asgi import Receive, Scope, Send, read_body
from ingest.demo import openai_wire
from ingest.demo.model import Reply

MOST_BYTES = 16 << 20
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
        _scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer by the first word of the last message; an unknown one gets a 429."""
        body = await read_body(receive, MOST_BYTES)
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
        await answer(send, status, kind, chunks)


async def answer(
    send: Send,
    status: int,
    kind: bytes,
    chunks: Iterator[bytes],
) -> None:
    """Send what was decided, a chunk at a time."""
    head = {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]}
    await send(head)
    for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
