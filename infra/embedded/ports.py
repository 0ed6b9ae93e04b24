"""Choosing loopback ports.

A port out of the kernel's ephemeral range must not be given to a server that is restarted while clients
reconnect: an outgoing connection may be handed that very port as its own end, connect to itself, and keep the
server from binding for as long as it lives. So free ports are taken below that range.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Container
from pathlib import Path

from infra.embedded.errors import PortBusy

LOOPBACK = "127.0.0.1"
LOWEST = 10_000
TRIES = 200

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def listen(port: int, what: str) -> socket.socket:
    """A listening loopback socket; port 0 lets the kernel choose.

    Raises
    ------
    PortBusy
        If the port is taken.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((LOOPBACK, port))
        sock.listen(1024)
    except OSError as error:
        sock.close()
        raise PortBusy(_busy(port, what)) from error
    sock.setblocking(False)
    return sock


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    try:
        listen(port, "a probe").close()
    except PortBusy:
        return False
    return True


def claim(what: str, preferred: int, asked: int | None = None, taken: Container[int] = ()) -> int:
    """Port for ``what``: the one asked for, else the preferred one, else the next free one above it.

    Raises
    ------
    PortBusy
        If the asked port is taken, or none of the next ports is free.
    """
    if asked is not None:
        if asked in taken or not is_free(asked):
            raise PortBusy(_busy(asked, what))
        return asked
    for port in range(preferred, min(preferred + TRIES, 65_536)):
        if port not in taken and is_free(port):
            return port
    raise PortBusy(f"no free port for {what} from {preferred} to {preferred + TRIES - 1}: name one")


def spare(rng: random.Random | None = None, taken: Container[int] = ()) -> int:
    """A free port at random, below the ephemeral range, none of those ``taken``; for throw-away servers.

    Raises
    ------
    PortBusy
        If none was found.
    """
    source = rng or random.SystemRandom()
    for _ in range(TRIES):
        port = source.randrange(LOWEST, _ephemeral_start())
        if port not in taken and is_free(port):
            return port
    raise PortBusy(f"no free port found from {LOWEST} to {_ephemeral_start()}")


def spares(n: int) -> list[int]:
    """So many free ports, all different: one that is given twice is in use when it is needed again."""
    found: list[int] = []
    while len(found) < n:
        found.append(spare(taken=found))
    return found


def _ephemeral_start() -> int:
    """First ephemeral port; IANA's (RFC 6335) where the kernel does not say or leaves no room below."""
    try:
        low = int(_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 49_152
    return low if low > LOWEST + TRIES else 49_152


def _busy(port: int, what: str) -> str:
    return f"port {port} for {what} is in use: stop what listens there, or name another port"
