"""``lightship outliers``: the most unusual outputs of a day, read from the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alerts.briefs.known_scores import learn_custom_scores
from dashboard.queries.outputs import cells_before, outputs
from dashboard.queries.store import ClickHouse, Scope
from dashboard.tables.outliers import Outlier, ranked
from detectors.finding import rfc3339
from detectors.scorers import SPECS
from infra import clickhouse
from infra.clock import SystemClock, to_datetime
from infra.errors import Misconfigured
from infra.settings import load

BEFORE_DAYS = 14
DAY = timedelta(days=1)


def outlying_outputs(
    config: Path | None,
    *,
    service: str,
    environment: str | None,
    day: str | None,
    lineage: str,
    tenant: str,
    top: int,
) -> dict[str, Any]:
    """The ``top`` oddest outputs of a day (``2026-03-17``, UTC; the last 24 hours if not given).

    Raises
    ------
    Misconfigured
        If the day cannot be read.
    Unavailable
        If the store does not answer.
    """
    begin = to_datetime(SystemClock().now_ns()) - DAY if day is None else _day(day)
    end = begin + DAY
    settings = load(config)
    learn_custom_scores(settings)
    store = ClickHouse(clickhouse.connect(settings.store))
    scope = Scope(tenant, lineage)
    begin_s, end_s = int(begin.timestamp()), int(end.timestamp())
    before_s = begin_s - BEFORE_DAYS * 86_400
    where = (store, scope, service, environment or "")
    today = outputs(*where, begin_s, end_s)
    yesterday = outputs(*where, begin_s - 86_400, begin_s)
    found = ranked(today.rows, yesterday.rows, cells_before(*where, before_s, begin_s), SPECS)
    return {
        "service": service,
        "from": rfc3339(begin),
        "to": rfc3339(end),
        "outputs": today.of,
        "looked_at": len(today.rows),
        "outputs_before": yesterday.of,
        "outliers": [_told(o) for o in found[:top]],
    }


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Misconfigured(f"--day {text!r}: expected a day such as 2026-03-17") from None


def _told(o: Outlier) -> dict[str, Any]:
    return {
        "interaction": o.output.interaction_id,
        "at": rfc3339(o.output.start),
        "p": o.p,
        "q": o.q,
        "trees_rank": o.trees,
        "because": [{"score": name, "value": value, "p": p} for name, value, p in o.because],
    }


def show_outliers(report: Mapping[str, Any]) -> str:
    """A table for a person."""
    if not report["outliers"]:
        return "nothing to rank: no outputs that day, or fewer than 100 in the two weeks before"
    lines = [f"{report['looked_at']} of {report['outputs']} outputs of {report['service']}, the oddest first"]
    for o in report["outliers"]:
        because = ", ".join(f"{b['score']} {b['value']:.4g}" for b in o["because"]) or "no score by itself"
        trees = "-" if o["trees_rank"] is None else o["trees_rank"]
        lines.append(f"{o['at'][:19]}  p {o['p']:.1e}  q {o['q']:.2g}  trees {trees:>5}  {because}")
        lines.append(f"    {o['interaction']}")
    lines.append("q: expected share of the list down to there that is odd by chance alone")
    return "\n".join(lines)
