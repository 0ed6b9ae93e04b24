"""Keeps the broker's log small while it is used: expired batches go, small ones are merged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from infra.embedded.batch_merging import Merged, batch_keys, merge_run, partitions, runs, topic_of
from infra.embedded.object_files import ObjectFiles
from infra.embedded.recent_reads import RecentReads
from infra.embedded.record_retention import expired

logger = logging.getLogger(__name__)

NS_PER_S = 1_000_000_000
SOON_HOURS = 2.0
"""Batches of topics kept for less are not merged: a merged batch is as young as its youngest part."""
READABLE_NS = 60 * NS_PER_S
"""How long a replaced batch can still be read by a fetch that listed it."""

MAX_HOPELESS = 10_000
WAITS = 100
WAIT_S = 0.01
"""How long a merged batch waits for a moment at which no fetch is between its list and its first read."""


class LogRetention:
    """Sweeps one store.

    Parameters
    ----------
    keep_hours
        See `record_retention.expired`.
    reads
        Where the broker has been reading: runs up to there are left for later.
    merge_after_s
        Age from which a batch is merged with its neighbours: the young ones are in every consumer's hands.
    """

    def __init__(
        self,
        files: ObjectFiles,
        keep_hours: Mapping[str, float],
        reads: RecentReads,
        *,
        merge_after_s: float = 60.0,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._files = files
        self._keep_hours = keep_hours
        self._reads = reads
        self._merge_after_ns = int(merge_after_s * NS_PER_S)
        self._now_ns = now_ns
        self._hopeless: set[tuple[str, str]] = set()
        """First and last key of runs that could not be merged: not to be read again and again."""

    async def run(self, every_s: float = 30.0) -> None:
        """Sweep now and then, for ever; a disk error is logged and met again next time."""
        while True:
            try:
                await self.once()
            except OSError:
                logger.exception("the broker's log could not be swept")
            await asyncio.sleep(every_s)

    async def once(self) -> tuple[int, int]:
        """Expire, merge, and remove what was replaced long enough ago; how many expired and were merged."""
        now_ns = self._now_ns()
        keys = expired(self._files.names, self._files.get, self._keep_hours, now_ns)
        for key in keys:
            self._files.delete(key)
        merged = 0
        for records in list(partitions(self._files.names)):
            if self._keep_hours.get(topic_of(records), SOON_HOURS) < SOON_HOURS:
                continue
            cold_ns = now_ns - self._merge_after_ns
            for run in runs(batch_keys(self._files.names, records), self._files.get, cold_ns):
                merged += await self._merge(run)
        self._files.reap(now_ns - READABLE_NS)
        if keys or merged:
            logger.info("%d record batches expired, %d merged", len(keys), merged)
        return len(keys), merged

    async def _merge(self, run: list[str]) -> int:
        """Replace a run by one batch; how many went into it. The work on bytes is done in a thread."""
        files = self._files
        versions = [stored for key in run if (stored := files.get(key)) is not None]
        if len(versions) != len(run) or self._reads.reaches(run[-1]) or (run[0], run[-1]) in self._hopeless:
            return 0
        result = await asyncio.to_thread(merge_run, files, run, versions)
        if result is None:
            if len(self._hopeless) >= MAX_HOPELESS:
                self._hopeless.clear()
            self._hopeless.add((run[0], run[-1]))
            return 0
        staged = await asyncio.to_thread(files.stage, result.body, modified_ns=result.modified_ns)
        for _ in range(WAITS):
            if not self._reads.may_begin(result.keys[-1]):
                break
            await asyncio.sleep(WAIT_S)
        if not self._may_replace(result):
            files.discard(staged)
            return 0
        files.commit(result.keys[0], staged)
        await asyncio.to_thread(files.settle, result.keys[0])
        for key in result.keys[1:]:
            files.retire(key)
        return len(result.keys)

    def _may_replace(self, result: Merged) -> bool:
        pairs = zip(result.keys, result.versions, strict=True)
        unchanged = all(self._files.get(key) == version for key, version in pairs)
        last = result.keys[-1]
        return unchanged and not self._reads.reaches(last) and not self._reads.may_begin(last)
