"""``lightship scorers``: one's own, tried on odd records; and one that was switched off, on again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detectors.scorers.conformance import faults
from infra.embedded.addresses import reach
from infra.settings import Settings, load
from infra.typed_table import unknown
from ingest.agents.score.enabled_scorers import chosen
from ingest.custom_scores import custom_scorers
from ingest.messages import Output
from ingest.settings_check import checked
from ingest.stage_settings import ScorerOff
from ingest.topics.sender import Sender


def examine(settings: Settings) -> dict[str, Any]:
    """Every scorer of the operator's own with what is wrong with it.

    Raises
    ------
    Misconfigured
        If one cannot be made at all.
    """
    found = []
    for scorer in custom_scorers(settings, tried=False):
        scores = [{"name": s.name, "kind": s.kind, "severity": s.severity} for s in scorer.specs]
        wrong = faults(scorer, time.process_time_ns)
        found.append({"name": scorer.name, "version": scorer.version, "scores": scores, "faults": wrong})
    return {"ok": not any(one["faults"] for one in found), "scorers": found}


def run_again(config: Path | None, scorer: str) -> dict[str, Any]:
    """Let a scorer run that was switched off because it failed or was too slow.

    Raises
    ------
    Misconfigured
        If there is no such scorer.
    Unavailable
        If Kafka does not answer.
    """
    settings = reach(checked(load(config)))
    versions = chosen(settings).versions()
    if scorer not in versions:
        raise unknown("scorer", scorer, versions)
    off = ScorerOff(scorer, versions[scorer])
    asyncio.run(_send(settings, off.to_output(on=False)))
    return {"scorer": scorer, "version": versions[scorer], "runs": True}


async def _send(settings: Settings, output: Output) -> None:
    sender = Sender(settings.kafka)
    try:
        await sender.send([output])
    finally:
        await sender.close()


def show_run_again(report: Mapping[str, Any]) -> str:
    """The report in words."""
    return f"{report['scorer']} {report['version']} runs again"


def show(report: Mapping[str, Any]) -> str:
    """The report in words."""
    if not report["scorers"]:
        return "no scores of your own: see [scorers.own.<score>] in the settings"
    lines = []
    for one in report["scorers"]:
        scores = ", ".join(f"{s['name']} ({s['kind']}, {s['severity']})" for s in one["scores"])
        lines.append(f"{'wrong' if one['faults'] else 'ok':<6} {one['name']} {one['version']}: {scores}")
        lines += [f"       {fault}" for fault in one["faults"]]
    return "\n".join(lines)
