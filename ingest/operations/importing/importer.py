"""``lightship import``: records of files through the gateway's own code path, in process.

Redaction, splitting and headers are those of live traffic. An import is a lineage of its own: its clock is
opened on every partition, moves with what is sent, and ends when all is sent (unless more will follow).
Into the live lineage records only backfill stored rows. Where it stopped, it goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from infra.kafka import LOGS, SPANS
from infra.private_files import private_directory, write_private
from infra.settings import Settings
from ingest.gateway.grouping import Grouper
from ingest.gateway.intake import LIVE, Intake, Origin, check_lineage
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import KafkaProducer, Producer, until_ready
from ingest.operations.importing.files import read_rows
from ingest.operations.importing.plan import ImportPlan, ImportRow, Placed, place
from ingest.operations.importing.records import portions
from ingest.otlp.redactors import Redactors, budget_of

VERSION = 1
Progress = Callable[[int, int], None]
"""Told how many sends are acknowledged, of how many."""


@dataclass(slots=True)
class ImportReport:
    """How an import ended: records ``read``, sends ``planned``, ``sent`` now, and before a restart.

    ``left_out`` were not asked for, ``rejected`` could not be sent; both with the reason.
    """

    lineage: str
    read: int
    planned: int
    sent: int = 0
    sent_before: int = 0
    ended: bool = False
    first_event_ns: int | None = None
    last_event_ns: int | None = None
    rejected: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ImportJob:
    """What to import as what. ``lineage`` ``None`` names one after files and plan; ``more`` keeps it open."""

    paths: tuple[Path, ...]
    plan: ImportPlan
    tenant: str = "default"
    lineage: str | None = None
    more: bool = False

    def lineage_of(self, rows: Sequence[ImportRow]) -> str:
        """The lineage given, or ``import-`` and a hash of files and plan.

        Raises
        ------
        BadRecord
            If the name given is none that a client may use.
        """
        if self.lineage is not None:
            return check_lineage(self.lineage)
        return f"import-{self.digest(rows)[:8]}"

    def digest(self, rows: Sequence[ImportRow]) -> str:
        """16 hex digits over files and plan: the same import."""
        files = sorted({r.file_sha256 for r in rows})
        return self.plan.digest()[:8] + _short(files)


def _short(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:8]


class SavedPlace:
    """How far an import came, in a small file: ``<home>/imports/<digest>-<lineage>.json``."""

    def __init__(self, home: Path, digest: str, lineage: str) -> None:
        self._path = home / "imports" / f"{digest}-{lineage}.json"

    def read(self) -> int:
        """Sends acknowledged before; 0 if there is no file or it is of another version."""
        try:
            body = json.loads(self._path.read_text(encoding="utf-8"))
            return int(body["next"]) if body["v"] == VERSION else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def write(self, next_: int) -> None:
        """Remember; a crash in between leaves the old number or the new one."""
        private_directory(self._path.parent)
        write_private(self._path, json.dumps({"v": VERSION, "next": next_}))

    def forget(self) -> None:
        """Start over next time."""
        self._path.unlink(missing_ok=True)


async def run_import(
    job: ImportJob, intake: Intake, home: Path, *, restart: bool = False, progress: Progress | None = None
) -> ImportReport:
    """Read, place and send; returns when everything is acknowledged.

    Raises
    ------
    BadRecord
        If a file or an option cannot be used.
    Unavailable
        If Kafka does not acknowledge: run again, it goes on where it stopped.
    """
    rows, left_out = read_rows(job.paths, job.plan.where)
    placed, rejected = place(rows, job.plan)
    lineage = job.lineage_of(rows)
    saved = SavedPlace(home, job.digest(rows), lineage)
    if restart:
        saved.forget()
    done = min(saved.read(), len(placed))
    report = ImportReport(
        lineage,
        read=len(rows) + sum(left_out.values()),
        planned=len(placed),
        sent_before=done,
        first_event_ns=placed[0].at_ns if placed else None,
        last_event_ns=placed[-1].at_ns if placed else None,
        left_out=dict(left_out),
    )
    origin = Origin(job.tenant, lineage, backfill=lineage == LIVE)
    await _send(job, rows, placed, origin, intake, saved, report, rejected, progress)
    report.rejected = dict(rejected)
    return report


async def _send(
    job: ImportJob,
    rows: Sequence[ImportRow],
    placed: Sequence[Placed],
    origin: Origin,
    intake: Intake,
    saved: SavedPlace,
    report: ImportReport,
    rejected: Counter[str],
    progress: Progress | None,
) -> None:
    own_clock = not origin.backfill
    if placed and own_clock:  # every partition knows the lineage before any of them has data
        await intake.mark(origin, placed[min(report.sent_before, len(placed) - 1)].at_ns, ends=False)
    for portion in portions(rows, placed, job.plan, start=report.sent_before):
        refused = await intake.accept(portion.request, origin)
        rejected.update(refused)
        if own_clock:
            await intake.mark(origin, portion.event_ns, ends=False)
        saved.write(portion.next)
        report.sent += portion.next - portion.first - sum(refused.values())
        if progress is not None:
            progress(portion.next, len(placed))
    if placed and own_clock and not job.more:
        await intake.mark(origin, placed[-1].at_ns, ends=True)
        report.ended = True


def build_intake(settings: Settings, producer: Producer) -> Intake:
    """The gateway's code path over ``producer``."""
    counters = Metrics()
    return Intake(
        producer,
        Grouper(producer, counters, linger_s=0.0),
        Redactors(settings.home, settings.redaction, budget_of(settings.gateway)),
        counters,
        partitions=settings.kafka.partitions,
        request_ms=settings.gateway.redaction_request_ms,
    )


async def import_files(
    job: ImportJob, settings: Settings, *, restart: bool = False, progress: Progress | None = None
) -> ImportReport:
    """`run_import` into the configured Kafka.

    Raises
    ------
    BadRecord
        If a file or an option cannot be used.
    Unavailable
        If Kafka does not answer.
    """
    topics = (SPANS.name, LOGS.name)
    producer = KafkaProducer(settings.kafka, topics)
    await producer.start()
    intake = build_intake(settings, producer)
    try:
        await until_ready(producer)
        return await run_import(job, intake, settings.home, restart=restart, progress=progress)
    finally:
        await intake.close()
