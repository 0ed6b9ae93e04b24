"""The account that owns the other end of a loopback TCP connection, as Linux lists it in ``/proc/net/tcp``.

Only an established socket that a process still has open counts. One that was closed after it sent something
is listed with owner 0 and inode 0, whoever it belonged to: its owner is unknown.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path

TABLE = Path("/proc/net/tcp")

_ESTABLISHED = "01"


def owner(client: tuple[str, int], server: tuple[str, int], table: Path = TABLE) -> int | None:
    """User id of the client's socket; ``None`` if it is not known.

    Parameters
    ----------
    client, server
        IPv4 address and port of both ends.

    Raises
    ------
    OSError
        If the table cannot be read.

    References
    ----------
    proc_pid_net(5), ``/proc/net/tcp``.
    """
    lines = table.read_bytes()
    at = lines.find(f" {_hex(client)} {_hex(server)} {_ESTABLISHED} ".encode())
    if at < 0:
        return None
    fields = lines[at : lines.find(b"\n", at)].split()
    uid, inode = int(fields[6]), int(fields[8])
    return uid if inode else None


def _hex(end: tuple[str, int]) -> str:
    """An end as the table has it: the address as a number in the machine's byte order."""
    (address,) = struct.unpack("=I", socket.inet_aton(end[0]))
    return f"{address:08X}:{end[1]:04X}"
