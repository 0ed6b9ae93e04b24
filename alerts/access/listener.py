"""Where the alerts API listens, and under which names it may be asked."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from infra.errors import Misconfigured


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises
    ------
    Misconfigured
        If the address cannot be used.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Misconfigured(
            f"alerts.port = {port} on {host} cannot be used: {error.strerror}; choose another"
        ) from error


def host_names(host: str, named: Sequence[str] = ()) -> list[str]:
    """Names requests may come under. Bound to every interface, the service has names it cannot know."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return list(named) or ["*"]
    return [host, *named]


def address_of(listening: socket.socket) -> str:
    """The address under which a listener is reached on this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
