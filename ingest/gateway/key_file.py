"""The file of ingest keys: one key a line, of which only the hash is kept.

::

    <tenant> <SHA-256 of the key, 64 hex digits> [name=… created=… revoked=… synthetic=yes requests_per_s=… …]
    <tenant> blocked

Empty lines and lines that begin with ``#`` are left out. The second form turns a whole tenant away. Words
after the hash are settings of `Quotas` and what the command line remembers; a key keeps its line when it is
revoked, so that its holder is told so.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import re2

from infra.errors import Misconfigured
from infra.private_files import private_directory
from infra.tenant_keys import is_tenant
from ingest.gateway.quotas import QUOTA_NAMES, Quotas

USUAL = Path("keys") / "ingest.keys"
"""Under the data directory."""
PREFIX = "lsk_"
"""Keys of ours begin so, that scanners for leaked secrets know them."""
BLOCKED = "blocked"
MIN_SHOWN = 8
"""Digits of a hash that name a key for `revoke`, at least."""
_NAME = re2.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
_HASH = re2.compile(r"^[0-9a-fA-F]{64}$")
_SAID = ("name", "created", "revoked", "synthetic")


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``created`` and ``revoked`` are RFC 3339 times, absent where not known or not so.

    ``synthetic`` (``yes``) says that no person is behind what is sent with it.
    """

    tenant: str
    hash: str
    name: str | None = None
    created: str | None = None
    revoked: str | None = None
    quotas: Quotas = field(default_factory=Quotas)
    synthetic: str | None = None

    @property
    def id(self) -> str:
        """What it is called where the key must not be shown."""
        return self.hash[:12]

    @property
    def has_quotas(self) -> bool:
        """Whether anything is limited."""
        return self.quotas != Quotas(burst_s=self.quotas.burst_s)

    def line(self) -> str:
        """Its line in the file."""
        words = [self.tenant, self.hash]
        words += [f"{k}={v}" for k in _SAID if (v := getattr(self, k))]
        usual = Quotas()
        words += [
            f"{k}={v:g}" if v < 1e6 else f"{k}={v:.0f}"
            for k in QUOTA_NAMES
            if (v := getattr(self.quotas, k)) != getattr(usual, k)
        ]
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What a file says: its keys, and tenants that are turned away."""

    keys: tuple[Key, ...] = ()
    blocked: frozenset[str] = frozenset()


def hash_of(key: bytes) -> str:
    """What is kept of a key. Keys are random, so a plain hash cannot be searched."""
    return hashlib.sha256(key).hexdigest()


def read(path: Path) -> KeyFile:
    """The file.

    Raises
    ------
    Misconfigured
        If it cannot be read, or a line is of neither form; the message names the line.
    """
    return parse(_text(path), str(path))


def parse(text: str, where: str) -> KeyFile:
    """Content of a file; ``where`` names it in errors."""
    keys: dict[str, Key] = {}
    blocked: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) == 2 and is_tenant(words[0]) and words[1] == BLOCKED:
            blocked.add(words[0])
            continue
        if len(words) < 2 or not is_tenant(words[0]) or not _HASH.search(words[1]):
            raise Misconfigured(
                f"{where}:{number} is not `<tenant> <SHA-256 of the key, 64 hex digits>` "
                "or `<tenant> blocked`"
            )
        key = _settings(Key(words[0], words[1].lower()), words[2:], f"{where}:{number}")
        keys[key.hash] = key
    return KeyFile(tuple(keys.values()), frozenset(blocked))


def _settings(key: Key, words: list[str], where: str) -> Key:
    said = {name: value for name, _, value in (w.partition("=") for w in words) if name in _SAID and value}
    quotas = [word for word in words if word.partition("=")[0] not in said]
    return replace(key, **said, quotas=read_quotas(quotas, where))


def read_quotas(words: Sequence[str], where: str) -> Quotas:
    """Limits written ``name=number``.

    Raises
    ------
    Misconfigured
        If one has another name, or is no number of at least 0.
    """
    quotas: dict[str, float] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in QUOTA_NAMES:
            raise Misconfigured(
                f"{where}: {word[:60]!r} is none of {', '.join(f'{n}=' for n in QUOTA_NAMES)}"
            )
        try:
            quotas[name] = float(value)
        except ValueError:
            quotas[name] = -1.0
        if not 0 <= quotas[name] < float("inf"):
            raise Misconfigured(f"{where}: {word[:60]} must be a number of at least 0")
    return Quotas(**quotas)


def create(
    path: Path, tenant: str, name: str | None, quotas: Quotas, created: str, *, synthetic: bool = False
) -> tuple[str, Key]:
    """Make a key and add its line; the key itself is returned and kept nowhere.

    Raises
    ------
    Misconfigured
        If tenant or name cannot be used, the name is another key's, or the file cannot be written.
    """
    if not is_tenant(tenant):
        raise Misconfigured(
            f"{tenant!r} cannot name a tenant: use lower-case letters, digits, - and _, at most 63"
        )
    if name is not None and not _NAME.search(name):
        raise Misconfigured(f"name {name[:70]!r} must be letters, digits, - _ and ., at most 63")
    secret = PREFIX + secrets.token_urlsafe(32)
    said = "yes" if synthetic else None
    key = Key(tenant, hash_of(secret.encode()), name, created, synthetic=said, quotas=quotas)
    with _changing(path) as lines:
        held = parse("\n".join(lines), str(path)) if lines else KeyFile()
        if name is not None and any(k.name == name and not k.revoked for k in held.keys):
            raise Misconfigured(f"there is a key named {name!r} already: revoke it first, or choose another")
        lines.append(key.line())
    return secret, key


def revoke(path: Path, which: str, at: str) -> Key:
    """Revoke the key with this name, id or beginning of its hash.

    Raises
    ------
    Misconfigured
        If it names no key that is in force, or several, or the file cannot be written.
    """
    with _changing(path) as lines:
        held = parse("\n".join(lines), str(path)).keys
        found = [k for k in held if not k.revoked and _is(k, which)]
        if len(found) != 1:
            said = "is not the name or id of a key in force" if not found else "names several keys"
            raise Misconfigured(f"{which[:70]!r} {said}: see `lightship keys list`")
        revoked = replace(found[0], revoked=at)
        _replace(lines, lambda words: len(words) > 1 and words[1].lower() == revoked.hash, revoked.line())
    return revoked


def block(path: Path, tenant: str, *, undo: bool = False) -> bool:
    """Turn a tenant away, or no longer; whether that changed anything.

    Raises
    ------
    Misconfigured
        If it can be no tenant's name, or the file cannot be written.
    """
    if not is_tenant(tenant):
        raise Misconfigured(f"{tenant!r} cannot name a tenant")
    with _changing(path) as lines:
        changed = (tenant in parse("\n".join(lines), str(path)).blocked) == undo
        if undo:
            _replace(lines, lambda words: words == [tenant, BLOCKED], None)
        elif changed:
            lines.append(f"{tenant} {BLOCKED}")
    return changed


def _is(key: Key, which: str) -> bool:
    return key.name == which or (len(which) >= MIN_SHOWN and key.hash.startswith(which.lower()))


def _replace(lines: list[str], chosen: Callable[[list[str]], bool], new: str | None) -> None:
    kept = [new if chosen(line.split()) else line for line in lines]
    lines[:] = [line for line in kept if line is not None]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"cannot read the key file {path}: {error.strerror}") from error
    except ValueError as error:
        raise Misconfigured(f"the key file {path} is not UTF-8") from error


@contextmanager
def _changing(path: Path) -> Iterator[list[str]]:
    """The lines, to be changed in place; replaced in one step, by one process at a time."""
    try:
        if not path.parent.exists():
            private_directory(path.parent)
        with (path.parent / f".{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lines = _text(path).splitlines() if path.exists() else []
            yield lines
            _write(path, "".join(f"{line}\n" for line in lines))
    except OSError as error:
        raise Misconfigured(f"cannot write the key file {path}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".keys-")  # 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.chmod(name, path.stat().st_mode & 0o777)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
