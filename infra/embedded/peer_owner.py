"""The account that owns the other end of a loopback TCP connection, as Linux knows it.

The kernel is asked for that one socket, and where it takes no such questions its table is read, which takes
longer the more sockets there are. Only an established socket that a process still has open counts. One that
was closed after it sent something is listed with owner 0 or with no file, whoever it belonged to: its owner
is unknown.

References
----------
sock_diag(7); proc_pid_net(5), ``/proc/net/tcp``; ``linux/inet_diag.h``.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from pathlib import Path

TABLE = Path("/proc/net/tcp")
ESTABLISHED = 1

End = tuple[str, int]
"""IPv4 address and port."""

_SOCK_DIAG, _BY_FAMILY, _REQUEST, _ERROR = 4, 20, 1, 2
_HEADER = struct.Struct("=IHHII")
_ID = struct.Struct("!HH4s12x4s12x4x8s")
_ASKED = struct.Struct("=BBBBI")
_ANSWER = struct.Struct("=BBBB48s3III")
_ANY_COOKIE = b"\xff" * 8
_TIMEOUT_S = 2.0


def owner(client: End, server: End) -> int | None:
    """User id of the client's socket; ``None`` if it is not known.

    Parameters
    ----------
    client, server
        Both ends of the connection.

    Raises
    ------
    OSError
        If the system says nothing about sockets.
    """
    try:
        return asked(client, server)
    except OSError:
        return listed(client, server)


def asked(client: End, server: End) -> int | None:
    """As `owner`, from the kernel's answer about this socket."""
    wanted = _ID.pack(
        client[1], server[1], socket.inet_aton(client[0]), socket.inet_aton(server[0]), _ANY_COOKIE
    )
    question = _ASKED.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + wanted
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(_TIMEOUT_S)
        kernel.send(_HEADER.pack(_HEADER.size + len(question), _BY_FAMILY, _REQUEST, 0, 0) + question)
        answer = kernel.recv(4096)
    _, kind, *_ = _HEADER.unpack_from(answer)
    body = answer[_HEADER.size :]
    if kind == _ERROR:
        (code,) = struct.unpack_from("=i", body)
        if code == -errno.ENOENT:
            return None
        raise OSError(-code, os.strerror(-code))
    if kind != _BY_FAMILY or len(body) < _ANSWER.size:
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
    _, state, _, _, found, _, _, _, uid, inode = _ANSWER.unpack_from(body)
    same = found[:40] == wanted[:40]  # else a socket that listens on the client's port
    return int(uid) if same and state == ESTABLISHED and inode else None


def listed(client: End, server: End, table: Path = TABLE) -> int | None:
    """As `owner`, from the table of all sockets."""
    lines = table.read_bytes()
    at = lines.find(f" {_hex(client)} {_hex(server)} {ESTABLISHED:02X} ".encode())
    if at < 0:
        return None
    fields = lines[at : lines.find(b"\n", at)].split()
    uid, inode = int(fields[6]), int(fields[8])
    return uid if inode else None


def _hex(end: End) -> str:
    """An end as the table has it: the address as a number in the machine's byte order."""
    (address,) = struct.unpack("=I", socket.inet_aton(end[0]))
    return f"{address:08X}:{end[1]:04X}"
