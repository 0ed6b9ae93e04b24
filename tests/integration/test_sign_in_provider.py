"""The dashboard's sign-in against a provider that lies, stalls or is away: the real process, over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from dashboard.access.openid_client import LEEWAY_S, MAX_BYTES, TIMEOUT_S
from dashboard.access.sign_in_failures import LIMIT_S
from dashboard.access.signing_in import COOKIE_FILE
from infra.embedded.ports import spares
from infra.settings import StoreSettings
from tests.dashboard.provider import CLIENT, SECRET, Provider, provider
from tests.dashboard.serving import NOBODY, dashboard, environment

pytestmark = pytest.mark.integration

DISCOVERY = "/.well-known/openid-configuration"
LOGIN = """
[dashboard.login]
metadata_url = "{at}{discovery}"
client_id = "{client}"
client_secret_file = "client.secret"
redirect_url = "http://127.0.0.1:{port}/oauth2callback"
[[access]]
value = "staff"
role = "viewer"
"""
TLS = ssl.create_default_context()
"""Read once: nothing here speaks TLS."""
Claims = dict[str, Any]


@dataclass
class Place:
    """A dashboard, and the provider at which people sign in."""

    base: str
    home: Path
    provider: Provider

    def start(self, client: httpx.Client | None = None) -> httpx.Response:
        """Press "Sign in"."""
        secret = (self.home / COOKIE_FILE).read_text(encoding="utf-8").strip()
        payload = {"provider": "default", "exp": int(time.time()) + 60}
        token = jwt.encode({"alg": "HS256"}, payload, OctKey.import_key(secret))
        if client is None:
            with self.browser() as new:
                return self.start(new)
        return client.get("/auth/login", params={"provider": token})

    def browser(self) -> httpx.Client:
        """A client that keeps cookies."""
        return httpx.Client(base_url=self.base, timeout=LIMIT_S + 10, verify=TLS)

    def sign_in(self) -> httpx.Response:
        """The whole way of a browser: what the callback answers."""
        with self.browser() as client:
            begun = self.start(client)
            assert begun.status_code == 302, begun.text
            assert begun.headers["location"].startswith(f"{self.provider.at}/authorize?")
            query = dict(parse_qsl(urlsplit(begun.headers["location"]).query))
            chosen = httpx.get(f"{self.provider.at}/chosen?{urlencode({**query, 'name': 'ana'})}", verify=TLS)
            return client.get(chosen.headers["location"])

    def log(self) -> str:
        return (self.home / "dashboard.log").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("signing")
    (home / "client.secret").write_text(SECRET, encoding="utf-8")
    port, provider_port = spares(2)
    with provider(provider_port, {"ana": {"groups": ["staff"]}}) as made:
        more = LOGIN.format(at=made.at, discovery=DISCOVERY, client=CLIENT, port=port)
        store = StoreSettings(url=f"http://127.0.0.1:{NOBODY}")
        with dashboard(environment(store, home, port=port, more=more), port) as base:
            yield Place(base, home, made)


@pytest.fixture
def place(running: Place) -> Iterator[Place]:
    yield running
    running.provider.answers.clear()
    running.provider.discovery.clear()
    running.provider.sign = None


def has_access(response: httpx.Response) -> bool:
    """Whether an answer makes somebody known: the cookie is all that the pages look at."""
    return any(
        value.startswith("_streamlit_user=") and value.partition(";")[0].partition("=")[2].strip('"')
        for value in response.headers.get_list("set-cookie")
    )


def check_refusal(response: httpx.Response, status: int, title: str) -> None:
    assert not has_access(response)
    assert response.status_code == status
    assert title in response.text
    assert "Traceback" not in response.text
    assert "default-src 'self'" in response.headers["content-security-policy"]


def rs256(provider: Provider, claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, provider.key)


def unsigned(_: Provider, claims: Claims) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    packed = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts]
    return ".".join((*packed, ""))


def with_public_key(provider: Provider, claims: Claims) -> str:
    """The provider's public key, as everybody may read it, for a shared secret."""
    registry = JWSRegistry(algorithms=["HS256"])
    key = OctKey.import_key(provider.key.as_pem(private=False))
    return jwt.encode({"alg": "HS256", "kid": "one"}, claims, key, registry=registry)


def with_client_secret(_: Provider, claims: Claims) -> str:
    return jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(SECRET))


def other_key(_: Provider, claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2048, {"kid": "one"}))


def unknown_key(_: Provider, claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "two"}, claims, RSAKey.generate_key(2048, {"kid": "two"}))


def changed(**more: Any) -> Callable[[Provider, Claims], str]:
    return lambda provider, claims: rs256(
        provider, {k: v for k, v in {**claims, **more}.items() if v is not None}
    )


def moved(name: str, by_s: int) -> Callable[[Provider, Claims], str]:
    return lambda provider, claims: rs256(provider, {**claims, name: int(time.time()) + by_s})


def tampered(provider: Provider, claims: Claims) -> str:
    head, _, signature = rs256(provider, claims).split(".")
    body = base64.urlsafe_b64encode(json.dumps({**claims, "groups": ["admins"]}).encode()).rstrip(b"=")
    return f"{head}.{body.decode()}.{signature}"


FAR_S = LEEWAY_S + 60
ALL_LISTED = {"id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]}
BAD_TOKENS: dict[str, tuple[Callable[[Provider, Claims], str], Claims]] = {
    "another issuer": (changed(iss="https://evil.example"), {}),
    "no issuer": (changed(iss=None), {}),
    "another audience": (changed(aud="another-client"), {}),
    "another audience, for us": (changed(aud="another-client", azp=CLIENT), {}),
    "no audience": (changed(aud=None), {}),
    "several audiences, for another": (changed(aud=[CLIENT, "other"], azp="other"), {}),
    "another nonce": (changed(nonce="of-another-sign-in"), {}),
    "no nonce": (changed(nonce=None), {}),
    "no signature": (unsigned, {}),
    "no signature, which the provider lists": (unsigned, ALL_LISTED),
    "the public key as a secret": (with_public_key, {}),
    "the public key as a secret, which the provider lists": (with_public_key, ALL_LISTED),
    "the client's secret, which the provider lists": (with_client_secret, ALL_LISTED),
    "another key under the same name": (other_key, {}),
    "a key nobody publishes": (unknown_key, {}),
    "changed after signing": (tampered, {}),
    "expired": (moved("exp", -FAR_S), {}),
    "no end": (changed(exp=None), {}),
    "not yet valid": (moved("nbf", FAR_S), {}),
    "issued in the future": (moved("iat", FAR_S), {}),
    "no token at all": (lambda *_: "", {}),
    "not a token": (lambda *_: "<html>", {}),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_token_that_is_not_for_this_sign_in_opens_nothing(place: Place, name: str) -> None:
    sign, discovery = BAD_TOKENS[name]
    place.provider.discovery.update(discovery)
    place.provider.sign = lambda claims: sign(place.provider, claims)
    check_refusal(place.sign_in(), 403, "You are not signed in")


SKEWED = {
    "expired": moved("exp", 30 - LEEWAY_S),
    "nbf": moved("nbf", LEEWAY_S - 30),
    "iat": moved("iat", LEEWAY_S - 30),
    "several audiences": changed(aud=[CLIENT, "other"], azp=CLIENT),
    "as it should be": changed(),
}


@pytest.mark.parametrize("name", SKEWED)
def test_a_good_token_opens_also_where_clocks_differ_a_little(place: Place, name: str) -> None:
    place.provider.discovery.update(ALL_LISTED)
    place.provider.sign = lambda claims: SKEWED[name](place.provider, claims)
    response = place.sign_in()
    assert response.status_code == 302
    assert has_access(response)


def answering(response: Callable[[], Response]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return response()

    return answer


def whole(at: str, **more: Any) -> Claims:
    """A discovery document of another host."""
    return {
        "issuer": at,
        "authorization_endpoint": f"{at}/authorize",
        "token_endpoint": f"{at}/token",
        "jwks_uri": f"{at}/keys",
        **more,
    }


HERE = "http://127.0.0.1:1"
GARBAGE: dict[str, Callable[[], Response]] = {
    "an error": lambda: Response("no", 500),
    "not found": lambda: Response("no", 404),
    "html": lambda: Response("<html>maintenance</html>", media_type="text/html"),
    "empty": lambda: Response(""),
    "a list": lambda: JSONResponse([1, 2]),
    "no UTF-8": lambda: Response(b"\xff\xfe{"),
    "nested": lambda: Response("[" * 100_000),
    "too long": lambda: Response(b'{"a": "' + b"x" * (2 * MAX_BYTES) + b'"}'),
    "leads elsewhere": lambda: RedirectResponse("http://localhost:9/elsewhere"),
}
BAD_DISCOVERY = {
    **GARBAGE,
    "no issuer": lambda: JSONResponse({**whole(HERE), "issuer": None}),
    "no keys": lambda: JSONResponse({**whole(HERE), "jwks_uri": None}),
    "a number for an address": lambda: JSONResponse(whole(HERE, token_endpoint=7)),
    "no TLS": lambda: JSONResponse(whole(HERE, authorization_endpoint="http://evil.example/authorize")),
    "a script": lambda: JSONResponse(whole(HERE, authorization_endpoint="javascript:alert(1)")),
    "shared secrets alone": lambda: JSONResponse(
        whole(HERE, id_token_signing_alg_values_supported=["none", "HS256"])
    ),
}


@pytest.mark.parametrize("name", BAD_DISCOVERY)
def test_a_provider_that_describes_itself_badly_is_a_clear_page(place: Place, name: str) -> None:
    place.provider.answers[DISCOVERY] = answering(BAD_DISCOVERY[name])
    check_refusal(place.start(), 502, "The sign-in provider did not respond as expected")


@pytest.mark.parametrize("path", ["/keys", "/token"])
@pytest.mark.parametrize("name", GARBAGE)
def test_keys_and_tokens_that_are_garbage_open_nothing(place: Place, path: str, name: str) -> None:
    place.provider.answers[path] = answering(GARBAGE[name])
    check_refusal(place.sign_in(), 403, "You are not signed in")


def test_a_document_cannot_set_up_the_client(place: Place) -> None:
    place.provider.discovery.update(
        {"verify": False, "proxy": "http://127.0.0.1:9", "base_url": "http://evil.example", "timeout": 1e9}
    )
    assert has_access(place.sign_in())  # through the proxy it could not


def test_a_provider_that_is_away_is_a_clear_page(place: Place, tmp_path: Path) -> None:
    (tmp_path / "client.secret").write_text(SECRET, encoding="utf-8")
    (port,) = spares(1)
    more = LOGIN.format(at=f"http://127.0.0.1:{NOBODY}", discovery=DISCOVERY, client=CLIENT, port=port)
    environ = environment(StoreSettings(url=f"http://127.0.0.1:{NOBODY}"), tmp_path, port=port, more=more)
    with dashboard(environ, port) as base:
        away = Place(base, tmp_path, place.provider)
        begun = away.start()
    check_refusal(begun, 502, "The sign-in provider did not respond as expected")
    assert "ConnectError" in away.log()


def test_a_slow_provider_is_given_up_and_delays_nobody_else(place: Place) -> None:
    released = threading.Event()

    async def hang(_: Request) -> Response:
        await asyncio.to_thread(released.wait)
        return Response("")

    async def drip(_: Request) -> Response:
        async def bytes_() -> AsyncIterator[bytes]:
            while not released.is_set():
                yield b" "
                await asyncio.sleep(0.5)

        return StreamingResponse(bytes_())

    def timed() -> tuple[float, httpx.Response]:
        started = time.monotonic()
        response = place.start()
        return time.monotonic() - started, response

    with ThreadPoolExecutor(8) as pool:
        try:
            place.provider.answers[DISCOVERY] = hang
            hanging = [pool.submit(timed) for _ in range(3)]
            time.sleep(1)
            place.provider.answers[DISCOVERY] = drip
            dripping = [pool.submit(timed) for _ in range(3)]
            time.sleep(0.5)
            others = []
            for _ in range(20):
                started = time.monotonic()
                assert httpx.get(f"{place.base}/_stcore/health", timeout=10, verify=TLS).status_code == 200
                others.append(time.monotonic() - started)
            assert not any(one.done() for one in dripping)
            for one in hanging:
                check_refusal(one.result()[1], 502, "The sign-in provider did not respond as expected")
            for one in dripping:
                took_s, response = one.result()
                check_refusal(response, 504, "The sign-in provider did not respond as expected")
                assert took_s < 2 * LIMIT_S
        finally:
            released.set()
    assert sorted(others)[10] < TIMEOUT_S / 10
    assert "the provider took longer than" in place.log()


def test_a_provider_that_says_no_is_a_clear_page(place: Place) -> None:
    said = httpx.get(f"{place.base}/oauth2callback", params={"error": "access_denied", "state": "x"})
    check_refusal(said, 403, "You are not signed in")


@pytest.mark.parametrize("query", ["", "code=x&state=y", "code=x", "state=_state_default_x"])
def test_a_callback_nobody_asked_for_opens_nothing(place: Place, query: str) -> None:
    said = httpx.get(f"{place.base}/oauth2callback?{query}")
    assert not has_access(said)
    assert (said.status_code, said.headers.get("location")) == (302, "/")


def test_failures_are_a_line_of_the_log_each_and_hold_no_secret(place: Place) -> None:
    place.provider.sign = lambda claims: rs256(place.provider, {**claims, "nonce": "wrong"})
    place.sign_in()
    place.provider.answers[DISCOVERY] = answering(GARBAGE["html"])
    place.start()
    log = place.log()
    assert "OAuth token exchange failed" in log
    assert "invalid_claim" in log.lower()
    assert "Error during OAuth authorization redirect." in log
    assert "Traceback" not in log
    assert SECRET not in log
