"""The analysts' queries against the real engine: their tenant and lineage alone, and any text as a value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from dashboard.queries import catalogue, series
from dashboard.queries.catalogue import Place
from dashboard.queries.series import Window
from dashboard.queries.statement import literal
from dashboard.queries.store import ClickHouse, Scope, SeriesKey, Store
from infra.clickhouse import connect
from infra.settings import StoreSettings
from tests.dashboard import world, world_hostile
from tests.dashboard.serving import fresh_database
from tests.dashboard.world import NOW

pytestmark = pytest.mark.integration

NOW_S = int(NOW.timestamp())
SCOPE = Scope("default", "demo-1", NOW_S)
KEY = SeriesKey("support-bot", "production", "interaction", "refusal")
QUOTES = "'; DROP TABLE cells; --\\' OR 1=1 {tenant:String} \n%"


@pytest.fixture(scope="module")
def database(store: str) -> StoreSettings:
    """The invented fleet in one lineage, hostile names in another, and another tenant with both."""
    settings = fresh_database(store, "lightship_dashboard_analysis")
    client = connect(settings)
    world.fill(client, NOW, lineage="demo-1")
    world_hostile.fill(client, NOW, lineage="hostile-1")
    world_hostile.fill(client, NOW, tenant="other", lineage="demo-1")
    client.close()
    return settings


@pytest.fixture
def ask(database: StoreSettings) -> Iterator[Store]:
    client = connect(database)
    yield ClickHouse(client)
    client.close()


def everything(ask: Store, scope: Scope, key: SeriesKey) -> list[Any]:
    """What every query of the analysts' pages answers in a scope."""
    return [
        catalogue.places(ask, scope),
        catalogue.scores(ask, scope, Place(key.service, key.environment)),
        catalogue.slices(ask, scope, key, NOW_S - 90_000, NOW_S),
        catalogue.baseline(ask, scope, key),
    ]


def test_no_answer_holds_anything_of_another_tenant_or_lineage(ask: Store) -> None:
    said = repr(everything(ask, SCOPE, KEY))
    assert "support-bot" in said
    assert "javascript" not in said
    hostile = SeriesKey(world_hostile.NAME, "production", "interaction", "refusal")
    assert "javascript" not in repr(everything(ask, SCOPE, hostile))
    assert "javascript" in repr(everything(ask, Scope("other", "demo-1", NOW_S), hostile))


@pytest.mark.parametrize("text", [QUOTES, "", "all\x00", "\u202e"])
def test_any_text_is_a_value_and_never_part_of_a_statement(ask: Store, text: str) -> None:
    everything(ask, Scope(text, text, NOW_S), SeriesKey(text, text, text, text, text))
    everything(ask, SCOPE, SeriesKey("support-bot", "production", "interaction", text, f"language={text}"))
    assert catalogue.places(ask, SCOPE)  # the tables are still there


@pytest.mark.parametrize("text", [QUOTES, "\t\\'\b\f\r\n", "\u202e"])
def test_a_statement_to_copy_holds_its_values_and_nothing_else(ask: Store, text: str) -> None:
    assert ask.rows(f"SELECT {literal(text)}", {}) == [(text,)]
    window = Window(NOW_S - 9_000, NOW_S, 300)
    said = series.ticks_statement(SCOPE, SeriesKey("a", "", "b", text), window, values=True).text()
    assert said.splitlines()[-1] == "LIMIT 400;"
    assert sum(line.startswith("SET param_") for line in said.splitlines()) == 11


def test_what_there_is_to_look_at_is_found_by_name(ask: Store) -> None:
    assert [p.label for p in catalogue.places(ask, SCOPE)][:2] == [
        "claims-triage · production",
        "code-helper · production",
    ]
    found = {
        (s.unit, s.score): s.kind for s in catalogue.scores(ask, SCOPE, Place(KEY.service, "production"))
    }
    assert found["trace", "tool_loop"] == "flag"
    assert found["interaction", "language"] == "category"
    names = [name for name, _ in catalogue.slices(ask, SCOPE, KEY, NOW_S - 3_000, NOW_S)]
    assert names[0] == "all"
    assert {"language=de", "prompt_version=v18", "response_model=aurora-2"} <= set(names)
    frozen = catalogue.baseline(ask, SCOPE, KEY)
    assert frozen is not None
    assert frozen.since is not None
    assert frozen.is_known
    assert frozen.since - frozen.first == timedelta(days=14)
