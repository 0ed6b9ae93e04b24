"""The alerts API as a command sees it: asked with the stored token, refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from alerts.access.keys import read_token
from infra.embedded.addresses import alerts_address
from infra.errors import Misconfigured, Unavailable
from infra.settings import load

TIMEOUT_S = 30.0


def get(config: Path | None, path: str, **filters: str | None) -> dict[str, Any]:
    """What the API answers to a question.

    Raises
    ------
    Misconfigured
        If the token cannot be read or is not the service's, or what is asked for is not there.
    Unavailable
        If the alerts service does not answer.
    """
    return _request(config, "GET", path, _given(filters))


def post(config: Path | None, path: str, actor: str, reason: str, **named: str | None) -> dict[str, Any]:
    """Have something done; what was done.

    Raises
    ------
    Misconfigured
        If it is not possible as it stands; the message says why.
    Unavailable
        If the alerts service does not answer, or cannot reach what it needs.
    """
    return _request(config, "POST", path, {**_given(named), "actor": actor, "reason": reason})


def _given(named: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in named.items() if value is not None}


def _request(config: Path | None, method: str, path: str, given: dict[str, str]) -> dict[str, Any]:
    settings = load(config)
    base = alerts_address(settings)
    headers = {"Authorization": f"Bearer {read_token(settings.home)}"}
    sent: dict[str, Any] = {"params": given} if method == "GET" else {"json": given}
    try:
        response = httpx.request(method, f"{base}{path}", headers=headers, timeout=TIMEOUT_S, **sent)
    except httpx.HTTPError as error:
        raise Unavailable(
            f"the alerts service does not answer at {base} ({type(error).__name__}): start `lightship up`, "
            "or correct alerts.port"
        ) from error
    if response.is_success:
        body: dict[str, Any] = response.json()
        return body
    said = _error(response)
    raise Unavailable(said) if response.status_code >= 500 else Misconfigured(said)


def _error(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"the alerts service answered {response.status_code}"
