"""What is kept with a finding so that it can be computed again, and any change to that be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from detectors.finding import Finding
from detectors.observation import ServiceKey
from detectors.series.baseline_reference import Reference
from ingest.agents.detect.chain import GENESIS, digest_of
from ingest.agents.detect.run_config import RunConfig

DETECT, FLEET = "detect", "fleet"
"""Rooms that state: from the observation log, and from the log of closed ticks."""


@dataclass(frozen=True, slots=True)
class KeptSnapshot:
    """The snapshot before a finding: the offset it goes on from, and the digest of its bytes."""

    next_offset: int
    digest: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one statement rests on.

    ``version`` is its position in ``partition`` of the log, ``chain`` the head of the chain there, ``config``
    the digest of what stage 2 ran with, ``body_digest`` that of the finding as JSON. ``snapshot`` is the last
    one before it, ``None`` while there was none. ``room`` is whose log it is.
    """

    tenant: str
    finding_id: str
    version: int
    partition: int
    chain: str
    config: str
    snapshot: KeptSnapshot | None
    body_digest: str
    room: str = DETECT


class EvidenceStore(Protocol):
    """Where evidence is kept; every write may be repeated without harm."""

    def write_run_config(self, run: RunConfig) -> None:
        """Keep what stage 2 runs with."""

    def keep_snapshot(self, shard: int, upto: int) -> KeptSnapshot | None:
        """Keep the last snapshot that goes on at or before offset ``upto`` for as long as findings are."""

    def write_evidence(self, rows: Sequence[Evidence]) -> None:
        """Keep what statements rest on."""

    def write_references(self, rows: Sequence[tuple[ServiceKey, Reference]]) -> None:
        """Keep baselines."""


def keep(
    store: EvidenceStore,
    partition: int,
    findings: Sequence[tuple[Finding, int]],
    references: Sequence[tuple[ServiceKey, Reference]],
    run: RunConfig,
    room: str = DETECT,
) -> None:
    """Keep what the new findings of a shard rest on; before they are stored themselves.

    Raises
    ------
    Unavailable
        If the store does not take it; call again.
    """
    if not findings:
        return
    snapshot = store.keep_snapshot(partition, min(offset for _, offset in findings))
    store.write_evidence(
        [
            Evidence(
                f.tenant,
                f.finding_id,
                offset,
                partition,
                f.log_digest or GENESIS,
                run.digest,
                snapshot,
                digest_of(f.to_json().encode()),
                room,
            )
            for f, offset in findings
        ]
    )
    store.write_references(references)
