"""``lightship scorers check``: the operator's own scorers, tried on odd records."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from detectors.scorers.conformance import faults
from infra.settings import Settings
from ingest.own_scores import own_scorers


def examine(settings: Settings) -> dict[str, Any]:
    """Every scorer of the operator's own with what is wrong with it.

    Raises
    ------
    Misconfigured
        If one cannot be made at all.
    """
    found = []
    for scorer in own_scorers(settings, tried=False):
        scores = [{"name": s.name, "kind": s.kind, "severity": s.severity} for s in scorer.specs]
        wrong = faults(scorer, time.process_time_ns)
        found.append({"name": scorer.name, "version": scorer.version, "scores": scores, "faults": wrong})
    return {"ok": not any(one["faults"] for one in found), "scorers": found}


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
