"""Who may send: keys that belong to tenants, known by their hashes, each with its quotas.

A client sends the key as ``Authorization: Bearer <key>``, as the password of ``Basic`` (Langfuse sends public
and secret key so), or in ``x-api-key``. The file is read again when it changes: a revoked key is refused
within `RECHECK_S`. The file is that of `ingest.gateway.key_file`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.errors import Misconfigured
from ingest.gateway import refusal
from ingest.gateway.key_file import Key, KeyFile, hash_of, read
from ingest.gateway.quotas import Meter
from ingest.gateway.refusal import Refused

logger = logging.getLogger(__name__)

DEFAULT_TENANT = "default"
MAX_KEY = 512
RECHECK_S = 1.0
"""How often the file is looked at, at most."""
_INDEX = 16
"""Digits of a hash that keys are looked up by; the whole of it is then compared in constant time."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whoever sent a request. ``meter`` is there if its key has quotas; ``synthetic``: it is no person."""

    tenant: str
    meter: Meter | None = None
    synthetic: bool = False


class IngestKeys:
    """Known keys. Without any, everybody is the default tenant: for loopback only.

    ``load`` gives the file's content, or ``None`` if it has not changed since the last call; ``now_s`` is a
    clock that never goes back.
    """

    def __init__(
        self,
        held: KeyFile | None,
        load: Callable[[], KeyFile | None] = lambda: None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._now_s = now_s
        self._next_s = now_s() + RECHECK_S
        self._meters: dict[str, Meter] = {}
        self._index: dict[str, list[Key]] = {}
        self._blocked: frozenset[str] = frozenset()
        self._required = False
        self.problem: str | None = None
        if held is not None:
            self._hold(held)

    @property
    def required(self) -> bool:
        """Whether a key is asked for. Once it is, it stays so."""
        return self._required

    def _hold(self, held: KeyFile) -> None:
        self._required = True
        self._blocked = held.blocked
        self._index = {}
        for key in held.keys:
            self._index.setdefault(key.hash[:_INDEX], []).append(key)
        known = {k.hash: k for k in held.keys}
        self._meters = {h: m for h, m in self._meters.items() if h in known and known[h].quotas == m.quotas}

    def _look(self) -> None:
        now = self._now_s()
        if now < self._next_s:
            return
        self._next_s = now + RECHECK_S
        try:
            held = self._load()
        except Misconfigured as error:
            if self.problem is None:
                logger.error("the keys stay as they were: %s", error)
            self.problem = str(error)
            return
        self.problem = None
        if held is not None:
            self._hold(held)

    def sender(self, headers: Mapping[bytes, bytes]) -> Sender:
        """Whoever sent a request, by its headers (lower-case names).

        Raises
        ------
        Refused
            If it may not send: the key is missing, unknown or revoked, or its tenant is blocked.
        """
        self._look()
        if not self._required:
            return Sender(DEFAULT_TENANT)
        digest = hash_of(_sent_key(headers))
        found: Key | None = None
        for key in self._index.get(digest[:_INDEX], ()):
            if hmac.compare_digest(key.hash, digest):
                found = key
        if found is None:
            raise Refused(refusal.KEY, "no valid ingest key: send Authorization: Bearer <key>")
        if found.revoked:
            raise Refused(refusal.REVOKED, f"key {found.name or found.id} was revoked: ask for another")
        if found.tenant in self._blocked:
            raise Refused(refusal.BLOCKED, f"tenant {found.tenant} is blocked by whoever runs this Lightship")
        return Sender(found.tenant, self._meter(found), synthetic=found.synthetic == "yes")

    def _meter(self, key: Key) -> Meter | None:
        meter = self._meters.get(key.hash)
        if meter is None and key.has_quotas:
            meter = self._meters[key.hash] = Meter(key.quotas, self._now_s)
        return meter


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


def load_keys(
    path: Path, *, must_exist: bool = True, now_s: Callable[[], float] = time.monotonic
) -> IngestKeys:
    """Keys from a file, which is read again when it changes.

    Without ``must_exist`` a file that is not there means that no key is asked for until it is.

    Raises
    ------
    Misconfigured
        If the file cannot be read, holds no key, or a line is of no known form; the message names the line.
    """
    seen: tuple[int, int, int] | None = None

    def load() -> KeyFile | None:
        nonlocal seen
        try:
            stat = path.stat()
        except OSError as error:
            if not must_exist and seen is None:
                return None
            raise Misconfigured(f"cannot read the key file {path}: {error.strerror}") from error
        now = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if now == seen:
            return None
        held = read(path)
        if not held.keys:
            raise Misconfigured(f"{path} holds no key: make one with `lightship keys create`")
        seen = now
        return held

    return IngestKeys(load(), load, now_s)


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
            "make one with `lightship keys create` (or pass --key-file), or listen on 127.0.0.1"
        )
