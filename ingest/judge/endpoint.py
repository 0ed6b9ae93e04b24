"""One call of an OpenAI-compatible API, and what became of it.

Redirects are not followed and proxies of the environment are not used. Nothing that is told holds more of the
address than its host, or anything of the key. An answer is read up to a bound, within the time-out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from infra.errors import Misconfigured
from infra.judges import JudgeSettings
from infra.kafka_access import trusting
from ingest.judge.exchange import MOST_ANSWER_BYTES

CONNECT_S = 5.0
LOOK_S = 5.0
"""Seconds within which an API says that it is there."""
LONGEST_ASKED_S = 900.0
"""Longest wait that an answer may ask for."""

ANSWERED, LATER, NOT_THIS, NOT_US = "answered", "later", "not_this", "not_us"
"""It answered; it did not (try again); it refuses this request; it refuses us (key, address, model)."""

_TRY_AGAIN = frozenset({408, 409, 425, 429})
_NOT_US = frozenset({401, 402, 403, 404, 405})
_NO_LIST = frozenset({404, 405, 501})


@dataclass(frozen=True, slots=True)
class Called:
    """How a call went. ``why`` is a word for logs; ``unpaid`` says that it cannot have cost anything."""

    outcome: str
    why: str = ""
    body: bytes = b""
    wait_s: float | None = None
    unpaid: bool = False


class Endpoint:
    """Where completions are asked for.

    Raises
    ------
    Misconfigured
        If the key or the authority cannot be read.
    """

    def __init__(self, settings: JudgeSettings, where: str) -> None:
        headers = {"user-agent": "lightship", "content-type": "application/json"}
        if settings.key_file:
            headers["authorization"] = f"Bearer {read_key(settings.key_file, f'{where}.key_file')}"
        for name in ("httpx", "httpcore"):  # they log whole addresses and headers
            logging.getLogger(name).setLevel(logging.WARNING)
        self._url = f"{settings.url.rstrip('/')}/chat/completions"
        self._models = f"{settings.url.rstrip('/')}/models"
        self.host = urlsplit(settings.url).hostname or ""
        self._timeout_s = settings.timeout_s
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(settings.timeout_s, connect=CONNECT_S),
            follow_redirects=False,
            trust_env=False,
            verify=trusting(settings.ca_file, f"{where}.ca_file"),
            headers=headers,
        )

    async def call(self, body: bytes) -> Called:
        """Post a body and read the answer; what goes wrong is an outcome, never raised."""
        try:
            async with (
                asyncio.timeout(self._timeout_s + CONNECT_S),
                self._client.stream("POST", self._url, content=body) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    return _refused(response.status_code, response.headers)
                answer = b""
                async for piece in response.aiter_bytes():
                    answer += piece
                    if len(answer) > MOST_ANSWER_BYTES:
                        return Called(NOT_THIS, "too_large")
                return Called(ANSWERED, body=answer)
        except (TimeoutError, httpx.TimeoutException) as error:
            return Called(LATER, "time_out", unpaid=isinstance(error, httpx.ConnectTimeout))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Called(LATER, "no_connection", unpaid=isinstance(error, httpx.ConnectError))

    async def look(self) -> Called:
        """Ask which models there are, which costs nothing; an API without such a list is there as well."""
        try:
            async with (
                asyncio.timeout(LOOK_S),
                self._client.stream("GET", self._models, timeout=LOOK_S) as response,
            ):
                code = response.status_code
                there = code in _NO_LIST or 200 <= code < 300
                return Called(ANSWERED) if there else _refused(code, response.headers)
        except (TimeoutError, httpx.TimeoutException):
            return Called(LATER, "time_out", unpaid=True)
        except (httpx.HTTPError, httpx.InvalidURL):
            return Called(LATER, "no_connection", unpaid=True)

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()


def _refused(code: int, headers: Mapping[str, str]) -> Called:
    if code >= 500 or code in _TRY_AGAIN:
        asked = headers.get("retry-after", "")
        wait_s = min(float(asked[:9]), LONGEST_ASKED_S) if asked.isascii() and asked.isdigit() else None
        return Called(LATER, f"status_{code}", wait_s=wait_s, unpaid=True)
    return Called(NOT_US if code in _NOT_US or code < 400 else NOT_THIS, f"status_{code}", unpaid=True)


def read_key(path: str, where: str) -> str:
    """The key in a file: one line of visible ASCII. ``where`` is the setting.

    Raises
    ------
    Misconfigured
        If it cannot be read, is empty or holds anything else.
    """
    try:
        key = Path(path).read_bytes().strip().decode("ascii")
    except OSError as error:
        raise Misconfigured(f"{where} {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        key = ""
    if not key or not key.isprintable() or " " in key:
        raise Misconfigured(f"{where} {path} must hold one line of visible ASCII characters")
    return key
