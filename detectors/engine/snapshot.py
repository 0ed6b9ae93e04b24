"""Exact state of a detector as bytes: named arrays and plain facts, nothing that needs our classes to read.

Layout: a version byte, then a Zstandard frame of MessagePack ``[facts, [[name, dtype, shape, bytes]]]``
with names in order, so equal states give equal bytes. Whole numbers of any size are kept: what needs more
than 64 bits is an extension value of type `WIDE`, its bytes two's complement, most significant first. Readers
take this version and the one before (1: the facts held no conversations).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt
import zstandard

VERSION = 2
MAX_BYTES = 1 << 30
"""Largest state that is read back, after decompression."""
WIDE = 1
"""Extension type of a whole number that MessagePack has no form for: below -2^63 or from 2^64 on."""

_TEXT = "surrogatepass"
"""A text cut in the middle of a character is kept as it is."""

Arrays = dict[str, npt.NDArray[Any]]


class WrongSnapshot(ValueError):
    """Bytes that are not a snapshot of a readable version."""


def pack(facts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Bytes of a state. ``facts`` holds plain values: no objects, no numpy scalars.

    Raises
    ------
    TypeError
        If a value is not plain.
    """
    listed = []
    for name in sorted(arrays):
        array = arrays[name]
        listed.append([name, array.dtype.str, list(array.shape), array.tobytes()])
    body = bytes(msgpack.packb([_ordered(facts), listed], default=_wide, unicode_errors=_TEXT))
    return bytes((VERSION,)) + zstandard.ZstdCompressor(level=3, write_content_size=True).compress(body)


def unpack(data: bytes) -> tuple[dict[str, Any], Arrays]:
    """Inverse of `pack`.

    Raises
    ------
    WrongSnapshot
        If the version is unknown or the bytes are damaged.
    """
    if not data or data[0] not in (VERSION, VERSION - 1):
        found = data[0] if data else None
        raise WrongSnapshot(f"snapshot version {found} is not readable, expected {VERSION - 1} or {VERSION}")
    try:
        facts, listed = msgpack.unpackb(
            _plain(data[1:]),
            strict_map_key=False,
            max_bin_len=MAX_BYTES,
            ext_hook=_extended,
            unicode_errors=_TEXT,
        )
        arrays = {
            name: np.frombuffer(raw, dtype=_dtype(dtype)).reshape(shape).copy()
            for name, dtype, shape, raw in listed
        }
        if not isinstance(facts, dict):
            raise WrongSnapshot(f"facts are a {type(facts).__name__}")
    except (zstandard.ZstdError, ValueError, TypeError, msgpack.UnpackException) as error:
        raise WrongSnapshot(f"snapshot is damaged: {error}") from error
    return facts, arrays


def _wide(value: object) -> msgpack.ExtType:
    """A whole number of more than 64 bits; nothing else is not plain and has a form all the same."""
    if not isinstance(value, int):
        raise TypeError(f"a {type(value).__module__}.{type(value).__qualname__} cannot stand in a snapshot")
    return msgpack.ExtType(WIDE, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _extended(kind: int, data: bytes) -> int:
    if kind != WIDE:
        raise WrongSnapshot(f"extension type {kind} is not readable, expected {WIDE}")
    return int.from_bytes(data, "big", signed=True)


def part(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose names begin so, without that."""
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


def awake(facts: Mapping[str, Any], arrays: Arrays) -> Iterator[tuple[str, dict[str, Any], Arrays]]:
    """State and arrays of each service in the snapshot of a shard, by the text of its key."""
    of: dict[str, Arrays] = {}
    for name, array in arrays.items():
        i, _, rest = name.partition(".")
        of.setdefault(i, {})[rest] = array
    for text, (i, state) in facts["watchers"].items():
        yield text, state, of.get(str(i), {})


def services(facts: Mapping[str, Any], arrays: Arrays) -> Iterator[tuple[str, dict[str, Any], Arrays]]:
    """The same, with services of lineages that are at rest.

    Raises
    ------
    WrongSnapshot
        If the bytes of one of those are damaged.
    """
    yield from awake(facts, arrays)
    for _, _, packed, _ in facts.get("resting", ()):
        yield from awake(*unpack(packed))


def _dtype(name: str) -> np.dtype[Any]:
    """A plain type such as ``<f8``: whatever else numpy reads as one has no place in a state."""
    if name[:1] not in "<>|=" or name[1:2] not in "biufSU" or not name[2:].isdigit():
        raise WrongSnapshot(f"array type {name[:20]!r} is not readable")
    return np.dtype(name)


def _plain(packed: bytes) -> bytes:
    """The decompressed frame, piece by piece: what its head says of its size is not believed."""
    pieces, size = [], 0
    for piece in zstandard.ZstdDecompressor().read_to_iter(packed):
        size += len(piece)
        if size > MAX_BYTES:
            raise WrongSnapshot(f"snapshot has more than {MAX_BYTES} bytes")
        pieces.append(piece)
    return b"".join(pieces)


_LEAVES = frozenset((int, float, str, bytes, bool, type(None)))
"""Nothing to look into: most of a state, so it is asked by type alone."""


def _ordered(value: Any) -> Any:
    """Mappings with sorted keys, so that equal facts give equal bytes."""
    if type(value) is list or type(value) is tuple:
        return [v if type(v) in _LEAVES else _ordered(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _ordered(value[k]) for k in sorted(value, key=str)}
    return value
