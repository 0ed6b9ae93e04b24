"""The door of a dashboard on one's own machine: a link opens a session, everything else needs one.

Any account of the machine can connect to a loopback port. So nothing is answered but the health check, until
a browser shows the cookie it was given for a link that only who runs the dashboard could make. Sessions are
signed, not kept: they outlive a restart, and end when ``keys/dashboard.session`` is deleted.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import secrets
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from alerts.access.keys import read_token
from dashboard.access.opening_links import PATH, Now, OpeningLinks, is_local
from dashboard.wording import access as words
from infra.clock import SystemClock
from infra.settings import LOOPBACK, Settings

KEY = Path("keys") / "dashboard.session"
SESSION_DAYS = 30
HEALTH = "/_stcore/health"
"""Answered to everybody: it says ``ok``."""

WALL: Now = SystemClock().now_ns
_SECONDS = SESSION_DAYS * 24 * 3600


def applies(settings: Settings) -> bool:
    """Whether the dashboard is of one's own machine: on loopback, without a sign-in."""
    return settings.dashboard.host in LOOPBACK and not settings.dashboard.login.metadata_url


def opening_link(settings: Settings, address: str, leads_to: str = "", now_ns: Now = WALL) -> str:
    """What opens a page of the dashboard at ``address``: a link for once, or the plain one where all sign in.

    Empty if ``address`` is, because no dashboard is served.

    Raises
    ------
    Misconfigured
        If the link cannot be made.
    """
    if not address or not applies(settings):
        return address and address + leads_to
    return OpeningLinks(settings.home, now_ns).make(address, leads_to or "/")


class Sessions:
    """Cookies that are signed for a time.

    Parameters
    ----------
    key
        What signs them.
    now_ns
        The time.
    """

    def __init__(self, key: str, now_ns: Now) -> None:
        self._key = key.encode()
        self._now_ns = now_ns

    def begin(self) -> str:
        """The value of a new session's cookie."""
        content = f"{secrets.token_urlsafe(24)}.{self._now_ns() // 1_000_000_000 + _SECONDS}"
        return f"{content}.{self._signature(content)}"

    def is_valid(self, value: str) -> bool:
        """Whether a cookie is of a session that we began and that has not ended."""
        content, _, signature = value.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(content).encode()):
            return False
        until = content.rpartition(".")[2]
        return until.isdecimal() and self._now_ns() < int(until) * 1_000_000_000

    def _signature(self, content: str) -> str:
        return hmac.new(self._key, content.encode(), hashlib.sha256).hexdigest()


def cookie_name(port: int) -> str:
    """Name of the cookie: browsers send cookies of one machine to all its ports, so it says which."""
    return f"lightship_session_{port}"


class LocalSession:
    """ASGI middleware that lets in who has a session, and begins one for a link.

    Parameters
    ----------
    settings
        Where the keys lie, and the port.
    now_ns
        The time.
    """

    def __init__(self, app: ASGIApp, settings: Settings, now_ns: Now) -> None:
        self._app = app
        self._cookie = cookie_name(settings.dashboard.port)
        self._links = OpeningLinks(settings.home, now_ns)
        self._sessions = Sessions(read_token(settings.home, KEY), now_ns)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what has a session; refuse the rest."""
        if scope["type"] not in ("http", "websocket") or self._may_pass(scope):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = self._redeem(scope) if scope["path"] == PATH else _refusal(scope)
        answer.headers["cache-control"] = "no-store"
        await answer(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        if scope["path"] == PATH:
            return False
        if scope["type"] == "http" and scope["path"] == HEALTH and scope["method"] in ("GET", "HEAD"):
            return True
        return any(self._sessions.is_valid(value) for value in _cookies(scope, self._cookie))

    def _redeem(self, scope: Scope) -> Response:
        if scope["method"] != "GET":
            return PlainTextResponse("open the link in a browser\n", 405)
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        leads_to = self._links.redeem(token)
        if leads_to is None:
            if any(self._sessions.is_valid(value) for value in _cookies(scope, self._cookie)):
                return _on_to("/")
            return _page(words.LINK_USED, words.LINK_NEW, 403)
        answer = _on_to(leads_to)
        answer.set_cookie(
            self._cookie, self._sessions.begin(), max_age=_SECONDS, path="/", httponly=True, samesite="strict"
        )
        return answer


def _cookies(scope: Scope, name: str) -> list[str]:
    """Values of a cookie, at most one of each ``Cookie`` header."""
    found = []
    for header in Headers(scope=scope).getlist("cookie"):
        for part in header.split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                found.append(value.strip('"'))
    return found[:4]


def _refusal(scope: Scope) -> Response:
    headers = Headers(scope=scope)
    if scope["method"] not in ("GET", "HEAD") or "text/html" not in headers.get("accept", ""):
        return PlainTextResponse(f"{words.NO_SESSION}\n", 401)
    if headers.get("sec-fetch-site") == "cross-site":
        # a strict cookie does not come with a link on another site's page; it does when ours leads here
        query = scope["query_string"].decode("latin-1")
        return _on_to(scope["raw_path"].decode("latin-1") + (f"?{query}" if query else ""))
    return _page(words.NO_SESSION, words.LINK_NEW, 401)


def _on_to(path: str) -> Response:
    """A page that leads on by itself: a redirect would still count as coming from elsewhere."""
    leads = html.escape(path if is_local(path) else "/", quote=True)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Lightship</title>'
        f'<meta http-equiv="refresh" content="0; url={leads}"><a href="{leads}">{words.GO_ON}</a></html>'
    )


def _page(title: str, text: str, status: int) -> Response:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Lightship</title>'
        f"<body><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></body></html>",
        status,
    )
