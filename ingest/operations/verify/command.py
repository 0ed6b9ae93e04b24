"""``lightship verify``: findings and incidents computed again from what is stored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from detectors.finding import Finding
from infra import clickhouse
from infra.embedded.addresses import reach
from infra.settings import Settings, load
from ingest.errors import BadRecord
from ingest.operations.verify import original, policy
from ingest.operations.verify.archive import Archive
from ingest.operations.verify.check import Check, Claim, Verdict
from ingest.operations.verify.difference import Difference
from ingest.operations.verify.logs import LOGS_BY_ROOM
from ingest.operations.verify.path import Path as Way
from ingest.operations.verify.path import explain
from ingest.operations.verify.same import StoredFinding, body_differs
from ingest.repository.tables import FINDINGS

POLICY, PIPELINE = "policy", "pipeline"
FINDINGS_TABLE = "findings"


def verify(config: Path | None, ids: Sequence[str], *, whole: bool = False) -> list[Verdict]:
    """A verdict on every finding that ``ids`` name, or that the incidents they name hold.

    ``whole`` follows the log from its beginning, however long it is.

    Raises
    ------
    BadRecord
        If there is no finding or incident of that id.
    Misconfigured, Unavailable
        If a server is not known or does not answer.
    """
    settings = reach(load(config))
    archive = Archive(clickhouse.connect(settings.store), settings.store.score_months)
    return verified(archive, settings, ids, whole=whole)


def verified(
    archive: Archive, settings: Settings, ids: Sequence[str], *, whole: bool = False
) -> list[Verdict]:
    """The same over an archive."""
    stored, missing = _named(archive, ids)
    verdicts: dict[str, Verdict] = {}
    claims: dict[tuple[str, int], list[Claim]] = {}
    held: dict[str, Counter[str]] = {}
    for finding_id, row in stored.items():
        found = _one(archive, finding_id, row)
        held[finding_id] = archive.legal_hold_copies() + Counter({FINDINGS_TABLE: int(row.held)})
        if isinstance(found, Claim):
            claims.setdefault((found.last.room, found.last.partition), []).append(found)
        else:
            verdicts[finding_id] = replace(found, held=held[finding_id])
    for (room, partition), mine in sorted(claims.items()):
        log = LOGS_BY_ROOM[room]
        explained = partial(original.explained, settings.kafka, log, partition)
        judged = Check(log, archive.of_process(room), partition, mine, whole, explained).run()
        copies = archive.legal_hold_copies()
        for verdict in judged:
            verdicts[verdict.finding_id] = replace(verdict, held=held[verdict.finding_id] + copies)
    return [*(verdicts[finding_id] for finding_id in stored), *missing]


def of_lineage(client: Client, settings: Settings, lineage: str) -> list[Verdict]:
    """A verdict on every finding of a lineage.

    Raises
    ------
    Unavailable
        If a server does not answer.
    """
    archive = Archive(client, settings.store.score_months)
    return verified(archive, settings, archive.of_lineage(lineage))


def _named(archive: Archive, ids: Sequence[str]) -> tuple[dict[str, StoredFinding], list[Verdict]]:
    """Stored findings by id, in the order asked for, and those that an incident names and nobody stored."""
    wanted: dict[str, None] = {}
    direct = archive.findings(ids)
    for name in ids:
        if name in direct:
            wanted[name] = None
            continue
        inside = archive.of_incident(name)
        if inside is None:
            raise BadRecord(
                f"there is no finding or incident {name!r}: the dashboard and `/incidents` list them"
            )
        wanted |= dict.fromkeys(inside)
    found = archive.findings(list(wanted))
    gone = [
        Verdict(i, None, Difference("findings", f"finding {i}", "", "a row", "none"))
        for i in wanted
        if i not in found
    ]
    return {i: found[i] for i in wanted if i in found}, gone


def _one(archive: Archive, finding_id: str, row: StoredFinding) -> Claim | Verdict:
    """What a stored finding claims, or the verdict on one that needs no log."""
    name = f"finding {finding_id}"
    try:
        finding = Finding.from_dict(json.loads(row.body))
    except ValueError as error:
        return Verdict(finding_id, None, Difference("findings", name, "body", "a finding", str(error)))
    judged = partial(Verdict, finding_id, finding)
    if finding.finding_id != finding_id:
        return judged(Difference("findings", name, "body, finding_id", finding_id, finding.finding_id))
    if finding.alert_kind == POLICY:
        again: Finding | Difference | None = policy.recompute(
            finding, archive.interaction, archive.observed_at
        )
        if isinstance(again, Finding):
            own = {c: v for c, v in row.columns.items() if c in FINDINGS.names}
            again = body_differs(replace(row, columns=own), again.to_json(), name)
        return judged(again, Way("rows"))
    if finding.alert_kind == PIPELINE:
        note = "a worker said it of itself"
        return judged(Difference("findings", name, "", "evidence", "none is kept", note))
    evidence = archive.evidence(finding.tenant, finding_id)
    mine = [e for e in evidence if e.version <= row.version]
    if not mine or mine[-1].version != row.version:
        return judged(Difference("evidence", name, f"version {row.version}", "a row", "none"))
    return Claim(row, finding, tuple(mine))


def report(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The answer of ``lightship verify --json``."""
    return {
        "verified": bool(verdicts) and all(v.difference is None for v in verdicts),
        "findings": [_told(v) for v in verdicts],
    }


def _told(verdict: Verdict) -> dict[str, Any]:
    names = ("alert_kind", "status", "service", "unit", "score", "slice")
    return {
        "finding_id": verdict.finding_id,
        **{name: getattr(verdict.finding, name, None) for name in names},
        "verified": verdict.difference is None,
        "difference": None if verdict.difference is None else asdict(verdict.difference),
        "path": None if verdict.path is None else verdict.path.to_json(),
        "held": dict(sorted(verdict.held.items())),
    }


def show(verdicts: Sequence[Verdict], *, explained: bool) -> str:
    """The verdicts for a person."""
    lines = []
    for verdict in verdicts:
        f = verdict.finding
        what = f"{f.alert_kind}  {f.service} {f.score} {f.slice}" if f else ""
        same = "verified " if verdict.difference is None else "DIFFERENT"
        lines.append(f"{same}  {verdict.finding_id}  {what}")
        if verdict.difference is not None:
            lines.append(f"  {verdict.difference.text()}")
        if verdict.held:
            copies = ", ".join(f"{n} of {table}" for table, n in sorted(verdict.held.items()))
            lines.append(f"  with copies that a held incident keeps, the rows being gone: {copies}")
        if explained and verdict.path is not None and f is not None:
            lines += explain(f, verdict.path)
    n = sum(v.difference is None for v in verdicts)
    return "\n".join([*lines, f"{n} of {len(verdicts)} findings follow from what is stored"])


def holds(verdicts: Sequence[Verdict]) -> bool:
    """Whether every finding was computed again exactly."""
    return bool(verdicts) and all(v.difference is None for v in verdicts)
