"""Which interactions, spans and records were stored lately, and from where: a bounded memory.

It answers the common repeat (a client sends again within seconds because an answer was lost) without a
question to ClickHouse. It learns an id only once its message is acknowledged, so what it says is stored and
sent is stored and sent. What it does not know proves nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Iterable
from hashlib import blake2b

from detectors.observation import SourcePosition


class RecentIds:
    """Ids by 128-bit hash, the oldest forgotten first.

    Parameters
    ----------
    limit
        How many ids are kept, at least 1; about 200 bytes each.
    """

    def __init__(self, limit: int = 200_000) -> None:
        if limit < 1:
            raise ValueError(f"limit {limit} must be at least 1")
        self._limit = limit
        self._positions: OrderedDict[bytes, SourcePosition] = OrderedDict()

    def __len__(self) -> int:
        return len(self._positions)

    def position(self, *parts: str) -> SourcePosition | None:
        """Where the record with this id was stored from; ``None`` if not known here."""
        return self._positions.get(_digest(parts))

    def learn(self, ids: Iterable[tuple[tuple[str, ...], SourcePosition]]) -> None:
        """Remember ids whose messages are acknowledged; a known id keeps its first position."""
        for parts, position in ids:
            digest = _digest(parts)
            self._positions.setdefault(digest, position)
            self._positions.move_to_end(digest)
        while len(self._positions) > self._limit:
            self._positions.popitem(last=False)

    def forget(self, partitions: Container[tuple[str, int]]) -> None:
        """Drop what came from these source partitions: another worker has them now."""
        gone = [d for d, p in self._positions.items() if (p.topic, p.partition) in partitions]
        for digest in gone:
            del self._positions[digest]


def _digest(parts: tuple[str, ...]) -> bytes:
    return blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
