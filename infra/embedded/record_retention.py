"""Which record batches the object store may drop: the embedded broker itself never deletes any.

The broker keeps a partition's batches under ``clusters/<cluster>/topics/<topic>/partitions/<n>/records/`` in
offset order. Deleting the oldest moves the beginning of the log, and consumers go on from there. The newest
batch of a partition always stays, so that its end can be found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from infra.embedded.batch_merging import batch_keys, folders
from infra.embedded.object_files import Stored

NS_PER_HOUR = 3_600_000_000_000


def expired(
    names: Sequence[str],
    stored: Callable[[str], Stored | None],
    keep_hours: Mapping[str, float],
    now_ns: int,
) -> list[str]:
    """Keys of batches older than their topic is kept; a topic that is not named is kept for good."""
    out = []
    for cluster in folders(names, "clusters/"):
        for topic, hours in keep_hours.items():
            oldest_ns = now_ns - int(hours * NS_PER_HOUR)
            for partition in folders(names, f"{cluster}topics/{topic}/partitions/"):
                out += _older(names, stored, f"{partition}records/", oldest_ns)
    return out


def _older(
    names: Sequence[str], stored: Callable[[str], Stored | None], prefix: str, oldest_ns: int
) -> list[str]:
    out = []
    for key in batch_keys(names, prefix)[:-1]:
        have = stored(key)
        if have is None or have.modified_ns >= oldest_ns:
            break
        out.append(key)
    return out
