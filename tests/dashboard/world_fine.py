"""A service watched for four days at ticks of five minutes, of which the last hours changed."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from clickhouse_connect.driver.client import Client

from tests.dashboard.world import SERIES_COLUMNS, Cells, Made, cell_of

SERVICE = "tutor"
CHANGED = timedelta(days=2, hours=3)
"""So long ago the refusals rose; they fell again six hours later."""
LASTED = timedelta(hours=6)
LEARNED = timedelta(days=5)
WATCHED = timedelta(days=4)


def fill(client: Client, now: datetime, lineage: str = "fine-1", tenant: str = "default") -> None:
    """Cells of refusals (by language) and latency, their series, and what was found."""
    rng = np.random.default_rng(20260318)
    made = Made(SERVICE, "production", 600)
    cells = Cells(tenant, lineage)
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - LEARNED - WATCHED
    at = start
    while at < now - timedelta(minutes=5):
        ago = now - at
        changed = CHANGED >= ago > CHANGED - LASTED
        n = {"de": int(rng.poisson(18)), "en": int(rng.poisson(32))}
        hits = {
            name: int(rng.binomial(k, 0.25 if changed and name == "de" else 0.02)) for name, k in n.items()
        }
        cells.add(made, "refusal", "all", at, sum(n.values()), float(sum(hits.values())))
        for name, k in n.items():
            cells.add(made, "refusal", f"language={name}", at, k, float(hits[name]))
        drawn = rng.lognormal(np.log(2.9 if changed else 2.1), 0.4, sum(n.values()))
        found, counts = np.unique([cell_of("latency_s", float(v)) for v in drawn], return_counts=True)
        pair = ([int(c) for c in found], [int(c) for c in counts])
        cells.add(made, "latency_s", "all", at, len(drawn), float(drawn.sum()), cells=pair)
        at += timedelta(minutes=5)
    cells.insert(client)
    known = {"tenant": tenant, "lineage": lineage, "service": SERVICE, "environment": "production"}
    series = [
        {
            **dict.fromkeys(SERIES_COLUMNS),
            **known,
            "unit": "interaction",
            "score": score,
            "generation": 1,
            "slice": slice_,
            "kind": kind,
            "series_id": "aa",
            "state": "watching",
            "first_seen": start,
            "last_seen": now,
            "watching_since": start + LEARNED,
            "baseline_version": "v3",
            "baseline_value": level,
            "n_baseline": 70_000,
            "n_current": 14_000,
            "threshold": 12.2,
            "applied_offset": 1,
        }
        for score, slice_, kind, level in (
            ("refusal", "all", "flag", 0.02),
            ("refusal", "language=de", "flag", 0.02),
            ("refusal", "language=en", "flag", 0.02),
            ("latency_s", "all", "positive", 2.1),
        )
    ]
    client.insert("series", [list(row.values()) for row in series], column_names=list(series[0]))
    onset = now - CHANGED
    found_row = {
        **known,
        "finding_id": "fa57e00000000001",
        "alert_kind": "drift",
        "status": "confirmed",
        "severity": "page",
        "unit": "interaction",
        "score": "refusal",
        "slice": "all",
        "evidence": 18.4,
        "body": "{}",
        "made_at": onset + timedelta(minutes=25),
        "onset": onset,
        "onset_low": onset - timedelta(minutes=10),
        "onset_high": onset + timedelta(minutes=10),
        "version": 1,
    }
    client.insert("findings", [list(found_row.values())], column_names=list(found_row))
