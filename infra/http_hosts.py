"""Which names a request may come under (``Host``).

A web page whose name was made to resolve to this machine (DNS rebinding) sends its own.

Sources: RFC 9110, sections 7.2 and 15.5.20 (421 Misdirected Request); RFC 9112, section 3.2.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
MISDIRECTED = 421
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._~-]+))(?::[0-9]{1,5})?\Z")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class AllowedHosts:
    """Names under which a process answers.

    Parameters
    ----------
    bound
        Address the process listens on. Beyond every interface (``0.0.0.0``) it has names that it cannot know:
        without ``named`` it then answers under any.
    named
        Further names, of the setting ``setting``; ``*`` allows any.
    setting
        Name of the setting that the refusal names.
    """

    def __init__(self, bound: str = "127.0.0.1", named: Sequence[str] = (), setting: str = "") -> None:
        self._setting = setting
        everywhere = _is_unspecified(bound)
        self._all = "*" in named or (everywhere and not named)
        names: Iterable[str] = (*LOOPBACK_NAMES, *named, *(() if everywhere else (bound,)))
        self._names = {_plain(name) for name in names}

    def refusal(self, hosts: Sequence[bytes], http_version: str = "1.1") -> str | None:
        """Why a request is refused; ``None`` if it is not.

        Parameters
        ----------
        hosts
            Values of all its ``Host`` headers.
        http_version
            Only HTTP/1.0 may leave the header out: browsers never do.
        """
        if self._all:
            return None
        if not hosts:
            return None if http_version == "1.0" else f"a request without a Host header{self._remedy()}"
        if len(hosts) > 1:
            return "a request with several Host headers: send one"
        given = hosts[0].decode("latin-1")
        name = name_of(given)
        if name is None or name not in self._names:
            return f"the request is for host {given[:100]!r}, which is not ours{self._remedy()}"
        return None

    def _remedy(self) -> str:
        if not self._setting:
            return ": use 127.0.0.1 or localhost"
        return f": use 127.0.0.1 or localhost, or name it in {self._setting}"


def name_of(host: str) -> str | None:
    """The name in a ``Host`` or ``:authority``, without port, in small letters; ``None`` if it is none."""
    match = _HOST.match(host.strip(" \t"))
    return None if match is None else _plain(match[1] or match[2])


def _plain(name: str) -> str:
    text = name.strip("[]").lower()
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text.removesuffix(".")


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


class CheckedHosts:
    """ASGI middleware: 421 for requests under another name."""

    def __init__(self, app: App, allowed: AllowedHosts) -> None:
        self._app, self._allowed = app, allowed

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer, or pass a request on."""
        if scope["type"] in ("http", "websocket"):
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            why = self._allowed.refusal(hosts, scope.get("http_version", "1.1"))
            if why is not None:
                await refuse(send, scope["type"], why)
                return
        await self._app(scope, receive, send)


async def refuse(send: Send, kind: str, why: str) -> None:
    """Send 421 with the reason."""
    if kind == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": "host"})
        return
    body = f"{why}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": MISDIRECTED, "headers": headers})
    await send({"type": "http.response.body", "body": body})
