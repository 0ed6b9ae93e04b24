"""An OpenID provider on loopback, for tests: discovery, keys, code flow with PKCE, tokens signed with RS256.

It asks for no password: a page lists its people as links, as a provider's choice of accounts does.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "lightship", "a-secret-of-tests"


@dataclass
class Provider:
    """``people`` are claims by name; ``at`` is its address.

    What it does wrong: ``answers`` take the place of its own by path, ``discovery`` changes the document, and
    ``sign`` makes the token of a payload.
    """

    at: str
    people: Mapping[str, Mapping[str, Any]]
    issued_ago_s: int = 0
    answers: dict[str, Callable[[Request], Awaitable[Response]]] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[dict[str, Any]], str] | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})

    def app(self) -> Starlette:
        """Its pages."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._answer(self._discovery)),
                Route("/keys", self._answer(self._keys)),
                Route("/authorize", self._answer(self._authorize)),
                Route("/chosen", self._answer(self._chosen)),
                Route("/token", self._answer(self._token), methods=["POST"]),
            ]
        )

    def _answer(
        self, usual: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await self.answers.get(request.url.path, usual)(request)

        return answer

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.at,
                "authorization_endpoint": f"{self.at}/authorize",
                "token_endpoint": f"{self.at}/token",
                "jwks_uri": f"{self.at}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                **self.discovery,
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        links = "".join(
            f'<p><a href="/chosen?{urlencode({**query, "name": name})}">{name}</a></p>'
            for name in self.people
        )
        head = "<!doctype html><title>Choose</title><link rel='icon' href='data:,'>"
        return HTMLResponse(f"{head}<h1>Choose an account</h1>{links}")

    async def _chosen(self, request: Request) -> Response:
        query = dict(request.query_params)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        back = urlencode({"code": code, "state": query["state"]})
        return RedirectResponse(f"{query['redirect_uri']}?{back}", status_code=302)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        asked = self.codes.pop(str(form["code"]))
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        _, _, pair = request.headers["authorization"].partition(" ")
        assert base64.b64decode(pair).decode() == f"{CLIENT}:{SECRET}"
        now = int(time.time()) - self.issued_ago_s
        claims = {
            "iss": self.at,
            "aud": CLIENT,
            "sub": asked["name"],
            "iat": now,
            "exp": now + self.issued_ago_s + 600,
            "nonce": asked["nonce"],
            **self.people[asked["name"]],
        }
        sign = self.sign or (lambda body: jwt.encode({"alg": "RS256", "kid": "one"}, body, self.key))
        return JSONResponse(
            {"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": sign(claims)}
        )


@contextmanager
def provider(port: int, people: Mapping[str, Mapping[str, Any]]) -> Iterator[Provider]:
    """A provider that answers."""
    made = Provider(f"http://127.0.0.1:{port}", people)
    server = uvicorn.Server(
        uvicorn.Config(made.app(), host="127.0.0.1", port=port, log_config=None, lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        for _ in range(300):
            if server.started:
                break
            time.sleep(0.05)
        yield made
    finally:
        server.should_exit = True
        thread.join(10)
