"""A chain of digests over the observation log of a shard: what is changed in it later shows, and where.

Each message has a digest of its own (of its offset and bytes), and the head of the chain after it is the
digest of the head before it and of that. A message that was changed no longer has its digest; one that is
missing or was added breaks the chain at the next one; a log that was written anew from some place on ends in
another head than the one that findings, and the messages people got about them, name.

Digests are BLAKE2b of 16 bytes (RFC 7693), in hex.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

SIZE = 16
GENESIS = bytes(SIZE).hex()
"""Head of a chain without messages."""


def digest_of(data: bytes) -> str:
    """Digest of some bytes."""
    return blake2b(data, digest_size=SIZE).hexdigest()


def message_digest(offset: int, blob: bytes) -> str:
    """Digest of one message of the log at its place."""
    return digest_of(offset.to_bytes(8, "big") + blob)


def link(head: str, digest: str) -> str:
    """Head of the chain after a message with this digest."""
    return digest_of(bytes.fromhex(head) + bytes.fromhex(digest))


@dataclass(slots=True)
class LogChain:
    """Head of the chain, and digest of the message it ends with; ``since`` is the offset it begins at."""

    head: str = GENESIS
    last: str = ""
    since: int | None = None

    def add(self, offset: int, blob: bytes) -> None:
        """Take the next message."""
        self.since = offset if self.since is None else self.since
        self.last = message_digest(offset, blob)
        self.head = link(self.head, self.last)
