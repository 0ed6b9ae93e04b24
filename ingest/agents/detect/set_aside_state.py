"""What a snapshot of a shard has set aside: its entries as `packed`, by the keys they are of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from detectors.engine import snapshot as codec
from detectors.observation import ServiceKey

T = TypeVar("T")
Read = Callable[[ServiceKey, Sequence[Any]], T]
"""An entry from its key and plain form."""


def entries(facts: dict[str, Any], read: Read[T]) -> Iterator[tuple[ServiceKey, T]]:
    """Entries in quarantine, of the facts of a snapshot; the first snapshots had none."""
    for text, state in facts.get("quarantine", ()):
        key = ServiceKey.parse(text)
        yield key, read(key, state)


def agree(
    data: bytes, watchers: dict[ServiceKey, Any], quarantine: dict[ServiceKey, T], read: Read[T]
) -> None:
    """Set aside what a snapshot of the same place has set aside, with its words.

    Something may be in quarantine there because it could not be packed, or because the program of then
    failed where this one does not.

    Raises
    ------
    detectors.engine.snapshot.WrongSnapshot
        If the bytes are not readable.
    """
    facts, _ = codec.unpack(data)
    for key, entry in entries(facts, read):
        watchers.pop(key, None)
        quarantine[key] = entry
