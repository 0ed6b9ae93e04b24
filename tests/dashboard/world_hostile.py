"""Rows whose every text tries to be more than text."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from clickhouse_connect.driver.client import Client

from alerts.incidents.events import Acknowledge, Write
from detectors.finding import SliceEffect, Suspect
from tests.dashboard import world_incidents, world_texts
from tests.dashboard.world import Cells, Made

NAME = "# **bot** [x](javascript:alert(1)) <img src=x onerror=alert(2)> :red[loud] $x^2$"
TEXT = (
    "# Heading **bold** [click](javascript:alert(1)) <script>window.hacked=1</script> "
    "<img src=https://evil.example/p.png onerror=window.hacked=2> ![i](https://evil.example/q.png) "
    ":material/home: :smile: wWw.evil.example a@evil.example "
    "$\\\\int$ \u202egnp.exe\u202c zero\u200bwidth \u0645\u0631\u062d\u0628\u0627 {{7*7}} "
)
HUGE = TEXT + "A" * 200_000
SLICE = "language=<b>x</b>"


def fill(client: Client, now: datetime, tenant: str = "default", lineage: str = "live") -> str:
    """A service, an incident with history, and interactions; the incident's id."""
    found = world_incidents.finding(
        now,
        tenant=tenant,
        lineage=lineage,
        finding_id="feed0000feed0000",
        service=NAME,
        slice=SLICE,
        slices=(SliceEffect(SLICE, 0.7, 0.1), SliceEffect(f"release={NAME}", 0.2, 0.1)),
        cleared=("prompt_version=[a](javascript:alert(3))",),
        suspects=(Suspect("release", NAME, now - timedelta(minutes=70)),),
        baseline_version=NAME,
        detector=NAME,
        notes=(NAME,),
    )
    desk = world_incidents.Desk(client)
    incident_id = desk.take(found)
    actor = "<i>Mallory</i> [m](javascript:alert(4))"
    desk.act(incident_id, Acknowledge(actor, TEXT), now - timedelta(minutes=50))
    desk.act(incident_id, Write(actor, HUGE[:5_000]), now - timedelta(minutes=40))
    where = {"service": NAME, "release": NAME, "tenant": tenant, "lineage": lineage}
    world_texts.insert(
        client,
        [
            world_texts.interaction(
                now - timedelta(minutes=3 * i + 1 if i < 3 else 75 + i),
                700 + i,
                ("<b>x</b>", HUGE, TEXT),
                1.0 if i < 3 else 0.0,
                **where,
            )
            for i in range(6)
        ],
    )
    made = Made(NAME, "production", 600)
    cells = Cells(tenant, lineage)
    rng = np.random.default_rng(5)
    for step in range(72):
        at = now.replace(minute=0, second=0) - timedelta(hours=5) + timedelta(minutes=5 * step)
        if at <= now:
            for name in ("all", SLICE):
                rate = 0.06 if now - at < timedelta(minutes=67) else 0.02
                cells.add(made, "refusal", name, at, 50, float(rng.binomial(50, rate)))
    cells.insert(client)
    seen = {"tenant": tenant, "lineage": lineage, "service": NAME, "environment": "production"}
    seen |= {"unit": "interaction", "score": "refusal", "slice": "all", "kind": "flag", "state": "watching"}
    client.insert("series", [[*seen.values(), now]], column_names=[*seen, "last_seen"])
    return incident_id
