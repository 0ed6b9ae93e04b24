"""Every query of the dashboard against the real engine and the real schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from dashboard.estimates import taxonomy
from dashboard.queries import disparity, examples, fleet, incidents, pipeline, series, trends
from dashboard.queries import scope as scopes
from dashboard.queries.examples import MAX_TEXT, Wanted
from dashboard.queries.series import Window
from dashboard.queries.store import ClickHouse, Scope, SeriesKey, Store
from dashboard.tables import incident_picture, trend_rows
from dashboard.tables.incident import Incident, read
from infra.clickhouse import connect
from infra.errors import Unavailable
from infra.settings import StoreSettings
from tests.dashboard import world, world_hostile, world_texts
from tests.dashboard.world import NOW
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

NOW_S = int(NOW.timestamp())
CANARY = 7_777_777
SCOPE = Scope("default", "demo-1", NOW_S)
QUOTES = "'; DROP TABLE cells; --\\' OR 1=1 {tenant:String} \n%"


@pytest.fixture(scope="module")
def database(store: str) -> StoreSettings:
    """Two lineages and another tenant whose only service is a canary."""
    settings = fresh_database(store, "lightship_dashboard_queries")
    client = connect(settings)
    world.fill(client, NOW, lineage="demo-1")
    world_hostile.fill(client, NOW, lineage="hostile-1")
    _canary(client)
    client.close()
    return settings


def _canary(client: Client) -> None:
    """Rows of another tenant and of another lineage, at the same times and places as the first's."""
    made = world.Made("canary-service", "production", 100)
    for tenant, lineage in (("other", "demo-1"), ("default", "demo-2")):
        cells = world.Cells(tenant, lineage)
        for name in ("support-bot", "canary-service"):
            for step in range(12):
                at = NOW.replace(minute=0, second=0) - timedelta(minutes=5 * step)
                cells.add(replace(made, service=name), "refusal", "all", at, CANARY, float(CANARY))
                cells.add(replace(made, service=name), "error", "language=de", at, 9, 9.0)
        cells.insert(client)
        texts = ("de", "canary prompt", "canary output")
        rows = [
            world_texts.interaction(
                NOW - timedelta(minutes=k), 5_000 + k, texts, 1.0, tenant=tenant, lineage=lineage
            )
            for k in range(3)
        ]
        world_texts.insert(client, rows)


@pytest.fixture
def ask(database: StoreSettings) -> Iterator[Store]:
    client = connect(database)
    yield ClickHouse(client)
    client.close()


def named(ask: Store, name: str, scope: Scope = SCOPE) -> Incident:
    """The incident about one score."""
    return next(i for i in map(read, incidents.current(ask, scope)) if i.score == name and i.is_open)


def everything(ask: Store, scope: Scope, key: SeriesKey) -> list[Any]:
    """What every query answers in a scope."""
    window = Window(NOW_S - 12_000, NOW_S, 300)
    compare = series.Comparison(NOW_S - 90_000, NOW_S - 5_000, NOW_S - 4_000, NOW_S)
    weeks = trend_rows.span(NOW, 12)
    wanted = Wanted(NOW_S - 80_000, NOW_S, "flag", hit=True, limit=20)
    pairs = taxonomy.counted()
    return [
        fleet.services(ask, scope),
        fleet.watched(ask, scope),
        incidents.current(ask, scope),
        incidents.one(ask, scope, key.service),
        incidents.history(ask, scope, key.service),
        incidents.trust(ask, scope, key.score),
        incidents.pages(ask, scope),
        series.ticks(ask, scope, key, window, values=True),
        series.volume(ask, scope, key, window, fleet.COUNTING_SCORES),
        series.slices(ask, scope, key, compare, values=True),
        examples.examples(ask, scope, key, wanted),
        trends.by_score(ask, scope, weeks, pairs, key.slice),
        trends.by_score(ask, scope, replace(weeks, service=key.service), pairs, key.slice),
        trends.by_value(ask, scope, weeks, unit=key.unit, score=key.score, dimension="language"),
        disparity.by_dimension(ask, scope, weeks, pairs, "language"),
        disparity.by_dimension(ask, scope, replace(weeks, service=key.service), pairs, key.slice),
        disparity.by_service(ask, scope, weeks, pairs, key.slice),
        scopes.lineages(ask, scope),
        scopes.heartbeat(ask, scope),
        pipeline.accounts(ask, scope, 0).hours,
    ]


def test_no_answer_holds_anything_of_another_tenant_or_lineage(ask: Store) -> None:
    key = SeriesKey("support-bot", "production", "interaction", "refusal")
    said = repr(everything(ask, SCOPE, key))
    assert "canary" not in said
    assert str(CANARY) not in said
    assert "support-bot" in said
    assert "hostile" not in repr(everything(ask, Scope("other", "demo-1", NOW_S), key))


@pytest.mark.parametrize("text", [QUOTES, "", "support-bot", "language=" + QUOTES, "all\x00", "\u202e"])
def test_any_text_is_a_value_and_never_part_of_a_statement(ask: Store, text: str) -> None:
    everything(ask, Scope(text, text, NOW_S), SeriesKey(text, text, text, text, text))
    everything(ask, SCOPE, SeriesKey("support-bot", "production", "interaction", text, f"language={text}"))
    assert fleet.services(ask, SCOPE)  # the tables are still there


@pytest.mark.long
def test_writing_the_same_rows_again_changes_no_answer(ask: Store, database: StoreSettings) -> None:
    key = SeriesKey("support-bot", "production", "interaction", "refusal")
    before = everything(ask, SCOPE, key)
    client = connect(database)
    world.fill(client, NOW, lineage="demo-1")
    client.close()
    after = everything(ask, SCOPE, key)
    # progress and the ledger stand on the wall clock of their writer
    assert after[:-2] == before[:-2]


def test_a_fleet_of_five_with_volume_freshness_and_what_it_learns(ask: Store) -> None:
    found = {s.service: s for s in fleet.services(ask, SCOPE)}
    assert sorted(found) == [m.service for m in sorted(world.FLEET, key=lambda m: m.service)]
    silent = found["invoice-reader"]
    assert silent.newest is not None
    assert NOW - silent.newest == timedelta(minutes=85, seconds=4)
    assert 46 <= len(silent.hours) <= 49
    day = sum(n for at, n in found["support-bot"].hours if at >= NOW - timedelta(hours=25))
    assert day == pytest.approx(24 * 2076, rel=0.1)
    learning = {w.service for w in fleet.watched(ask, SCOPE) if w.state == "learning"}
    assert learning == {"newsletter-writer"}
    assert found["newsletter-writer"].n_learning == found["newsletter-writer"].n_series > 0


def test_a_change_over_time_is_the_sum_of_its_ticks(ask: Store) -> None:
    incident = named(ask, "refusal")
    window = incident_picture.window(incident, NOW)
    ticks = series.ticks(ask, SCOPE, incident.key, window, values=False)
    hour = series.ticks(
        ask, SCOPE, incident.key, Window(NOW_S // 3600 * 3600 - 7200, NOW_S // 3600 * 3600, 3600), values=True
    )
    assert len(hour) == 2
    fine = [t for t in ticks if hour[0].at <= t.at < hour[0].at + timedelta(hours=2)]
    assert sum(t.n for t in fine) == sum(t.n for t in hour)
    assert sum(t.total for t in fine) == sum(t.total for t in hour)
    assert all(dict(t.cells)[1] == t.total for t in hour)
    after = [t for t in ticks if t.at >= incident.onset]
    assert sum(t.total for t in after) / sum(t.n for t in after) > 0.045
    assert all(t.cells == () for t in ticks)


def test_volume_counts_interactions_once_however_many_scores_they_have(ask: Store) -> None:
    key = SeriesKey("support-bot", "production", "interaction", "volume")
    window = Window(NOW_S // 3600 * 3600 - 7200, NOW_S // 3600 * 3600, 3600)
    volume = series.volume(ask, SCOPE, key, window, fleet.COUNTING_SCORES)
    errors = series.ticks(ask, SCOPE, replace(key, score="error"), window, values=False)
    assert [b.n for b in volume] == [b.n for b in errors]


def test_what_came_late_is_added_to_its_tick(ask: Store, database: StoreSettings) -> None:
    client = connect(database)
    at = NOW.replace(minute=0, second=0) - timedelta(hours=1)
    columns = [*world.CELL_COLUMNS, "part"]
    row = ("default", "late", "a", "", "interaction")
    rows: list[tuple[Any, ...]] = [
        (*row, score, 1, "all", at, n, float(n), [0, 1], [0, n], [], 1, part)
        for score, n, part in (("error", 100, 0), ("error", 7, 55), ("latency_s", 90, 0))
    ]
    client.insert("cells", rows, column_names=columns)
    client.close()
    scope, key = Scope("default", "late", NOW_S), SeriesKey("a", "", "interaction", "error")
    window = Window(NOW_S - 9_000, NOW_S, 9_000)
    (volume,) = series.volume(ask, scope, key, window, fleet.COUNTING_SCORES)
    (ticks,) = series.ticks(ask, scope, key, window, values=True)
    (service,) = fleet.services(ask, scope)
    assert (volume.n, ticks.n, ticks.total, ticks.cells) == (107, 107, 107.0, ((1, 107),))
    assert [n for _, n in service.hours] == [107]


def test_the_newest_generation_of_a_bucket_is_taken(ask: Store, database: StoreSettings) -> None:
    client = connect(database)
    cells = world.Cells("default", "generations")
    made = world.Made("a", "", 10)
    at = NOW.replace(minute=0, second=0) - timedelta(hours=1)
    cells.add(made, "refusal", "all", at, 100, 1.0)
    cells.rows.append((*cells.rows[0][:6], 2, *cells.rows[0][7:9], 50, 40.0, [0, 1], [10, 40], [], 1))
    cells.insert(client)
    client.close()
    scope, key = Scope("default", "generations", NOW_S), SeriesKey("a", "", "interaction", "refusal")
    (bucket,) = series.ticks(ask, scope, key, Window(NOW_S - 9_000, NOW_S, 9_000), values=True)
    assert (bucket.n, bucket.total) == (50, 40.0)
    compare = series.Comparison(NOW_S - 90_000, NOW_S - 80_000, NOW_S - 70_000, NOW_S)
    (whole,) = series.slices(ask, scope, key, compare, values=False)
    assert (whole.after.n, whole.after.total) == (50, 40.0)


def test_slices_are_split_at_the_onset(ask: Store) -> None:
    incident = named(ask, "refusal")
    found = {
        s.slice: s
        for s in series.slices(
            ask, SCOPE, incident.key, incident_picture.comparison(incident, NOW), values=False
        )
    }
    assert next(iter(found)) == "all"
    german = found["language=de"]
    assert german.after.total / german.after.n > 0.1 > german.before.total / german.before.n
    assert found["prompt_version=v18"].before.n < 200 < found["prompt_version=v18"].after.n
    where = incident_picture.where(incident.measure, list(found.values()), {})
    assert where.bars[0].name == "language = de"


def test_numbers_come_with_their_cells_and_categories_with_their_names(ask: Store) -> None:
    incident = named(ask, "latency_s")
    compare = incident_picture.comparison(incident, NOW)
    slices = series.slices(ask, SCOPE, incident.key, compare, values=True)
    own = next(s for s in slices if s.slice == incident.own_slice)
    assert sum(n for _, n in own.after.cells) == own.after.n
    (bar, *_) = incident_picture.where(incident.measure, slices, {}).bars
    assert bar.name == "response model = aurora-2"
    assert bar.effect == pytest.approx(0.88, abs=0.25)
    language = replace(incident.key, score="language", slice="all")
    (whole,) = series.slices(ask, SCOPE, language, compare, values=True)
    assert {name for name, _ in whole.before.names} == set(world.LANGUAGES)


def test_examples_carry_the_change_come_from_its_slice_and_from_different_conversations(ask: Store) -> None:
    incident = named(ask, "refusal")
    onset = int(incident.onset.timestamp())
    hits = examples.examples(ask, SCOPE, incident.explained, Wanted(onset, NOW_S, "flag", hit=True))
    base = examples.examples(ask, SCOPE, incident.explained, Wanted(onset - 86_400, onset, "flag", hit=False))
    assert len(hits) == len(base) == 3
    assert all(e.at >= incident.onset and e.value == 1.0 and e.language == "de" for e in hits)
    assert all(e.at < incident.onset and e.value == 0.0 and e.language == "de" for e in base)
    assert len({e.trace_id for e in (*hits, *base)}) == 6
    assert [e.at for e in hits] == sorted((e.at for e in hits), reverse=True)
    assert dict(hits[0].facts)["prompt"] == "v18"


def test_numbers_are_ranked_in_the_direction_of_the_change(ask: Store) -> None:
    key = SeriesKey("support-bot", "production", "interaction", "output_length")
    for rising in (True, False):
        wanted = Wanted(NOW_S - 9_000, NOW_S, "number", hit=True, rising=rising, limit=9)
        found = [e.value for e in examples.examples(ask, SCOPE, key, wanted)]
        assert found == sorted(found, key=lambda v: v or 0.0, reverse=rising)
        assert len(found) > 3


@pytest.mark.parametrize(
    ("score", "kind"),
    [
        ("latency_s", "number"),
        ("language", "category"),
        ("my_plugin", "number"),
        ("secrets", "flag"),
        ("finish_reason", "category"),
    ],
)
def test_examples_exist_for_every_kind_of_score(ask: Store, score: str, kind: str) -> None:
    key = SeriesKey("support-bot", "production", "interaction", score)
    wanted = Wanted(NOW_S - 9_000, NOW_S, kind, hit=score != "secrets", category="de")
    for e in examples.examples(ask, SCOPE, key, wanted):
        assert e.at <= NOW


def test_examples_of_an_agents_run_come_from_its_trace(ask: Store, database: StoreSettings) -> None:
    client = connect(database)
    at = NOW - timedelta(minutes=6)
    client.insert(
        "traces",
        [
            ("default", "demo-1", "support-bot", "production", at, f"{100 + k:032x}", {"tool_loop": v}, at)
            for k, v in ((0, 1.0), (1, 0.0))
        ],
        column_names=[
            "tenant",
            "lineage",
            "service",
            "environment",
            "start",
            "trace_id",
            "scores",
            "received_at",
        ],
    )
    client.close()
    key = SeriesKey("support-bot", "production", "trace", "tool_loop")
    found = examples.examples(ask, SCOPE, key, Wanted(NOW_S - 9_000, NOW_S, "flag", hit=True, limit=1))
    assert [e.trace_id for e in found] == [f"{100:032x}"]


def test_a_huge_text_never_travels(ask: Store) -> None:
    scope = Scope("default", "hostile-1", NOW_S)
    key = SeriesKey(world_hostile.NAME, "production", "interaction", "refusal", world_hostile.SLICE)
    found = examples.examples(ask, scope, key, Wanted(NOW_S - 9_000, NOW_S, "flag", hit=True))
    assert [len(e.prompt or "") for e in found] == [MAX_TEXT + 1] * 3


def test_what_was_redacted_is_in_the_excerpt(ask: Store, database: StoreSettings) -> None:
    client = connect(database)
    mark = "[aws_access_key_id:0123456789abcdef]"
    long = "x" * 5_000 + mark + "y" * 5_000
    at = NOW - timedelta(minutes=2)
    rows = [
        world_texts.interaction(
            at, 6_000 + k, ("en", prompt, output), 0.0, service="leaky", lineage="marks-1"
        )
        for k, (prompt, output) in enumerate((("ask", long), (long, "short"), ("no mark", "z" * 9_000)))
    ]
    world_texts.insert(client, rows)
    marked = "ALTER TABLE interactions UPDATE score_secrets = 1 WHERE lineage = 'marks-1'"
    client.command(f"{marked} SETTINGS mutations_sync = 1")
    client.close()
    key = SeriesKey("leaky", "production", "interaction", "secrets")
    found = examples.examples(
        ask, Scope("default", "marks-1", NOW_S), key, Wanted(NOW_S - 900, NOW_S, "flag", hit=True)
    )
    texts = {e.trace_id[-4:]: (e.prompt or "", e.output or "") for e in found}
    assert mark in texts[f"{6_000:032x}"[-4:]][1]
    assert texts[f"{6_000:032x}"[-4:]][1].startswith("…x")
    assert mark in texts[f"{6_001:032x}"[-4:]][0]
    assert texts[f"{6_001:032x}"[-4:]][1] == "short"
    assert texts[f"{6_002:032x}"[-4:]] == ("no mark", "z" * (MAX_TEXT + 1))


def test_an_incident_is_found_by_its_id_in_its_lineage_only(ask: Store) -> None:
    incident = named(ask, "refusal")
    assert incidents.one(ask, SCOPE, incident.id) == incident.stored
    elsewhere = Scope("default", "live", NOW_S)
    assert incidents.one(ask, elsewhere, incident.id) is None
    assert incidents.elsewhere(ask, elsewhere, incident.id) == "demo-1"
    assert incidents.elsewhere(ask, Scope("other", "demo-1", NOW_S), incident.id) is None


def test_a_history_is_in_order_and_says_who_was_told(ask: Store) -> None:
    incident = named(ask, "refusal")
    moments = incidents.history(ask, SCOPE, incident.id)
    assert [m.what for m in moments] == ["opened", "fired"]
    assert [m.told for m in moments] == [(), (("on-call primary", "sent"),)]
    assert incidents.history(ask, Scope("default", "live", NOW_S), incident.id) == ()


def test_trust_counts_what_people_called_false(ask: Store) -> None:
    assert incidents.trust(ask, SCOPE, "refusal") == incidents.Trust(1, 2)
    assert incidents.trust(ask, SCOPE, "latency_s") == incidents.Trust(0, 1)
    assert incidents.pages(ask, SCOPE) == incidents.Trust(1, 3)
    assert incidents.pages(ask, replace(SCOPE, now_s=NOW_S + 90 * 86_400)) == incidents.Trust(0, 0)


def test_open_incidents_come_first_and_old_ones_are_left_out(ask: Store) -> None:
    found = incidents.current(ask, SCOPE)
    assert [i.state for i in found] == ["firing", "firing", "firing", "resolved"]
    later = incidents.current(ask, replace(SCOPE, now_s=NOW_S + 60 * 86_400))
    assert [i.state for i in later] == ["firing"] * 3


def test_a_week_of_risk_has_the_baseline_of_its_mix(ask: Store) -> None:
    counts = trends.by_score(ask, SCOPE, trend_rows.span(NOW, 12), (("refusal", -1), ("pii", -1)))
    refusals = [c.count for c in counts if c.score == "refusal"]
    assert len(refusals) == 12
    assert refusals[5].hits / refusals[5].n == pytest.approx(0.021, rel=0.05)
    assert refusals[5].expected == pytest.approx(0.021)
    rows = {r.category.id: r for r in trend_rows.table(taxonomy.categories(), counts)}
    assert [c.clear for c in rows["pii"].cells].count(True) in (2, 3)


def test_scores_in_0_to_1_are_counted_from_their_cell(ask: Store) -> None:
    weeks = trend_rows.span(NOW, 4)
    cell = world.cell_of("repetition", 0.5)
    (*_, last) = trends.by_score(ask, SCOPE, weeks, (("repetition", cell),))
    assert last.count.hits / last.count.n == pytest.approx(0.012, rel=0.15)
    assert last.count.expected is None  # the frozen level of a number is a median, not a share


def test_languages_keep_their_own_baseline(ask: Store) -> None:
    found = trends.by_value(
        ask, SCOPE, trend_rows.span(NOW, 4), unit="interaction", score="refusal", dimension="language"
    )
    assert {v.value for v in found} == set(world.LANGUAGES)
    assert {round(v.count.expected or 0, 4) for v in found if v.value == "fr"} == {0.0273}


def test_lineages_are_listed_live_first_and_each_has_its_clock(ask: Store) -> None:
    known = scopes.lineages(ask, SCOPE)
    assert {item.name for item in known} >= {"demo-1"}
    newest = next(item.newest for item in known if item.name == "demo-1")
    assert scopes.clock(known, SCOPE, NOW + timedelta(days=200)) == newest
    assert scopes.clock(known, replace(SCOPE, lineage="live"), NOW) == NOW


def test_the_account_of_recent_messages_balances(ask: Store) -> None:
    assert {part.room for part in pipeline.partitions(ask, SCOPE)} == {"score", "detect"}
    found = pipeline.accounts(ask, SCOPE, 0).hours
    assert (sum(h.received for h in found), sum(h.lost for h in found)) == (440, 0)
    assert pipeline.accounts(ask, SCOPE, 4_000_000_000).hours == ()
    assert pipeline.accounts(ask, Scope("other", "demo-1"), 0).hours == ()


def test_an_empty_database_gives_empty_answers(store: str) -> None:
    client = connect(fresh_database(store, "lightship_dashboard_empty"))
    key = SeriesKey("support-bot", "production", "interaction", "refusal")
    answers = everything(ClickHouse(client), SCOPE, key)
    client.close()
    assert all(answer in ((), None, incidents.Trust(0, 0), scopes.Heartbeat(0, None)) for answer in answers)


@pytest.mark.parametrize("name", ["lightship_without_tables", "lightship_nowhere"])
def test_a_store_without_tables_says_what_to_do(store: str, name: str) -> None:
    root = connect(StoreSettings(url=store), database="default")
    root.command("CREATE DATABASE IF NOT EXISTS lightship_without_tables")
    client = connect(StoreSettings(url=store, database="default"), database="default")
    client.database = name
    with pytest.raises(Unavailable, match="no tables yet"):
        fleet.services(ClickHouse(client), SCOPE)
    client.close()
    root.close()


def test_a_statement_that_takes_too_long_is_given_up(ask: Store) -> None:
    endless = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = {x:UInt64}"
    with pytest.raises(Unavailable, match="within 5 s"):
        ask.rows(endless, {"x": 1})


def test_rows_are_capped(ask: Store) -> None:
    assert len(ask.rows("SELECT number FROM numbers({n:UInt64})", {"n": 100_000})) <= 5_000
