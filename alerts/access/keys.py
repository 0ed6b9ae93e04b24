"""Secrets that are made on first use, as files only their owner can read: the token of the alerts API.

The token itself may do everything. Whoever holds it makes tokens for one role and tenant (`role_token`),
which the API recognises and believes no more of.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from infra.dashboard_sections import ROLES
from infra.errors import Misconfigured
from infra.private_files import private_directory, private_file

FILE = Path("keys") / "alerts.token"
LINKS = Path("keys") / "links.key"
"""What signs links in messages."""
MIN_CHARACTERS = 16
ADMIN = ROLES[-1]


def read_token(home: Path, file: Path = FILE) -> str:
    """The token in a file under the data directory, made on first use.

    Raises
    ------
    Misconfigured
        If it cannot be read or written, or is too short to protect anything.
    """
    path = home / file
    try:
        private_directory(path.parent)
        if not path.exists():
            _make(path)
        token = private_file(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise Misconfigured(f"the token file {file} under LIGHTSHIP_HOME cannot be used: {error}") from error
    if len(token) < MIN_CHARACTERS:
        raise Misconfigured(f"the token file {file} holds fewer than {MIN_CHARACTERS} characters: delete it")
    return token


def _make(path: Path) -> None:
    """Write a new token whole, unless another process was first: no one ever reads half of one."""
    own = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_urlsafe(32)}\n")
    try:
        os.link(own, path)
    except FileExistsError:
        pass
    finally:
        own.unlink()


def role_token(token: str, role: str, tenant: str) -> str:
    """A token for one role in one tenant: ``role.tenant in hexadecimal.HMAC-SHA-256``."""
    named = f"{role}.{tenant.encode().hex()}"
    return f"{named}.{hmac.new(token.encode(), f'alerts {named}'.encode(), hashlib.sha256).hexdigest()}"


def granted(header: str, token: str) -> tuple[str, str | None] | None:
    """Role and tenant that an ``Authorization`` header proves; ``None`` if it proves nothing.

    The token itself is the role ``admin`` in every tenant (``None``).
    """
    if is_allowed(header, token):
        return ADMIN, None
    role, _, rest = header.partition(" ")[2].strip().partition(".")
    named, _, _ = rest.partition(".")
    try:
        tenant = bytes.fromhex(named).decode()
    except ValueError:
        return None
    if role not in ROLES or not is_allowed(header, role_token(token, role, tenant)):
        return None
    return role, tenant


def is_allowed(header: str, token: str) -> bool:
    """Whether an ``Authorization`` header carries the token (``Bearer ...``)."""
    scheme, _, given = header.partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    return scheme.lower() == "bearer" and same
