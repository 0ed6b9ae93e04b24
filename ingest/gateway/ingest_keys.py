"""Who may send: ingest keys, stored as hashes, each belonging to a tenant.

The file has one key a line, ``<tenant> <SHA-256 of the key in hexadecimal>``; empty lines and lines that
begin with ``#`` are left out. A client sends the key as ``Authorization: Bearer <key>``, as the password of
``Basic`` (Langfuse sends public and secret key so), or in ``x-api-key``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from pathlib import Path

from infra.errors import Misconfigured
from ingest.gateway.tenant_keys import is_tenant

DEFAULT_TENANT = "default"
MAX_KEY = 512


class IngestKeys:
    """Known keys. Without any, everybody is the default tenant: for loopback only."""

    def __init__(self, tenants: Mapping[str, str] | None) -> None:
        """``tenants`` maps hashes of keys to tenants; ``None`` means that no key is asked for."""
        self._tenants = None if tenants is None else [(h.lower(), t) for h, t in tenants.items()]

    @property
    def required(self) -> bool:
        """Whether a key is asked for."""
        return self._tenants is not None

    def tenant(self, headers: Mapping[bytes, bytes]) -> str | None:
        """Tenant of a request by its headers (lower-case names), or ``None`` if it may not send.

        Takes the same time whichever key matches.
        """
        if self._tenants is None:
            return DEFAULT_TENANT
        digest = hashlib.sha256(_sent_key(headers)).hexdigest()
        found = None
        for known, tenant in self._tenants:
            if hmac.compare_digest(known, digest):
                found = tenant
        return found


def _sent_key(headers: Mapping[bytes, bytes]) -> bytes:
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    value = value.strip()[:MAX_KEY]
    if scheme.lower() == b"bearer":
        return value
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return headers.get(b"x-api-key", b"")[:MAX_KEY]


def load_keys(path: Path) -> IngestKeys:
    """Keys from a file.

    Raises
    ------
    Misconfigured
        If the file cannot be read, or a line is not a tenant and a hash; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"cannot read the key file {path}: {error.strerror}") from error
    tenants: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not is_tenant(words[0]) or not _is_hash(words[1]):
            raise Misconfigured(f"{path}:{number} is not `<tenant> <SHA-256 of the key, 64 hex digits>`")
        tenants[words[1]] = words[0]
    if not tenants:
        raise Misconfigured(f"{path} holds no key: add `<tenant> <SHA-256 of the key>`")
    return IngestKeys(tenants)


def _is_hash(word: str) -> bool:
    return len(word) == 64 and all(c in "0123456789abcdefABCDEF" for c in word)


def check_host(host: str, keys: IngestKeys) -> None:
    """Refuse to listen to others without keys.

    Raises
    ------
    Misconfigured
        If ``host`` is not loopback and no key is asked for.
    """
    if keys.required or host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise Misconfigured(
            f"the gateway does not listen on {host} without ingest keys: "
            "pass --key-file, or listen on 127.0.0.1"
        )
