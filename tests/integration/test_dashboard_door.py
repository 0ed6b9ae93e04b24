"""The dashboard of one's own machine over the network: who has no session gets nothing but ``ok``."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from dashboard.access.headers import HEADERS
from infra.embedded.ports import spare
from infra.settings import StoreSettings
from tests.dashboard.serving import ROOT, dashboard, environment, session_cookie

pytestmark = pytest.mark.integration

EVERYWHERE = (
    "/",
    "/incidents",
    "/index.html",
    "/static/js/index.js",
    "/media/x.csv",
    "/component/x/y.js",
    "/_stcore/host-config",
    "/_stcore/health/",
    "/_stcore/health/../stream",
    "//_stcore/health",
    "/%5fstcore/health/x",
    "/_stcore/metrics",
    "/_stcore/stream",
    "/_stcore/upload_file/a/b",
    "/_stcore/script-health-check",
    "/oauth2callback",
    "/auth/login",
    "/robots.txt",
)


@dataclass
class Own:
    """A dashboard on loopback without a sign-in."""

    base: str
    home: Path
    port: int
    environ: dict[str, str]

    def cookie(self) -> str:
        return "=".join(session_cookie(self.home, self.port))

    def link(self, *options: str) -> str:
        """What ``lightship dashboard link`` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "lightship", "dashboard", "link", *options],
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environ},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    home, port = tmp_path_factory.mktemp("own"), spare()
    environ = environment(StoreSettings(url="http://default:x@127.0.0.1:9"), home, port=port)
    with dashboard(environ, port) as base:
        yield Own(base, home, port, environ)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_without_a_session_nothing_is_answered(own: Own, method: str) -> None:
    with httpx.Client(headers={"accept": "text/html"}) as client:
        for path in EVERYWHERE:
            answer = client.request(method, own.base + path)
            assert answer.status_code == 401, path
            assert "Streamlit" not in answer.text
            assert HEADERS.items() <= dict(answer.headers).items()


def test_the_health_check_is_open_and_says_ok(own: Own) -> None:
    assert httpx.get(f"{own.base}/_stcore/health").text == "ok"
    assert httpx.post(f"{own.base}/_stcore/health").status_code == 401


def socket_opens(own: Own, cookie: str, origin: str = "") -> bool:
    """Whether the server takes a WebSocket of a page of its own."""

    async def run() -> bool:
        where = f"ws://127.0.0.1:{own.port}/_stcore/stream"
        headers = {"Cookie": cookie} if cookie else {}
        try:
            async with connect(
                where,
                subprotocols=[Subprotocol("streamlit")],
                origin=Origin(origin or own.base),
                additional_headers=headers,
            ):
                return True
        except InvalidStatus:
            return False

    return asyncio.run(run())


def test_a_websocket_needs_a_session(own: Own) -> None:
    name, value = session_cookie(own.home, own.port)
    assert not socket_opens(own, "")
    assert not socket_opens(own, f"{name}=x")
    assert not socket_opens(own, f"{name}={value}x")
    assert not socket_opens(own, f"lightship_session_1={value}")
    assert not socket_opens(own, f"{name}={value}", "http://evil.example")
    assert socket_opens(own, f"{name}={value}")


def test_a_link_begins_a_session_once(own: Own) -> None:
    link = own.link("--path", "/incidents?lineage=live")
    first = httpx.get(link)
    assert first.status_code == 200
    assert 'url=/incidents?lineage=live"' in first.text
    set_cookie = first.headers["set-cookie"]
    assert all(word in set_cookie for word in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age="))
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["referrer-policy"] == "no-referrer"
    cookie = set_cookie.partition(";")[0]
    assert httpx.get(own.base, headers={"cookie": cookie}).status_code == 200
    assert socket_opens(own, cookie)
    again = httpx.get(link)
    assert again.status_code == 403
    assert "set-cookie" not in again.headers
    assert "lightship dashboard link" in again.text
    assert httpx.get(link, headers={"cookie": cookie}).status_code == 200  # clicked twice


def test_the_token_is_not_in_its_log(own: Own) -> None:
    link = own.link()
    httpx.get(link)
    log = (own.home / "dashboard.log").read_text(encoding="utf-8")
    assert link.rpartition("=")[2] not in log


def test_a_page_elsewhere_that_links_here_is_led_in(own: Own) -> None:
    """The strict cookie does not come with such a click; our own page then asks again, with it."""
    asked = {"accept": "text/html", "sec-fetch-site": "cross-site"}
    answer = httpx.get(f"{own.base}/incident?id=1&x=%22%3E", headers=asked)
    assert answer.status_code == 200
    assert 'url=/incident?id=1&amp;x=%22%3E"' in answer.text
    assert "set-cookie" not in answer.headers
    away = httpx.get(f"{own.base}//evil.example/", headers=asked)
    assert "evil" not in away.text


def test_a_session_outlives_a_restart(own: Own) -> None:
    cookie, port = own.cookie(), spare()
    environ = {**own.environ, "LIGHTSHIP_DASHBOARD_PORT": str(port)}
    value = cookie.partition("=")[2]
    for _ in range(2):
        with dashboard(environ, port) as base:
            name = f"lightship_session_{port}"
            assert httpx.get(base, headers={"cookie": f"{name}={value}"}).status_code == 200
            assert httpx.get(base).status_code == 401


def test_a_path_that_leads_elsewhere_is_refused(own: Own) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        own.link("--path", "//evil.example")
    assert refused.value.returncode == 2
    assert "is no page of the dashboard" in refused.value.stderr
