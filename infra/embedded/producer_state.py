"""Keeps the broker from acknowledging what it has not stored.

For an idempotent producer Tansu 0.6 writes the new sequence number first (in ``meta.json``), then the
partition's watermark, then the batch. Killed in between, it takes the producer's retry for a duplicate and
acknowledges it, with offset -1, though the batch is nowhere (measured: one message of ten gone when the
process dies before the batch's PUT). So the numbers are forgotten at every start: such a producer is then
refused (UNKNOWN_PRODUCER_ID) and its application hears of it.

Producers of ours switch idempotence off on this broker: a retry may store a message twice, which everything
downstream expects, and nothing acknowledged is lost.
"""

from __future__ import annotations

import json
import logging

from infra.embedded.object_files import ObjectFiles
from infra.errors import Misconfigured

logger = logging.getLogger(__name__)

META_KEY = "clusters/tansu_cluster/meta.json"


def forget_producers(files: ObjectFiles) -> int:
    """Drop the sequence numbers of all producers, before the broker starts; how many there were.

    Raises
    ------
    Misconfigured
        If the broker's metadata cannot be read (the data directory is damaged).
    """
    if files.get(META_KEY) is None:
        return 0
    try:
        meta = json.loads(files.read(META_KEY))
        producers = len(meta["producers"])
        meta["producers"] = {}
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"the broker's metadata ({META_KEY}) is damaged: restore the data directory or begin a new one"
        ) from error
    if producers:
        files.put(META_KEY, json.dumps(meta, separators=(",", ":")).encode())
        logger.info("forgot the sequence numbers of %d idempotent producers", producers)
    return producers
