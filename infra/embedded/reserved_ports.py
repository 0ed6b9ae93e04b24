"""Reservation of loopback ports: chosen once, and nobody else's until released.

Choosing a port and binding it are two moments, and the server that binds it is a child that starts seconds
later and may be restarted. Two guards bridge the gap (Linux):

- a name in the abstract namespace of Unix sockets, which no second process can bind: no other instance of
  Lightship, of any user, takes the port. The namespace belongs to the network namespace, as ports do;
- a TCP socket that is bound and does not listen: the kernel gives the port to no outgoing connection and to
  no server that binds it exclusively. A child binds it all the same, because both sides set
  ``SO_REUSEADDR``, and until it does, connections are refused.

The kernel drops both when the process ends, however that happens. A server of somebody else that sets
``SO_REUSEADDR`` can still take the port while the child is down: `infra.embedded.listeners` notices that.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
import weakref
from collections.abc import Iterable
from types import TracebackType

from infra.embedded.errors import PortBusy
from infra.embedded.ports import LINUX, LOOPBACK, TRIES, busy, exclusive_name, is_free

ASKED_TRIES, ASKED_PAUSE_S = 10, 0.05
"""A port that was asked for is tried again: who looks for a free one may be looking at it just now."""


class ReservedPorts:
    """Ports of one instance; they are released together, at the latest when the process ends."""

    def __init__(self) -> None:
        self._fds: dict[int, list[int]] = {}
        self._finalizer = weakref.finalize(self, _close_all, self._fds)

    def claim(self, what: str, preferred: int, asked: int | None = None) -> int:
        """Reserve a port for ``what``: the one asked for, else the preferred one, else the next free one.

        Raises
        ------
        PortBusy
            If the asked port is taken, or none of the next ports is free.
        """
        if asked is not None:
            for _ in range(ASKED_TRIES):
                if self._reserve(asked):
                    return asked
                if asked in self._fds or not is_free(asked):
                    break
                time.sleep(ASKED_PAUSE_S)
            raise PortBusy(busy(asked, what))
        for port in range(preferred, min(preferred + TRIES, 65_536)):
            if self._reserve(port):
                return port
        raise PortBusy(f"no free port for {what} from {preferred} to {preferred + TRIES - 1}: name one")

    def _reserve(self, port: int) -> bool:
        if port in self._fds:
            return False
        lock = exclusive_name(port)
        if lock is None:
            return False
        if not is_free(port):
            os.close(lock)
            return False
        fds = [lock]
        if LINUX:
            bound = _bound(port)
            if bound is None:  # somebody listens since a moment ago
                os.close(lock)
                return False
            fds.append(bound)
        self._fds[port] = fds
        return True

    def release(self) -> None:
        """Let others have the ports; safe to call twice."""
        _close_all(self._fds)

    def __enter__(self) -> ReservedPorts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _bound(port: int) -> int | None:
    """A socket on the port that does not listen; ``None`` if somebody listens there."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((LOOPBACK, port))
    except OSError:
        sock.close()
        return None
    return sock.detach()


def _close_all(held: dict[int, list[int]]) -> None:
    fds: Iterable[int] = [fd for pair in held.values() for fd in pair]
    held.clear()
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)
