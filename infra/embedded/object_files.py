"""Objects kept as files: the part of the object store that knows nothing of HTTP.

``<root>/objects/<shard>/<name>@`` holds one object and nothing else. The name is the key, percent-encoded so
that it survives case-insensitive and normalising file systems; a key too long for one file name goes on in
directories whose names end in ``+``. The shard is two hex digits of a hash, so no directory gets large.

An object's version, its entity tag, is the file's modification time in nanoseconds, which we set ourselves to
a value never used before. It is therefore on disk with the content, in one rename, and nothing has to be read
again at start. (A tag by inode or by the kernel's clock would repeat: freed inodes come back within the
4 ms that the kernel's clock stands still.)

Files are written under ``incoming/`` and renamed, so an object is whole or absent after the death of the
process. ``fsync=False`` leaves the rest to the page cache: a power loss may take the last seconds.
"""

from __future__ import annotations

import bisect
import hashlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from infra.errors import Misconfigured

logger = logging.getLogger(__name__)

MAX_KEY_BYTES = 1024  # Amazon S3 user guide, "Naming objects"
NAME_CHARS = 200  # of the 255 bytes a file name may have

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.=")
_ENCODED = tuple(chr(b) if b in _PLAIN else f"%{b:02x}" for b in range(256))


class BadKey(ValueError):
    """A key is empty or longer than `MAX_KEY_BYTES`."""


class PreconditionFailed(Exception):
    """The object is not (or no longer) what the writer expected."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of an object without opening it."""

    size: int
    modified_ns: int

    @property
    def etag(self) -> str:
        """Entity tag without quotes; opaque, unique to this version."""
        return f"{self.modified_ns:x}"


@dataclass(frozen=True, slots=True)
class Staged:
    """A written file that has no key yet."""

    path: str
    stored: Stored


def relative_path(key: str) -> str:
    """Path of an object below ``objects/``.

    Raises
    ------
    BadKey
        If the key cannot be stored.
    """
    raw = key.encode()
    if not 0 < len(raw) <= MAX_KEY_BYTES:
        raise BadKey(f"a key has {len(raw)} bytes: it may have 1 to {MAX_KEY_BYTES}")
    name = "".join([_ENCODED[b] for b in raw])
    shard = hashlib.blake2b(raw, digest_size=1).hexdigest()
    if len(name) <= NAME_CHARS:
        return f"{shard}/{name}@"
    parts = [name[i : i + NAME_CHARS] for i in range(0, len(name), NAME_CHARS)]
    return "/".join([shard, *(part + "+" for part in parts[:-1]), parts[-1] + "@"])


def key_of(names: Sequence[str]) -> str | None:
    """Key of the path components below a shard; None if this is not a file of ours."""
    if not names[-1].endswith("@") or not all(n.endswith("+") for n in names[:-1]):
        return None
    try:
        return unquote_to_bytes("".join(n[:-1] for n in names)).decode()
    except UnicodeDecodeError:
        return None


class ObjectFiles:
    """Objects under one directory, with an index of all keys in memory.

    For one thread, except `stage`, `settle` and reading opened files, which any thread may do.

    Raises
    ------
    Misconfigured
        If the directory cannot be used, or its file system does not keep nanoseconds.
    """

    def __init__(self, root: Path, *, fsync: bool = False, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.fsync = fsync
        self.names: list[str] = []
        """All keys, sorted by code point (the same order as their UTF-8 bytes)."""
        self._root = str(root / "objects")
        self._incoming = str(root / "incoming")
        self._now_ns = now_ns
        self._index: dict[str, Stored] = {}
        self._retired: dict[str, tuple[Stored, int]] = {}
        self._last_ns = 0
        self._stamp_lock = threading.Lock()
        try:
            self._open()
        except OSError as error:
            raise Misconfigured(f"cannot keep objects in {root}: {error}") from error

    def __len__(self) -> int:
        return len(self.names)

    def get(self, key: str) -> Stored | None:
        """What is stored under ``key``, if anything."""
        return self._index.get(key) or self._retired.get(key, (None,))[0]

    def open(self, key: str) -> int:
        """File descriptor for reading; the content stays the same however the object changes after."""
        return os.open(f"{self._root}/{relative_path(key)}", os.O_RDONLY)

    def read(self, key: str) -> bytes:
        """Whole content of a stored object."""
        fd = self.open(key)
        try:
            return b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
        finally:
            os.close(fd)

    def stage(self, body: bytes, *, modified_ns: int | None = None) -> Staged:
        """Write content to a file of no key yet; safe to call from any thread.

        ``modified_ns`` gives it a time of its own instead of now; the caller sees to it that no other version
        of the key has that time.
        """
        serial = self._stamp()
        stamp = serial if modified_ns is None else modified_ns
        path = f"{self._incoming}/{serial:x}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            view = memoryview(body)
            while view:
                view = view[os.write(fd, view) :]
            os.utime(fd, ns=(stamp, stamp))
            if self.fsync:
                os.fsync(fd)
        except BaseException:
            os.close(fd)
            os.unlink(path)
            raise
        os.close(fd)
        return Staged(path, Stored(len(body), stamp))

    def check(self, key: str, *, if_match: str | None = None, if_absent: bool = False) -> None:
        """Whether a write may go ahead.

        Raises
        ------
        PreconditionFailed
            If ``if_absent`` and there is an object, or its tag is not ``if_match`` (``*``: any).
        """
        have = self._index.get(key)
        if if_absent and have is not None:
            raise PreconditionFailed
        if if_match is not None and (have is None or if_match not in ("*", have.etag)):
            raise PreconditionFailed

    def commit(
        self, key: str, staged: Staged, *, if_match: str | None = None, if_absent: bool = False
    ) -> Stored:
        """Give a staged file its key, replacing what was there.

        Raises
        ------
        PreconditionFailed
            See `check`; the staged file is gone then.
        BadKey
            If the key cannot be stored.
        """
        try:
            self.check(key, if_match=if_match, if_absent=if_absent)
            path = f"{self._root}/{relative_path(key)}"
            try:
                os.replace(staged.path, path)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
                os.replace(staged.path, path)
        except BaseException:
            self.discard(staged)
            raise
        self._retired.pop(key, None)
        if key not in self._index:
            bisect.insort(self.names, key)
        self._index[key] = staged.stored
        return staged.stored

    def settle(self, key: str) -> None:
        """Make the rename of a committed key durable too; nothing to do without ``fsync``."""
        if not self.fsync:
            return
        folder = os.path.dirname(f"{self._root}/{relative_path(key)}")
        while True:
            _fsync_directory(folder)
            if not folder.endswith("+"):
                return
            folder = os.path.dirname(folder)

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_absent: bool = False) -> Stored:
        """`stage`, `commit` and `settle` in one."""
        relative_path(key)
        stored = self.commit(key, self.stage(body), if_match=if_match, if_absent=if_absent)
        self.settle(key)
        return stored

    def discard(self, staged: Staged) -> None:
        """Remove a staged file that will get no key."""
        try:
            os.unlink(staged.path)
        except FileNotFoundError:
            logger.debug("staged file %s was gone", staged.path)

    def delete(self, key: str) -> bool:
        """Remove an object; whether there was one."""
        if not self._unlist(key):
            return False
        os.unlink(f"{self._root}/{relative_path(key)}")
        return True

    def retire(self, key: str) -> None:
        """Take an object out of listings, but let it be read until `reap`, by who listed it before."""
        stored = self._index[key]
        self._unlist(key)
        self._retired[key] = (stored, self._now_ns())

    def reap(self, before_ns: int) -> int:
        """Remove what was retired before that time; how many."""
        keys = [key for key, (_, at_ns) in self._retired.items() if at_ns < before_ns]
        for key in keys:
            del self._retired[key]
            os.unlink(f"{self._root}/{relative_path(key)}")
        return len(keys)

    def _unlist(self, key: str) -> bool:
        if self._index.pop(key, None) is None:
            return False
        del self.names[bisect.bisect_left(self.names, key)]
        return True

    def _stamp(self) -> int:
        """A time never given before."""
        with self._stamp_lock:
            self._last_ns = max(self._last_ns + 1, self._now_ns())
            return self._last_ns

    def _open(self) -> None:
        shutil.rmtree(self._incoming, ignore_errors=True)
        os.makedirs(self._incoming, mode=0o700)
        os.makedirs(self._root, mode=0o700, exist_ok=True)
        if self.fsync:  # later a new directory would have to be made durable with the object
            for shard in range(256):
                os.makedirs(f"{self._root}/{shard:02x}", mode=0o700, exist_ok=True)
            _fsync_directory(self._root)
        self._probe()
        for key, stored in self._scan():
            self._index[key] = stored
            self._last_ns = max(self._last_ns, stored.modified_ns)
        self.names = sorted(self._index)

    def _probe(self) -> None:
        """Versions live in modification times: a file system that rounds them would give two one tag."""
        staged = self.stage(b"")
        kept = os.stat(staged.path).st_mtime_ns
        self.discard(staged)
        if kept != staged.stored.modified_ns:
            raise Misconfigured(f"the file system of {self._root} rounds file times: use another directory")

    def _scan(self) -> Iterator[tuple[str, Stored]]:
        with os.scandir(self._root) as shards:
            todo: list[tuple[str, list[str]]] = [(s.path, []) for s in shards if s.is_dir()]
        while todo:
            folder, names = todo.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        todo.append((entry.path, [*names, entry.name]))
                        continue
                    key = key_of([*names, entry.name])
                    if key is None:
                        logger.warning("left a file alone that is not an object: %s", entry.path)
                        continue
                    status = entry.stat(follow_symlinks=False)
                    yield key, Stored(status.st_size, status.st_mtime_ns)


def _fsync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
