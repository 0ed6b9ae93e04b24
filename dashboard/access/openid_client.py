"""What the sign-in demands of an OpenID provider beyond what Authlib does by itself.

Authlib checks signature, times and nonce. It takes the algorithms that the provider lists, ``none`` and
shared secrets among them, an audience that is another client's if ``azp`` is ours, and any issuer where the
discovery document names none; it passes every key of that document on to its HTTP client, ``verify`` among
them.

Sources: OpenID Connect Core 1.0, section 3.1.3.7; OpenID Connect Discovery 1.0, section 4.2; RFC 8725,
sections 3.1 and 3.8.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.integrations import starlette_client  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]

from infra.settings import LOOPBACK

TIMEOUT_S = 5.0
"""For connecting, and for each piece of an answer."""
LEEWAY_S = 120
"""By how much clocks may differ."""
MAX_BYTES = 1 << 20
"""Of one answer, unpacked."""
ALGORITHMS = tuple(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512))
"""Signatures whose key the provider alone has."""
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
OPTIONAL = ("userinfo_endpoint", "end_session_endpoint")


class UnusableProvider(Exception):
    """The provider's discovery document, or another of its answers, cannot be used; says why."""


@cache
def _trusting() -> ssl.SSLContext:
    """The authorities of the system; read once, which takes longer than all else of a sign-in."""
    return httpx2.create_ssl_context()


class BoundedClient(AsyncOAuth2Client):  # type: ignore[misc]
    """An HTTP client that reads no more than `MAX_BYTES` of an answer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"verify": _trusting(), **options})

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request and read its answer.

        Raises
        ------
        UnusableProvider
            If the answer is too long.
        """
        response = await super().send(request, **{**options, "stream": True})
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes(1 << 16):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise UnusableProvider(f"{request.url.host} answered more than {MAX_BYTES} bytes")
        finally:
            await response.aclose()
        framing = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in framing]
        return httpx2.Response(
            response.status_code, headers=headers, content=bytes(body), request=response.request
        )


class StrictApp(starlette_client.StarletteOAuth2App):  # type: ignore[misc]
    """Authlib's client of a provider with the checks it leaves out."""

    client_cls = BoundedClient

    async def load_server_metadata(self) -> dict[str, Any]:
        """The discovery document, checked; once for each sign-in.

        Raises
        ------
        UnusableProvider
            If it cannot be used.
        """
        if self._server_metadata_url and "_loaded_at" not in self.server_metadata:
            async with self._get_session() as client:
                response = await client.request("GET", self._server_metadata_url, withhold_token=True)
                response.raise_for_status()
                found = response.json()
            self.server_metadata.update(checked(found), _loaded_at=time.time())
        metadata: dict[str, Any] = self.server_metadata
        return metadata

    async def parse_id_token(self, token: Mapping[str, Any], nonce: str, **_: Any) -> Any:
        """Claims of an ID token that the configured provider issued to this dashboard, for this sign-in."""
        issuer = (await self.load_server_metadata())["issuer"]
        demanded = {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": self.client_id},
        }
        return await super().parse_id_token(token, nonce, claims_options=demanded, leeway=LEEWAY_S)


def checked(document: object) -> dict[str, Any]:
    """What is used of a discovery document.

    Raises
    ------
    UnusableProvider
        If it is no object, lacks something, or names an endpoint without TLS beyond loopback.
    """
    if not isinstance(document, dict):
        raise UnusableProvider("the discovery document is no JSON object")
    kept: dict[str, Any] = {}
    for name in ("issuer", *ENDPOINTS, *OPTIONAL):
        value = document.get(name)
        if value is None and name in OPTIONAL:
            continue
        if not isinstance(value, str) or not _is_safe(value):
            raise UnusableProvider(f"the discovery document's {name} is no https:// address: {value!r:.200}")
        kept[name] = value
    listed = _texts(document.get("id_token_signing_alg_values_supported"))
    usable = [name for name in ALGORITHMS if name in listed]
    if listed and not usable:
        raise UnusableProvider(
            f"the provider signs ID tokens with none of {', '.join(ALGORITHMS)}, but {listed!r:.200}"
        )
    kept["id_token_signing_alg_values_supported"] = usable or ["RS256"]
    kept["code_challenge_methods_supported"] = _texts(document.get("code_challenge_methods_supported"))
    return kept


def _is_safe(address: str) -> bool:
    try:
        url = urlsplit(address)
        return bool(url.hostname) and (
            url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK)
        )
    except ValueError:
        return False


def _texts(value: object) -> list[str]:
    return [x for x in value if isinstance(x, str)] if isinstance(value, list) else []


def install() -> None:
    """Have Streamlit's sign-in, which builds its client from Authlib's class, use `StrictApp`."""
    starlette_client.StarletteOAuth2App = StrictApp
