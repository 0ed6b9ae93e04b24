"""``lightship judge``: one round of every judge, now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.clock import SystemClock
from infra.embedded.addresses import reach
from infra.settings import Settings, load
from ingest.gateway.metrics import Metrics
from ingest.judge import metrics
from ingest.judge.journal import WAITING
from ingest.judge.judge import HOUR_NS
from ingest.judge.setup import judges


def judge_now(config: Path | None) -> dict[str, Any]:
    """Let every judge work until it has nothing left to do, is at a limit, or its API wants to rest.

    Raises
    ------
    Misconfigured
        If no judge is configured, one cannot work, or a process judges already.
    Unavailable
        If Kafka or ClickHouse does not answer.
    """
    return asyncio.run(_round(reach(load(config))))


async def _round(settings: Settings) -> dict[str, Any]:
    counters = Metrics(metrics.ALL)
    found = []
    async with judges(settings, SystemClock(), counters, wait=True) as working:
        for judge in working:
            ended = await judge.round()
            calls, usd = judge.journal.usage(judge.now_ns() - 24 * HOUR_NS)
            events = {
                labels["event"]: int(n)
                for labels, n in counters.points(metrics.EVENTS)
                if labels["judge"] == judge.bench.name
            }
            found.append(
                {
                    "judge": judge.bench.name,
                    "score": f"judgement:{judge.bench.version}",
                    "model": judge.bench.settings.model,
                    "ended": ended,
                    "trouble": judge.trouble,
                    "events": dict(sorted(events.items())),
                    "waiting": judge.journal.counts().get(WAITING, 0),
                    "calls_last_day": calls,
                    "usd_last_day": round(usd, 6),
                }
            )
    return {"judges": found}


_ENDED = {
    "done": "nothing is left to judge",
    "limit": "a limit is reached",
    "rest": "the API wants to be left alone",
    "stop": "stopped",
}


def show(report: Mapping[str, Any]) -> str:
    """The report in words."""
    lines = []
    for one in report["judges"]:
        events = ", ".join(f"{n} {event}" for event, n in one["events"].items()) or "nothing new"
        trouble = f" ({one['trouble']})" if one["trouble"] else ""
        lines.append(f"{one['score']} by {one['model']}: {events}; {_ENDED[one['ended']]}{trouble}")
        lines.append(
            f"    {one['waiting']} waiting; in 24 hours {one['calls_last_day']} calls, "
            f"{one['usd_last_day']:.4f} USD"
        )
    return "\n".join(lines)
