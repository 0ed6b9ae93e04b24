"""Whether an Alertmanager would say what is silenced there. One question; nothing is changed."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from infra.connection_trouble import in_words, meaning
from infra.receivers import ReceiverSettings

PATH = "/api/v2/silences"
"""Where an Alertmanager says what is silenced."""
WAIT_S = 5.0


def silences_trouble(receiver: ReceiverSettings, wait_s: float = WAIT_S) -> str:
    """Why the silences of a receiver that honours them cannot be read; empty if they can, or need not be."""
    if not receiver.honour_silences:
        return ""
    url = f"{receiver.url.rstrip('/')}{PATH}"
    try:
        headers = {}
        if receiver.token_file:
            token = Path(receiver.token_file).expanduser().read_text(encoding="ascii").strip()
            headers["authorization"] = f"Bearer {token}"
        verify = ssl.create_default_context(cafile=receiver.ca_file) if receiver.ca_file else True
        with (
            httpx.Client(timeout=wait_s, trust_env=False, verify=verify) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            code = response.status_code
    except httpx.TimeoutException:
        return f"no answer within {wait_s:g} s"
    except httpx.HTTPError as error:
        return in_words(error, receiver.url) or type(error).__name__
    except (OSError, ValueError) as error:
        return f"its token_file or ca_file cannot be read: {type(error).__name__}"
    if 200 <= code < 300:
        return ""
    says = meaning(code)
    return f"{code}, {says}" if says else f"{code}"
