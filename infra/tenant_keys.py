"""Secrets of tenants: the key their placeholders are made with, in a file of its own each.

``<home>/keys/<tenant>.key``, 32 random bytes, readable by the owner alone, made when first asked for. It is
never written anywhere else: whoever loses it can no longer tell which placeholder a value had.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

import re2

from infra.errors import Defect
from infra.private_files import private_directory, private_file

KEY_BYTES = 32
_TENANT = re2.compile(r"^[a-z0-9][a-z0-9_-]{0,62}$")


def is_tenant(name: str) -> bool:
    """Whether ``name`` can be a tenant's: lower-case letters, digits, ``-`` and ``_``, at most 63."""
    return _TENANT.search(name) is not None


def load_key(home: Path, tenant: str) -> bytes:
    """The tenant's key, made if there is none; processes that race for it get the same one.

    Raises
    ------
    Defect
        If the name is no tenant's, or the file holds something else than a key.
    """
    if not is_tenant(tenant):
        raise Defect(f"{tenant!r} cannot name a tenant: use lower-case letters, digits, - and _")
    path = home / "keys" / f"{tenant}.key"
    if not path.exists():
        _make(path)
    key = private_file(path).read_bytes()
    if len(key) != KEY_BYTES:
        raise Defect(f"{path} has {len(key)} bytes, a key has {KEY_BYTES}: restore it from a backup")
    return key


def _make(path: Path) -> None:
    """A whole new file under ``path``, or none if another process was faster."""
    private_directory(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".key-")
    try:
        with os.fdopen(handle, "wb") as file:  # mkstemp makes it 0600
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return
    finally:
        Path(name).unlink()
