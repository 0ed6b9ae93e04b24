"""The settings file of a process that runs, read again when it has changed.

A look is two calls of ``stat``; the file is read only when one differs. A file that is being written is
waited for: it is read once two looks in a row found the same. Receivers that were applied beside it are
looked at as well, and files that receivers name (secrets, templates): a rotated key is a change.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

from infra.applied_receivers import folder_of
from infra.errors import Misconfigured
from infra.settings import ReceiverSettings, Settings, home_of, load, settings_file

Look = tuple[tuple[str, int, int, int] | None, ...]
"""Of each file its name, time of change (ns), size (bytes) and inode; ``None`` if it is not there."""


class SettingsFile:
    """``path`` is what the process was started with. One thread asks.

    Parameters
    ----------
    path
        The file that was named, as `load` takes it.
    environ
        Variables, which override keys of the file.
    running
        What was read when the process started.
    """

    def __init__(self, path: Path | None, running: Settings, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        source = settings_file(path, environ)
        self.path = None if source is None else source.absolute()
        self._names = named_files(running.receiver)
        self._known = self._seen = self._look()

    def changed(self, *, at_once: bool = False) -> Settings | None:
        """The settings as they are now, if the file has changed and nobody writes it any more.

        ``at_once``: read it whether it has changed or not.

        Raises
        ------
        Misconfigured
            If they cannot be used; said once of each change.
        """
        look = self._look()
        is_still, self._seen = look == self._seen, look
        if not at_once and (look == self._known or not is_still):
            return None
        self._known = look
        if self.path is not None and not self.path.exists():
            raise Misconfigured(f"{self.path} is not there any more")
        settings = load(self.path, self._environ)
        self._names = named_files(settings.receiver)
        self._known = self._seen = self._look()
        return settings

    def _look(self) -> Look:
        applied = sorted(map(str, folder_of(home_of(self._environ)).glob("*.json")))
        names = [*([] if self.path is None else [str(self.path)]), *applied, *self._names]
        return tuple(_stat(name) for name in names)


def named_files(receivers: Iterable[ReceiverSettings]) -> tuple[str, ...]:
    """Files that receivers name, each once."""
    names = (
        getattr(one, f.name)
        for one in receivers
        for f in fields(ReceiverSettings)
        if f.name.endswith("_file")
    )
    return tuple(dict.fromkeys(name for name in names if name))


def fingerprint(receiver: ReceiverSettings) -> str:
    """Hash of what a receiver's table and the files it names hold; empty where one is unreadable."""
    digest = hashlib.sha256(repr(receiver).encode())
    for name in named_files([receiver]):
        try:
            digest.update(hashlib.sha256(Path(name).read_bytes()).digest())
        except OSError:
            return ""
    return digest.hexdigest()


def _stat(name: str) -> tuple[str, int, int, int] | None:
    try:
        found = os.stat(name)
    except (OSError, ValueError):
        return None
    return name, found.st_mtime_ns, found.st_size, found.st_ino
