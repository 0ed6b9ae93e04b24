"""A judge's API that leads elsewhere is not followed: nothing goes where nobody configured."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from infra.judges import JudgeSettings
from ingest.judge.endpoint import ANSWERED, Called, Endpoint
from tests.loopback import Loopback, says


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(tmp_path: Path, status: int) -> None:
    key = tmp_path / "key"
    key.write_text("judge-key-of-harbour-0123456789\n")

    async def call(url: str) -> Called:
        endpoint = Endpoint(JudgeSettings(url=url, model="m", key_file=str(key)), "judge.fit")
        try:
            return await endpoint.call(b'{"text": "a judged text"}')
        finally:
            await endpoint.close()

    with Loopback(says(200)) as elsewhere, Loopback(says(status, location=f"{elsewhere.url}/taken")) as api:
        called = asyncio.run(call(api.url))
        assert len(api.got) == 1
        assert elsewhere.got == []
    assert (called.outcome == ANSWERED, called.why) == (False, f"status_{status}")
