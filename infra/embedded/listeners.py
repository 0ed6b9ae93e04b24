"""Who listens on a loopback port (Linux): a server that answers must be the child that is probed.

A protocol that cannot name its instance (Kafka's, Streamlit's) is identified by the socket: the kernel says
which sockets listen on a port, and which processes hold them. A child and all it started share a session.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.embedded.child_spec import NotReady, Probe

LISTEN = "0A"
"""State of a listening socket in ``/proc/net/tcp`` (include/net/tcp_states.h)."""
_ADDRESSES = (
    ("0100007F", "0000000000000000FFFF00000100007F"),
    ("00000000",),
    ("00000000000000000000000000000000",),
)
"""Local addresses that a connection to 127.0.0.1 reaches, the most specific first; little-endian hex."""
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_PROC = Path("/proc")


def owned_by(session: int, ports: Iterable[int]) -> Probe:
    """Probe that is satisfied when processes of a session alone listen on each of ``ports``.

    Where the system does not say who listens, it is satisfied.
    """
    wanted = tuple(ports)

    def probe() -> None:
        for port in wanted:
            sockets = listening(port)
            if sockets is None:
                return
            if not sockets:
                raise NotReady(f"nothing listens on port {port}")
            if not sockets <= set(_sockets_of(session, sockets)):
                raise NotReady(f"another process answers on port {port}{_named(sockets, session)}")

    return probe


def listening(port: int) -> set[str] | None:
    """Inodes of the sockets that a connection to this loopback port may reach; ``None``: not known."""
    lines = []
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            lines += (_PROC / "net" / name).read_text(encoding="ascii").splitlines()[1:]
    if not lines:
        return None
    suffix = f":{port:04X}"
    found: dict[str, set[str]] = {}
    for line in lines:
        fields = line.split()
        if fields[3] == LISTEN and fields[1].endswith(suffix):
            found.setdefault(fields[1].removesuffix(suffix), set()).add(fields[9])
    for group in _ADDRESSES:
        inodes = set().union(*(found.get(address, set()) for address in group))
        if inodes:
            return inodes
    return set()


def _sockets_of(session: int, wanted: set[str]) -> set[str]:
    """Those of the sockets that the session's leader or a process it started holds."""
    held = set(_held(session))
    if wanted <= held:
        return held
    for pid in _processes():
        if pid != session and _session_of(pid) == session:
            held.update(_held(pid))
    return held


def _held(pid: int) -> Iterator[str]:
    try:
        names = os.listdir(_PROC / str(pid) / "fd")
    except OSError:
        return
    for name in names:
        with contextlib.suppress(OSError):
            match = _SOCKET.fullmatch(os.readlink(_PROC / str(pid) / "fd" / name))
            if match:
                yield match[1]


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir(_PROC) if name.isdigit())


def _session_of(pid: int) -> int:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return -1
    return int(stat.rpartition(")")[2].split()[3])


def _named(sockets: set[str], session: int) -> str:
    """The process that answers instead, where it can be seen."""
    for pid in _processes():
        if _session_of(pid) != session and sockets & set(_held(pid)):
            return f" (process {pid})"
    return ""
