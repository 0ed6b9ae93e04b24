"""Confines this process by Linux's Landlock: which files it may touch, and that it connects nowhere.

It holds for every thread and child that is started afterwards, cannot be undone and needs no rights. Source:
Linux kernel documentation, "Landlock: unprivileged access control"; ``include/uapi/linux/landlock.h``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38

_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_EXECUTE = 1 << 0
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_DEVICES = 1 << 6 | 1 << 11
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | 1 << 15
"""Rights that a rule on a file, not a directory, may have."""
_RIGHTS_OF_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET_SINCE, _BIND_AND_CONNECT = 4, 0b11


def version() -> int:
    """Version of Landlock this kernel offers; 0 if none."""
    if sys.platform != "linux":
        return 0
    return max(0, _syscall(_CREATE_RULESET, None, 0, _VERSION))


def confine(*, read: Iterable[Path], write: Iterable[Path]) -> bool:
    """Leave this process the files beneath some paths, and no new TCP connection or listener.

    Nothing can be executed. What is open stays usable. Paths that do not exist are left out.

    Parameters
    ----------
    read
        Files and directories that may be read.
    write
        Those that may be read, written, made and removed.

    Returns
    -------
    bool
        Whether it holds: ``False`` where the kernel has no Landlock, and nothing was changed.

    Raises
    ------
    OSError
        If the kernel has it and refuses.
    """
    offered = version()
    if not offered:
        return False
    rights = _RIGHTS_OF_VERSION[max(v for v in _RIGHTS_OF_VERSION if v <= offered)]
    net = _BIND_AND_CONNECT if offered >= _NET_SINCE else 0
    attributes = struct.pack("=QQ", rights, net) if net else struct.pack("=Q", rights)
    ruleset = _checked(_syscall(_CREATE_RULESET, attributes, len(attributes), 0), "create a ruleset")
    try:
        for path in read:
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for path in write:
            _allow(ruleset, path, rights & ~(_EXECUTE | _DEVICES))
        if _libc().prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "cannot give up new privileges")
        _checked(_syscall(_RESTRICT_SELF, ruleset, 0), "restrict this process")
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, path: Path, rights: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = rights if path.is_dir() else rights & _OF_FILES
            rule = struct.pack("=Qi", allowed, handle)
            _checked(_syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0), f"allow {path}")
        finally:
            os.close(handle)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _syscall(number: int, *arguments: bytes | int | None) -> int:
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return int(_libc().syscall(ctypes.c_long(number), *wide))


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: cannot {what}: {os.strerror(number)}")
    return result
