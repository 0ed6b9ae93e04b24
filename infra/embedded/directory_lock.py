"""One process per data directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from infra.embedded.errors import AlreadyRunning
from infra.private_files import private_directory


class DirectoryLock:
    """An advisory lock on ``<directory>/lock``, held until `release` or the end of the process.

    The kernel drops it when the process dies, however that happens; the process id in the file is for people.

    Raises
    ------
    AlreadyRunning
        If another process holds it.
    """

    def __init__(self, directory: Path) -> None:
        private_directory(directory)
        self._path = directory / "lock"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise AlreadyRunning(
                f"{directory} is in use by process {holder}: stop it, or choose another data directory"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others have the directory; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> DirectoryLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
