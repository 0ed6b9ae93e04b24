"""Outputs of two prompts, two models and two releases, where only one model refuses more.

The newer prompt is asked in German mostly, and Germans are refused more whatever the prompt: as counted it
looks guilty, in the same language it is not.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from tests.dashboard import world_texts
from tests.dashboard.world_fine import SERVICE


def fill(client: Client, now: datetime, lineage: str = "fine-1", tenant: str = "default") -> None:
    """Two days of outputs up to now; the newer prompt came a day ago."""
    rng = np.random.default_rng(20260319)
    rows: list[tuple[Any, ...]] = []
    for k in range(4_000):
        at = now - timedelta(days=2) + timedelta(seconds=43 * k)
        new = at > now - timedelta(days=1) and rng.random() < 0.5
        language = "de" if rng.random() < (0.8 if new else 0.3) else "en"
        model = "b-2" if rng.random() < 0.3 else "a-1"
        refused = rng.random() < (0.2 if language == "de" else 0.02) + (0.12 if model == "b-2" else 0.0)
        texts = ("Wie geht das?", "Das darf ich nicht." if refused else "So geht das, Schritt für Schritt.")
        if language == "en":
            texts = ("How does it work?", "I'm sorry, I can't." if refused else "It works like this.")
        rows.append(
            world_texts.interaction(
                at,
                7_000 + k,
                (language, *texts),
                float(refused),
                tenant=tenant,
                lineage=lineage,
                service=SERVICE,
                prompt_version="v2" if new else "v1",
                response_model=model,
                release="1.0",
            )
        )
    world_texts.insert(client, rows)
    cells = [("prompt_version=v1", 2.0), ("prompt_version=v2", 0.95), ("response_model=a-1", 2.0)]
    place = (tenant, lineage, SERVICE, "production", "interaction", "refusal", 1)
    client.insert(
        "cells",
        [
            (
                *place,
                name,
                (now - timedelta(days=days)).replace(second=0, minute=0),
                50,
                2.0,
                [0, 1],
                [48, 2],
                [],
                1,
            )
            for name, days in cells
        ],
        column_names=[
            *("tenant", "lineage", "service", "environment", "unit", "score", "generation"),
            *("slice", "tick", "n", "total", "cell", "count", "category", "applied_offset"),
        ],
    )
