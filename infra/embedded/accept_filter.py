"""Lets another process decide which connections a program accepts, then becomes that program.

``python -I -S accept_filter.py FD PROGRAM ARGUMENT…``: Linux stops the program at each bind(2) to an IPv4
address and at each accept(2), and asks whoever has the descriptor that is sent through the Unix socket FD
(`accept_guard`). Where this is not possible the reason is sent instead, and the program is not started.

References
----------
seccomp(2), seccomp_unotify(2); ``linux/audit.h``, ``linux/filter.h``.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from typing import NamedTuple

NO_NEW_PRIVS = 38
SET_MODE_FILTER = 1
NEW_LISTENER = 8

_ALLOW, _ASK = 0x7FFF0000, 0x7FC00000
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_AT_NUMBER, _AT_MACHINE, _AT_ADDRESS_LENGTH = 0, 4, 32
_IPV4_LENGTH = 16


class Calls(NamedTuple):
    """Numbers of system calls of one kind of machine."""

    machine: int
    seccomp: int
    bind: int
    accept: int
    accept4: int


CALLS = {
    "x86_64": Calls(0xC000003E, 317, 49, 43, 288),
    "aarch64": Calls(0xC00000B7, 277, 200, 202, 242),
}


def program(calls: Calls) -> bytes:
    """The filter: ask about binds to IPv4 addresses and about accepts, allow everything else."""
    steps = (
        (_LOAD, 0, 0, _AT_MACHINE),
        (_IF_EQUAL, 0, 6, calls.machine),
        (_LOAD, 0, 0, _AT_NUMBER),
        (_IF_EQUAL, 5, 0, calls.accept),
        (_IF_EQUAL, 4, 0, calls.accept4),
        (_IF_EQUAL, 0, 2, calls.bind),
        (_LOAD, 0, 0, _AT_ADDRESS_LENGTH),
        (_IF_EQUAL, 1, 0, _IPV4_LENGTH),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ASK),
    )
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def install() -> int:
    """Put the filter on this process; the descriptor that its questions arrive at.

    Raises
    ------
    OSError
        If the system does not offer that.
    """
    calls = CALLS.get(os.uname().machine) if sys.platform == "linux" else None
    if calls is None:
        raise OSError(0, f"not known how on {sys.platform} {os.uname().machine}")
    libc = ctypes.CDLL(None, use_errno=True)
    steps = ctypes.create_string_buffer(program(calls))
    count = (ctypes.sizeof(steps) - 1) // 8

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    given = Filter(count, ctypes.addressof(steps))
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    fd = libc.syscall(calls.seccomp, SET_MODE_FILTER, NEW_LISTENER, ctypes.byref(given))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(fd)


def _main(fd: int, argv: list[str]) -> None:
    with socket.socket(fileno=fd) as parent:
        try:
            questions = install()
        except OSError as error:
            parent.send(f"no: {error.strerror}".encode())
            raise SystemExit(1) from error
        socket.send_fds(parent, [b"yes"], [questions])
        os.close(questions)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - becoming that program is the point
    except OSError as error:
        raise SystemExit(f"cannot start {argv[0]}: {error.strerror}") from error


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
