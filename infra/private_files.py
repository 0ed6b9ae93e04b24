"""Directories and files that no other account of the machine may look into.

A directory of ours with wider permissions, of an older version or made by hand, is narrowed when it is used.
One of another account is left as it is (a mounted volume belongs to whoever mounts it), and so is one that
is shared on purpose, with the sticky bit.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from infra.errors import Misconfigured

logger = logging.getLogger(__name__)

UMASK = 0o077
"""What processes of ours are started with: what they make is theirs alone."""
DIRECTORY, FILE = 0o700, 0o600


def private_directory(path: Path) -> Path:
    """The directory, made with mode 0700 as those above it that are missing, or narrowed to that.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    for missing in reversed([p for p in (path, *path.parents) if not p.exists()]):
        missing.mkdir(mode=DIRECTORY, exist_ok=True)
    path.mkdir(mode=DIRECTORY, exist_ok=True)
    _narrow(path, DIRECTORY)
    return path


def private_file(path: Path) -> Path:
    """The file, narrowed to mode 0600 if it is ours.

    Raises
    ------
    OSError
        If there is none.
    """
    _narrow(path, FILE)
    return path


def private_home(path: Path) -> Path:
    """The data directory of an instance, as `private_directory`; nobody else may be able to change it.

    Raises
    ------
    Misconfigured
        If it cannot be made, or other accounts can write to it and we cannot prevent that.
    """
    try:
        found = private_directory(path).stat()
    except OSError as error:
        raise Misconfigured(f"cannot use LIGHTSHIP_HOME {path}: {error.strerror}") from error
    if found.st_mode & 0o022:
        raise Misconfigured(
            f"LIGHTSHIP_HOME {path} can be changed by other accounts (mode {stat.S_IMODE(found.st_mode):o}, "
            f"owner {found.st_uid}): make it yours with mode 700, or name another directory"
        )
    return path


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step by one of mode 0600."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.unlink(missing_ok=True)
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(staged, path)


def _narrow(path: Path, mode: int) -> None:
    found = path.stat()
    wider = stat.S_IMODE(found.st_mode) & UMASK
    if not wider or found.st_mode & stat.S_ISVTX or os.geteuid() not in (0, found.st_uid):
        return
    try:
        path.chmod(mode)
    except OSError as error:  # a read-only mount
        logger.warning("%s can be read by other accounts, and stays so: %s", path, error.strerror)
        return
    logger.warning(
        "%s could be read by other accounts (mode %o): it is %o now", path, found.st_mode & 0o777, mode
    )
