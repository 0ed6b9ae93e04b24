"""Makes many small batches of the broker's log into few: what a fetch costs grows with their number.

The broker stores every produced batch as an object and lists all of a partition for every fetch that finds
something new: 5 ms for each 1,000 batches (measured), so a day of small batches would occupy a core. Batches
that are no longer new are therefore merged, in runs, into one object under the first one's key. Offsets stay,
and a request for an offset within a batch is answered from the batch that contains it.

A crash between writing the merged batch and deleting its parts leaves parts that are contained in it; they
are removed at the next start, before the broker reads anything.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from infra.embedded.object_files import ObjectFiles, Stored
from infra.embedded.object_listing import MAX_PAGE, Listing, list_page
from infra.embedded.record_batch import Batch, Unmergeable, last_offset, merge, parse

logger = logging.getLogger(__name__)

SUFFIX = ".batch"
AFTER_DIGITS = ":"
"""Sorts behind all keys that go on with a digit, as those of batches do."""

MIN_RUN = 8
MAX_RUN = 1000
MAX_BYTES = 2 << 20
LOOK = 20_000
"""How many batches of a partition are looked at in one go, the oldest; the others have their turn later."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged batch and the keys it replaces, the first of which it takes."""

    keys: tuple[str, ...]
    versions: tuple[Stored, ...]
    body: bytes
    modified_ns: int


def partitions(names: Sequence[str]) -> Iterator[str]:
    """Prefix of the records of every partition of every topic."""
    for cluster in folders(names, "clusters/"):
        for topic in folders(names, f"{cluster}topics/"):
            for partition in folders(names, f"{topic}partitions/"):
                yield f"{partition}records/"


def topic_of(records: str) -> str:
    """The topic a prefix of `partitions` belongs to."""
    return records.split("/")[3]


def folders(names: Sequence[str], prefix: str) -> Sequence[str]:
    """Prefixes one level below ``prefix``."""
    return list_page(names, Listing(prefix=prefix, delimiter="/", max_keys=MAX_PAGE)).prefixes


def batch_keys(names: Sequence[str], records: str) -> list[str]:
    """Keys of a partition's batches in offset order."""
    keys = names[bisect_left(names, records) : bisect_left(names, records + AFTER_DIGITS)]
    return [key for key in keys if key.endswith(SUFFIX)]


def runs(keys: Sequence[str], stored: Callable[[str], Stored | None], cold_ns: int) -> list[list[str]]:
    """Neighbours worth merging: old enough, many enough, small together; never the newest batch.

    A batch larger than all that follow it in its run is left out, or the same bytes would be written again
    at every sweep: so each is rewritten as often as the size doubles.
    """
    out: list[list[tuple[str, int]]] = []
    run: list[tuple[str, int]] = []
    size = 0
    for key in keys[: min(len(keys) - 1, LOOK)]:
        have = stored(key)
        if have is None or have.modified_ns > cold_ns:
            break
        if size + have.size > MAX_BYTES or len(run) == MAX_RUN:
            out.append(run)
            run, size = [], 0
        run.append((key, have.size))
        size += have.size
    out.append(run)
    return [keys for r in out if len(keys := _without_large_head(r)) >= MIN_RUN]


def _without_large_head(run: Sequence[tuple[str, int]]) -> list[str]:
    rest = sum(size for _, size in run)
    for at, (_, size) in enumerate(run):
        rest -= size
        if size <= rest:
            return [key for key, _ in run[at:]]
    return []


def offset_of(key: str) -> int:
    """Offset in a batch's key.

    Raises
    ------
    Unmergeable
        If the key is not of that form.
    """
    name = key.rpartition("/")[2].removesuffix(SUFFIX)
    if not (name.isascii() and name.isdigit()):
        raise Unmergeable(f"its name is {name!r}")
    return int(name)


def merge_run(files: ObjectFiles, keys: Sequence[str], versions: Sequence[Stored]) -> Merged | None:
    """Read a run and merge its first stretch of `MIN_RUN` or more batches that can be; None if it has none.

    Only reads, so that a thread may do it. A batch that may not be changed ends a stretch; one that is
    contained in those before it is left out of the result and replaced all the same.
    """
    stretch: list[Batch] = []
    first = 0
    for at, key in enumerate(keys):
        batch = _read(files, key)
        if batch is not None and stretch and batch.last_offset <= stretch[-1].last_offset:
            continue
        if batch is None or (stretch and batch.offset <= stretch[-1].last_offset):
            if at - first >= MIN_RUN:
                return _merged(keys[first:at], versions[first:at], stretch)
            stretch, first = [], at + (batch is None)
        if batch is not None:
            stretch.append(batch)
    if len(keys) - first < MIN_RUN:
        return None
    return _merged(keys[first:], versions[first:], stretch)


def _read(files: ObjectFiles, key: str) -> Batch | None:
    try:
        return parse(offset_of(key), files.read(key))
    except (Unmergeable, OSError) as error:
        logger.debug("%s stays as it is: %s", key, error)
        return None


def _merged(keys: Sequence[str], versions: Sequence[Stored], batches: Sequence[Batch]) -> Merged | None:
    newest_ns = max(v.modified_ns for v in versions)
    if newest_ns == versions[0].modified_ns:
        newest_ns += 1  # the key's version must change
    try:
        return Merged(tuple(keys), tuple(versions), merge(batches), newest_ns)
    except Unmergeable as error:
        logger.warning("batches from %s on cannot be merged: %s", keys[0], error)
        return None


def remove_contained(files: ObjectFiles) -> int:
    """Delete batches that the one before them contains, left by a crash; how many.

    Only a pair whose times are the wrong way round can be such (a merged batch has the time of its youngest
    part), so next to nothing is read.
    """
    removed = 0
    for records in list(partitions(files.names)):
        keys = batch_keys(files.names, records)
        holder = ""
        end = -1
        for key in keys:
            have, before = files.get(key), files.get(holder) if holder else None
            try:
                if have and before and have.modified_ns <= before.modified_ns:
                    end = end if end >= 0 else last_offset(offset_of(holder), files.read(holder))
                    if last_offset(offset_of(key), files.read(key)) <= end:
                        files.delete(key)
                        removed += 1
                        continue
            except Unmergeable as error:
                logger.warning("%s cannot be read: %s", key, error)
            holder, end = key, -1
    return removed
