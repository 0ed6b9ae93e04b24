"""``run.json``: where a running instance's servers are, for other commands."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "run.json"
VERSION = 1


def write_run(home: Path, content: Mapping[str, Any]) -> None:
    """Replace the file in one step; readable by its owner only."""
    path = home / NAME
    staged = path.with_name(f".{NAME}.{os.getpid()}")
    fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump({"v": VERSION, **content}, file, indent=1)
    os.replace(staged, path)


def remove_run(home: Path) -> None:
    """Nothing runs any more."""
    (home / NAME).unlink(missing_ok=True)


def read_run(home: Path) -> dict[str, Any] | None:
    """Content of the file, or None if no instance runs on this directory (an old file is not believed)."""
    if not _is_locked(home / "lock"):
        return None
    try:
        content = json.loads((home / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("v") == VERSION else None


def _is_locked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
