"""``lightship mark``: record a change with the running gateway, to be a suspect of what comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from infra.embedded.addresses import gateway_address
from infra.errors import Misconfigured, Unavailable
from infra.gateway_section import INGEST_KEY
from infra.settings import load
from ingest.gateway.json_endpoints import CHANGES

TIMEOUT_S = 30.0


def mark(config: Path | None, key: str, change: dict[str, str | None]) -> dict[str, Any]:
    """Record one change; the gateway's answer. ``key`` is empty where a gateway asks for none.

    Raises
    ------
    Misconfigured
        If the gateway refuses the key or the change; the message says why.
    Unavailable
        If it does not answer, or cannot keep it now.
    """
    base = gateway_address(load(config))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    said = {name: value for name, value in change.items() if value is not None}
    try:
        response = httpx.post(f"{base}{CHANGES}", json=said, headers=headers, timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        raise Unavailable(
            f"the gateway does not answer at {base} ({type(error).__name__}): start `lightship up`"
        ) from error
    if response.is_success:
        body: dict[str, Any] = response.json()
        return {"marker_id": body["ids"][0], **said}
    if response.status_code in (401, 403):
        raise Misconfigured(f"the gateway refuses the key: set {INGEST_KEY} (`lightship keys create`)")
    reason = f"the gateway answered {response.status_code}: {response.text[:300]}"
    raise Unavailable(reason) if response.status_code >= 500 else Misconfigured(reason)


def show_marked(report: dict[str, Any]) -> str:
    """One line."""
    return f"{report['marker_id']}  {report['kind']} {report['value']} recorded"
