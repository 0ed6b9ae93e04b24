"""A model provider on the loopback interface that speaks OpenAI's and Anthropic's HTTP APIs.

A raw ASGI application: ``POST /v1/chat/completions`` and ``POST /v1/messages``, streaming and not, and
``POST /v1/audio/transcriptions`` and ``POST /v1/images/generations``. Which model really answers is decided
by `Provider.conditions`; the names in the answers never change.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import orjson

from ingest.demo import anthropic_wire, openai_media_wire, openai_wire
from ingest.demo.chance import Chance
from ingest.demo.conditions import Conditions
from ingest.demo.media_texts import revised, transcript
from ingest.demo.model import RateLimited, Reply, copilot_reply, support_reply

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, bytes | Iterator[bytes]]
"""Status and body; a stream of server-sent events is an iterator."""


class Provider:
    """The ASGI application. ``conditions`` may be set from any thread between requests."""

    def __init__(self, seed: int) -> None:
        self._chance = Chance(seed)
        self._conditions = Conditions()
        self._leak_due = False
        self._lock = threading.Lock()

    @property
    def conditions(self) -> Conditions:
        """How the models behave from now on."""
        return self._conditions

    @conditions.setter
    def conditions(self, value: Conditions) -> None:
        with self._lock:
            # the first answer under a new leak leaks, so that its onset is a known moment
            self._leak_due = self._leak_due or (value.secret_share > 0 and not self._conditions.secret_share)
            self._conditions = value

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; other methods, paths and bodies get 404 and 400."""
        if scope["type"] != "http":
            return
        chunks = []
        while True:
            message = await receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        status, body = self._answer(scope["method"], scope["path"], b"".join(chunks))
        if isinstance(body, bytes):
            await _send(send, status, body)
        else:
            await _stream(send, body)

    def _answer(self, method: str, path: str, body: bytes) -> Answer:
        endpoint = {
            "/v1/chat/completions": self._openai,
            "/v1/messages": self._anthropic,
            "/v1/images/generations": self._images,
        }.get(path)
        if path == "/v1/audio/transcriptions" and method == "POST":
            return self._transcription(body)
        if endpoint is None or method != "POST":
            return 404, _error("not_found_error", f"there is no {method} {path}")
        try:
            request = orjson.loads(body)
            if not isinstance(request, dict):
                raise TypeError("the body is not an object")
            return endpoint(request)
        except (KeyError, TypeError, ValueError) as error:
            return 400, _error("invalid_request_error", f"not a request this provider understands: {error!r}")

    def _openai(self, request: dict[str, Any]) -> Answer:
        conversation = str(request.get("prompt_cache_key", ""))
        try:
            reply = support_reply(request["messages"], conversation, self._conditions, self._chance)
        except RateLimited:
            return 429, openai_wire.rate_limited()
        call = f"{self._chance.number(conversation, orjson.dumps(request['messages'])):016x}"
        if request.get("stream"):
            usage = bool((request.get("stream_options") or {}).get("include_usage"))
            return 200, openai_wire.stream(request["model"], call, reply, include_usage=usage)
        return 200, openai_wire.response(request["model"], call, reply)

    def _anthropic(self, request: dict[str, Any]) -> Answer:
        question, user = (
            request["messages"][-1]["content"],
            (request.get("metadata") or {}).get("user_id", ""),
        )
        try:
            reply = self._copilot(str(request.get("system", "")), question, user)
        except RateLimited:
            return 429, anthropic_wire.rate_limited()
        call = f"{self._chance.number(user, question):016x}"
        if request.get("stream"):
            return 200, anthropic_wire.stream(request["model"], call, reply)
        return 200, anthropic_wire.response(request["model"], call, reply)

    def _transcription(self, body: bytes) -> Answer:
        """Of a recording only the name is read: what it holds follows from that."""
        try:
            file, fields = openai_media_wire.read_upload(body)
            language = fields["language"]
            heard = transcript(file.removesuffix(".wav"), language, self._conditions, self._chance)
            return 200, openai_media_wire.transcription(heard, language)
        except (KeyError, ValueError) as error:
            return 400, _error(
                "invalid_request_error", f"not a recording this provider understands: {error!r}"
            )

    def _images(self, request: dict[str, Any]) -> Answer:
        prompt, n = str(request["prompt"]), int(request.get("n") or 1)
        key = (prompt, str(request.get("user", "")))
        rng = self._chance.stream("picture", *key)
        call = f"{self._chance.number('picture', *key):016x}"
        links = [
            f"https://pictures.example.com/{call}-{i}.png?signature={rng.getrandbits(64):x}" for i in range(n)
        ]
        return 200, openai_media_wire.images(links, [revised(prompt, rng)] * n)

    def _copilot(self, system: str, question: str, user: str) -> Reply:
        with self._lock:
            leak = self._leak_due
            reply = copilot_reply(system, question, user, self._conditions, self._chance, leak=leak)
            self._leak_due = False
        return reply


def _error(kind: str, text: str) -> bytes:
    return orjson.dumps({"error": {"type": kind, "message": text}})


async def _send(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, events: Iterator[bytes]) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for event in events:
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
