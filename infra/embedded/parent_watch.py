"""Ties a program's life to its parent's, then becomes that program.

``python -I -S tether.py PARENT_PID PROGRAM ARGUMENT…``: on Linux the kernel is asked to kill this process
when the parent dies (prctl(2), PR_SET_PDEATHSIG; it survives execve(2)), so that no server is left behind by
a ``kill -9`` of the supervisor, holding a port or a data directory. The signal follows the parent *thread*
that started the child: start children from a thread that lives as long as they should. Elsewhere this only
becomes the program, and a killed supervisor leaves its children running.

A program of its own rather than a ``preexec_fn``, which may deadlock in a parent with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tethered(argv: list[str]) -> list[str]:
    """``argv`` such that the program it names dies with the calling process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *argv]


def _main(parent_pid: int, argv: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # it died before the request was made
            raise SystemExit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - becoming that program is the point
    except OSError as error:
        raise SystemExit(f"cannot start {argv[0]}: {error.strerror}") from error


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
