"""The few ASGI shapes and steps that both embedded HTTP servers need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]


class BodyTooLarge(Exception):
    """More bytes arrived than are allowed."""


class Disconnected(Exception):
    """The client went away before its request was complete."""


def header_map(scope: Scope) -> dict[str, str]:
    """Request headers by lower-case name; of repeated ones the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(receive: Receive, limit_bytes: int) -> bytes:
    """The whole request body.

    Raises
    ------
    BodyTooLarge
        As soon as more than ``limit_bytes`` have come.
    Disconnected
        If the client goes away first; nothing of the request may be acted on.
    """
    chunks = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit_bytes:
            raise BodyTooLarge
        chunks.append(chunk)
        if not message.get("more_body"):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def respond(send: Send, status: int, headers: Headers = (), body: bytes = b"") -> None:
    """Answer with a whole body; a ``content-length`` already among the headers is kept (HEAD)."""
    lines = list(headers)
    if not any(name == b"content-length" for name, _ in lines):
        lines.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
