"""``lightship outliers`` on the real engine: scores of a day against the cells before it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.queries.outputs import cells_before, outputs
from dashboard.queries.store import ClickHouse, Scope
from dashboard.tables.outliers import ranked
from detectors.scorers import SPECS
from infra.clickhouse import connect
from tests.dashboard import world, world_texts
from tests.dashboard.world import NOW
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

DAY_S = 86_400
NOW_S = int(NOW.timestamp())
DESK = ("desk", "production")


def test_the_one_refusal_among_answers_comes_first(store: str) -> None:
    client = connect(fresh_database(store, "lightship_odd"))
    cells, made = world.Cells("default", "live"), world.Made(*DESK, 10)
    for step in range(600):
        at = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(days=2, minutes=5 * step)
        cells.add(made, "refusal", "all", at, 20, float(step % 100 == 0))
        cells.add(made, "refusal", "language=de", at, 20, 20.0)
        lengths = ([world.cell_of("output_length", v) for v in (90.0, 100.0, 110.0)], [6, 8, 6])
        cells.add(made, "output_length", "all", at, 20, 2_000.0, cells=lengths)
    cells.insert(client)
    texts = ("en", "Where is my order?", "x" * 100)
    where = {"service": "desk", "environment": "production"}
    rows = [world_texts.interaction(NOW - timedelta(minutes=k), k, texts, 0.0, **where) for k in range(1, 60)]
    rows.append(world_texts.interaction(NOW - timedelta(minutes=61), 61, texts, 1.0, **where))
    rows.append(world_texts.interaction(NOW - timedelta(minutes=62), 62, texts, 1.0, **where, synthetic=True))
    rows.append(world_texts.interaction(NOW - timedelta(minutes=63), 63, texts, 1.0))  # another service
    world_texts.insert(client, rows)
    ask, scope = ClickHouse(client), Scope("default", "live")
    today = outputs(ask, scope, *DESK, NOW_S - DAY_S, NOW_S)
    before = cells_before(ask, scope, *DESK, NOW_S - 14 * DAY_S, NOW_S - DAY_S)
    client.close()
    assert (today.of, len(today.rows)) == (60, 60)
    assert sum(before["refusal"].values()) == 12_000
    found = ranked(today.rows, today.rows, before, SPECS)
    assert found[0].output.interaction_id == f"{61:032x}:{61:016x}"
    assert [name for name, _, _ in found[0].because] == ["refusal"]
    assert found[1].p > 10 * found[0].p
