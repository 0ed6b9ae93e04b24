"""What children print: to a file each, and with their name in front to the terminal."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from pathlib import Path
from typing import TextIO

from infra.private_files import private_directory

MAX_LINE_BYTES = 16 << 10
MAX_FILE_BYTES = 10 << 20
TAIL_LINES = 20

OWN_NAME = "supervisor"
"""Prefix of lines that no child wrote."""

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # ECMA-48 foreground colours that read on dark and light
_CONTROL = {c: None for c in (*range(0x20), 0x7F, *range(0x80, 0xA0)) if c != 0x09}


class Terminal:
    """Writes prefixed lines of several children to one stream; safe from any thread."""

    def __init__(self, out: TextIO | None, names: list[str]) -> None:
        self._out = out
        self._width = max(map(len, (*names, OWN_NAME)))
        self._names = names
        self._colour = bool(out is not None and out.isatty() and not os.environ.get("NO_COLOR"))
        self._lock = threading.Lock()

    def line(self, name: str, text: str) -> None:
        """Write one line; control characters in it are dropped, so that no child can repaint the screen."""
        if self._out is None:
            return
        prefix = f"{name:<{self._width}} |"
        if self._colour:
            colour = _COLOURS[self._names.index(name) % len(_COLOURS)] if name in self._names else 1
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        with self._lock, contextlib.suppress(OSError):  # a file on a full disk, a terminal that is gone
            self._out.write(f"{prefix} {text.translate(_CONTROL)}\n")
            self._out.flush()


class ChildLog:
    """One child's log file, and its last lines in memory.

    The file is as the child wrote it. When it is too large, at the start of a run or during it, it becomes
    ``<name>.log.1`` and a new one is begun.

    What a full disk does not take is left out, and the file says how much: a child whose output nobody takes
    stands still in the middle of writing it.
    """

    def __init__(self, folder: Path, name: str, terminal: Terminal) -> None:
        private_directory(folder)
        self.path = folder / f"{name}.log"
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._name = name
        self._terminal = terminal
        self._rest = b""
        self._left_out_bytes = 0
        self._open()

    def feed(self, data: bytes) -> None:
        """Take what the child printed; lines are cut at `MAX_LINE_BYTES`."""
        self._keep(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest[:MAX_LINE_BYTES])
            self._rest = self._rest[MAX_LINE_BYTES:]
        for line in lines:
            self._line(line)
        if self._size > MAX_FILE_BYTES and not self._rest:
            with contextlib.suppress(OSError):
                old = self._fd
                self._open()
                os.close(old)

    def _keep(self, data: bytes) -> None:
        """Write to the file, or count what could not be."""
        todo = data
        if self._left_out_bytes:
            note = f"\n({self._left_out_bytes} bytes are left out: they could not be written)\n"
            todo = note.encode() + data
        view = memoryview(todo)
        try:
            while view:
                written = os.write(self._fd, view)
                self._size += written
                view = view[written:]
        except OSError:
            self._left_out_bytes += min(len(view), len(data))
        else:
            self._left_out_bytes = 0

    def flush(self) -> None:
        """The child ended: show a last line that had no end."""
        if self._rest:
            rest, self._rest = self._rest, b""
            self._line(rest)

    def close(self) -> None:
        """Close the file."""
        self.flush()
        os.close(self._fd)

    def _line(self, line: bytes) -> None:
        text = line[:MAX_LINE_BYTES].decode("utf-8", "replace").rstrip("\r")
        self.tail.append(text)
        self._terminal.line(self._name, text)

    def _open(self) -> None:
        if self.path.exists() and self.path.stat().st_size > MAX_FILE_BYTES:
            os.replace(self.path, self.path.with_name(self.path.name + ".1"))
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._fd).st_size
