"""The provider over ASGI, without a network."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from ingest.demo.conditions import Conditions
from ingest.demo.provider import Provider

QUESTION = "Our search service needs to read a large file line by line. What is the usual way in Python?"
LEAK = "```bash\nexport "
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Where is my order TT-123456?"}]}


def _post(provider: Provider, path: str, body: bytes, method: str = "POST") -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(provider)
        async with httpx.AsyncClient(transport=transport, base_url="http://provider") as client:
            return await client.request(method, path, content=body)

    return asyncio.run(send())


def _ask(provider: Provider, user: str) -> str:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": QUESTION}]}
    response = _post(provider, "/v1/messages", orjson.dumps({**body, "metadata": {"user_id": user}}))
    return str(response.json()["content"][0]["text"])


def test_the_first_answer_under_a_new_leak_leaks_and_few_others_do() -> None:
    provider = Provider(1)
    assert not any(LEAK in _ask(provider, f"before-{i}") for i in range(5))
    for _ in range(2):  # on, off and on again
        provider.conditions = Conditions(secret_share=1e-9)
        assert LEAK in _ask(provider, "first")
        provider.conditions = Conditions(secret_share=1e-9)  # said again for the next slice
        assert not any(LEAK in _ask(provider, f"after-{i}") for i in range(5))
        provider.conditions = Conditions()


def test_a_silent_swap_changes_lengths_and_no_name() -> None:
    provider = Provider(1)
    usual = [len(_ask(provider, f"u{i}")) for i in range(40)]
    provider.conditions = Conditions(wordiness=2.2)
    swapped = [len(_ask(provider, f"u{i}")) for i in range(40)]
    assert sum(swapped) > 1.6 * sum(usual)


def test_the_same_request_gets_the_same_answer() -> None:
    body = orjson.dumps(CHAT)
    assert _post(Provider(1), "/v1/chat/completions", body).content == (
        _post(Provider(1), "/v1/chat/completions", body).content
    )


@pytest.mark.parametrize(
    ("path", "body", "method", "status"),
    [
        ("/v1/models", b"{}", "POST", 404),
        ("/v1/messages", b"{}", "GET", 404),
        ("/v1/messages", b"{}", "POST", 400),
        ("/v1/messages", b"not json", "POST", 400),
        ("/v1/chat/completions", b"[]", "POST", 400),
        ("/v1/chat/completions", orjson.dumps({"model": "m", "messages": []}), "POST", 400),
    ],
)
def test_what_it_does_not_understand_gets_an_error(path: str, body: bytes, method: str, status: int) -> None:
    response = _post(Provider(1), path, body, method)
    assert response.status_code == status
    assert response.json()["error"]["message"]
