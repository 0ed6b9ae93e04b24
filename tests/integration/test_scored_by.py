"""The account of which scorers scored when: it says what the interactions say."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.queries.days_and_cells import Weeks
from dashboard.queries.report import ScoredBy, scored_by
from dashboard.queries.store import ClickHouse, Scope
from infra.clickhouse import connect, migrate
from tests.at_length import at_length
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

MONDAY = datetime(2026, 2, 16, tzinfo=UTC)
COLUMNS = ("tenant", "lineage", "service", "start", "trace_id", "scorer_versions", "received_at")
BEFORE_THE_ACCOUNT = 19

Row = tuple[str, str, str, datetime, str, str, datetime]


def drawn(rng: random.Random) -> Row:
    start = MONDAY + timedelta(seconds=rng.randrange(12 * 86_400))
    where = rng.choice(["default", "other"]), rng.choice(["demo-1", "demo-2"]), rng.choice(["bot", "copilot"])
    versions = rng.choice(["", "4be1", "77aa", "c0de"])
    return (*where, start, f"{rng.getrandbits(64):016x}", versions, datetime.now(UTC))


def told(rows: list[Row], period: Weeks) -> list[ScoredBy]:
    spans: dict[str, list[datetime]] = {}
    for tenant, lineage, service, start, _, versions, _ in rows:
        inside = period.from_s <= start.timestamp() < period.to_s and period.service in ("", service)
        if inside and versions and (tenant, lineage) == ("default", "demo-1"):
            spans.setdefault(versions, []).append(start)
    found = [ScoredBy(name, min(starts), max(starts)) for name, starts in spans.items()]
    return sorted(found, key=lambda one: (one.first, one.versions))


@pytest.mark.parametrize("seed", at_length(range(3)))
def test_the_account_says_what_the_interactions_say(store: str, seed: int) -> None:
    """Of any period and service, ends within a day too, written twice, and of what was there before it."""
    rng = random.Random(seed)
    rows = [drawn(rng) for _ in range(400)]
    settings = fresh_database(store, f"lightship_scored_by_{seed}")
    client = connect(settings)
    migrate(settings, to=BEFORE_THE_ACCOUNT)
    client.insert("interactions", rows[:200], COLUMNS)
    migrate(settings)
    client.insert("interactions", rows[200:], COLUMNS)
    client.insert("interactions", rows[150:250], COLUMNS)
    door, scope = ClickHouse(client), Scope("default", "demo-1", int(MONDAY.timestamp()) + 20 * 86_400)
    for _ in range(20):
        since = MONDAY + timedelta(days=rng.randrange(8))
        until = since + timedelta(seconds=rng.randrange(1, 6 * 86_400))
        service = rng.choice(["", "bot"])
        period = Weeks(int(since.timestamp()), int(until.timestamp()), service)
        assert list(scored_by(door, scope, period)) == told(rows, period)
    client.close()
