"""``lightship import``: the options as words, the import, and what would have paged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from detectors.finding import rfc3339
from infra import clickhouse
from infra.embedded.addresses import reach
from infra.settings import load
from ingest.gateway.intake import LIVE
from ingest.operations.importing.drained import has_ended, wait_until_drained
from ingest.operations.importing.findings import findings_of, would_have_paged
from ingest.operations.importing.importer import ImportJob, import_files
from ingest.operations.importing.options import read_plan

DRAIN_S = 900.0
TENANT = "default"


def import_command(
    paths: Sequence[Path],
    options: Mapping[str, Any],
    *,
    lineage: str | None,
    more: bool,
    restart: bool,
    config: Path | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Import, wait until all is detected (unless more will follow), and report.

    Raises
    ------
    BadRecord
        If a file or an option cannot be used.
    Unavailable
        If a server does not answer: run again, it goes on where it stopped.
    """
    plan = read_plan(**options)
    settings = reach(load(config))
    job = ImportJob(tuple(paths), plan, TENANT, lineage, more)
    told = _Progress(say)
    report = asyncio.run(import_files(job, settings, restart=restart, progress=told))
    out = {**report.to_dict(), "would_have_paged": None}
    if not report.ended:
        return out
    say("sent; waiting until all of it is detected")
    client = clickhouse.connect(settings.store)
    wait_until_drained(
        lambda: has_ended(client, TENANT, report.lineage, settings.kafka.partitions), timeout_s=DRAIN_S
    )
    pages = would_have_paged(findings_of(client, TENANT, report.lineage))
    out["would_have_paged"] = [{k: _plain(v) for k, v in page.items()} for page in pages]
    return out


def _plain(value: Any) -> Any:
    """JSON-ready form of a cell."""
    return rfc3339(value.replace(tzinfo=UTC)) if isinstance(value, datetime) else value


class _Progress:
    """Progress in tenths."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last = -1

    def __call__(self, sent: int, of: int) -> None:
        tenth = sent * 10 // max(of, 1)
        if tenth != self._last:
            self._last = tenth
            self._say(f"  {sent:,} of {of:,} sent")


def show(report: Mapping[str, Any]) -> str:
    """The report in words."""
    lines = [
        f"lineage {report['lineage']}",
        f"read {report['read']:,}, sent {report['sent']:,}"
        + (f" (and {report['sent_before']:,} before)" if report["sent_before"] else ""),
    ]
    lines += [f"rejected {n:,}: {why}" for why, n in report["rejected"].items()]
    lines += [f"left out {n:,}: {why}" for why, n in report["left_out"].items()]
    pages = report["would_have_paged"]
    if pages is None:
        ended = report["lineage"] != LIVE
        lines.append("more may follow; nothing is judged yet" if ended else "live rows were backfilled")
    elif not pages:
        lines.append("nothing would have paged")
    else:
        lines.append("would have paged:")
        lines += [f"  {p['service']}: {p['score']} in {p['slice']} since {p['onset']}" for p in pages]
    return "\n".join(lines)
