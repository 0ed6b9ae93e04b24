"""Choosing loopback ports.

A port out of the kernel's ephemeral range must not be given to a server that is restarted while clients
reconnect: an outgoing connection may be handed that very port as its own end, connect to itself, and keep the
server from binding for as long as it lives. So free ports are taken below that range.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import socket
import sys
import tempfile
from collections.abc import Container
from pathlib import Path

from infra.embedded.errors import PortBusy

LOOPBACK = "127.0.0.1"
LOWEST = 10_000
TRIES = 200
LINUX: bool = sys.platform == "linux"

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
        raise PortBusy(busy(port, what)) from error
    sock.setblocking(False)
    return sock


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    try:
        listen(port, "a probe").close()
    except PortBusy:
        return False
    return True


def is_reserved(port: int) -> bool:
    """Whether somebody has reserved the port now (this process included)."""
    lock = exclusive_name(port)
    if lock is None:
        return True
    os.close(lock)
    return False


def exclusive_name(port: int) -> int | None:
    """A descriptor that only one process can have for a port; ``None``: another has it."""
    if LINUX:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(f"\0lightship/port/{port}")
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE:
                return None
            raise
        return sock.detach()
    folder = Path(tempfile.gettempdir()) / f"lightship-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    fd = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


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
        if port not in taken and not is_reserved(port) and is_free(port):
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


def busy(port: int, what: str) -> str:
    """What to say of a port that is taken, and what to do."""
    return f"port {port} for {what} is in use: stop what listens there, or name another port"
