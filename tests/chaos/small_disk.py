"""A small file system in memory that a test can fill to the last byte; only root may mount it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHUNKS = (1 << 24, 1 << 20, 1 << 16, 1 << 12)
"""Bytes written at a time while they still fit; the last is a page."""


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """Where it is mounted."""

    path: Path

    def fill(self) -> None:
        """Take all the space there is."""
        fd = os.open(self._filler, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            size = os.fstat(fd).st_size
            for chunk in CHUNKS:
                with contextlib.suppress(_FullError):
                    while True:
                        _allocate(fd, size, chunk)
                        size += chunk
        finally:
            os.close(fd)

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.path / "filler"


class _FullError(Exception):
    """No chunk of this size fits."""


def _allocate(fd: int, size: int, chunk: int) -> None:
    try:
        os.posix_fallocate(fd, size, chunk)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _FullError from error


@contextlib.contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator[SmallDisk | None]:
    """A file system of this size; ``None`` where it cannot be mounted. Logs on it are kept beside it."""
    path.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=0700", "lightship-chaos", str(path)],  # noqa: S607
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        yield None
        return
    try:
        yield SmallDisk(path)
    finally:
        for logs in path.glob("*/logs"):
            shutil.copytree(logs, path.parent / "logs", dirs_exist_ok=True)
        subprocess.run(["umount", "--lazy", str(path)], check=True)  # noqa: S607
