"""A sign-in that fails or takes too long ends in a page that says so; everybody else is served meanwhile."""

from __future__ import annotations

import asyncio
import html
import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.safe_text import clean
from dashboard.wording import access as words

LOGIN, LOGOUT, CALLBACK = "/auth/login", "/auth/logout", "/oauth2callback"
LIMIT_S = 12.0
"""For all that one request asks of the provider."""
USER_COOKIE = "_streamlit_user"
ROUTES_LOG = "streamlit.web.server.starlette.starlette_auth_routes"

_LOG = logging.getLogger(__name__)


class SignInFailures:
    """ASGI middleware around Streamlit's routes of the sign-in.

    Parameters
    ----------
    limit_s
        Seconds after which a request is given up.
    """

    def __init__(self, app: ASGIApp, limit_s: float = LIMIT_S) -> None:
        self._app = app
        self._limit_s = limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; answer in its place where the provider fails."""
        if scope["type"] != "http" or scope["path"] not in (LOGIN, LOGOUT, CALLBACK):
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)  # a redirect or a line of text

        try:
            async with asyncio.timeout(self._limit_s):
                await self._app(scope, receive, keep)
        except TimeoutError:
            _LOG.warning("sign-in: the provider took longer than %.0f s", self._limit_s)
            await _page(504)(scope, receive, send)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the person gets a page
            _LOG.warning("sign-in failed: %s", described(error))
            await _page(502)(scope, receive, send)
            return
        start = messages[0]
        if scope["path"] == LOGIN and start["status"] >= 400:
            await _page(502)(scope, receive, send)
        elif scope["path"] == CALLBACK and (start["status"] >= 400 or _is_refused(scope, start)):
            page = _page(403)
            for cookie in Headers(raw=start["headers"]).getlist("set-cookie"):
                page.headers.append("set-cookie", cookie)
            await page(scope, receive, send)
        else:
            for message in messages:
                await send(message)


def _is_refused(scope: Scope, start: Message) -> bool:
    """Whether a callback signed nobody in: the provider said no, or its token was not accepted."""
    cookies = [
        value.partition(";")
        for value in MutableHeaders(raw=list(start["headers"])).getlist("set-cookie")
        if value.startswith(f"{USER_COOKIE}=")
    ]
    if any(first.partition("=")[2].strip('"') for first, _, _ in cookies):
        return False
    return bool(cookies) or any(
        pair.startswith(b"error=") for pair in scope.get("query_string", b"").split(b"&")
    )


def _page(status: int) -> Response:
    title, text = (
        (words.NOT_SIGNED_IN, words.NOT_SIGNED_IN_TEXT)
        if status == 403
        else (words.NO_PROVIDER, words.NO_PROVIDER_TEXT)
    )
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Lightship</title>'
        f"<body><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>"
        f'<p><a href="/">{html.escape(words.TRY_AGAIN)}</a></p></body></html>',
        status,
        headers={"cache-control": "no-store"},
    )


def described(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {clean(str(error), 300)}"


class OneLine(logging.Filter):
    """Logs of Streamlit's routes with the error in one line instead of a traceback for every failed try."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and keep it."""
        if record.exc_info and record.exc_info[1] is not None:
            record.msg, record.args = f"{record.getMessage()} {described(record.exc_info[1])}", ()
            record.exc_info = record.exc_text = None
        return True


def install() -> None:
    """Shorten what Streamlit's routes log."""
    log = logging.getLogger(ROUTES_LOG)
    if not any(isinstance(one, OneLine) for one in log.filters):
        log.addFilter(OneLine())
