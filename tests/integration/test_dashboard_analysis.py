"""The analysts' queries against the real engine: their tenant and lineage alone, and any text as a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from dashboard.estimates import readings
from dashboard.measures.scores import known
from dashboard.queries import catalogue, examples, incidents, releases, series
from dashboard.queries.catalogue import Place
from dashboard.queries.examples import Wanted
from dashboard.queries.narrowed import Narrow, words_of
from dashboard.queries.series import Window
from dashboard.queries.statement import literal
from dashboard.queries.store import ClickHouse, Scope, SeriesKey, Store
from dashboard.tables.incident import read
from dashboard.views.cause import texts_query
from dashboard.views.drift import drift_query
from dashboard.views.incident import affected_query
from dashboard.views.outputs import outputs_query
from infra.clickhouse import connect
from infra.settings import StoreSettings
from tests.at_length import at_length
from tests.dashboard import world, world_hostile, world_runs
from tests.dashboard.world import NOW
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

NOW_S = int(NOW.timestamp())
SCOPE = Scope("default", "demo-1", NOW_S)
KEY = SeriesKey("support-bot", "production", "interaction", "refusal")
WANTED = Wanted(NOW_S - 90_000, NOW_S, "flag", hit=True, limit=20)
SEARCH = replace(WANTED, narrow=Narrow(("language=en",), ("refusal", "unknown"), ("cola", "größe")))
MEASURES = [
    readings.measure(known(score), way)
    for score, way in (("refusal", ""), ("latency_s", "share above 5"), ("language", "share of de"))
]
QUOTES = "'; DROP TABLE cells; --\\' OR 1=1 {tenant:String} \n%"


@pytest.fixture(scope="module")
def database(store: str) -> StoreSettings:
    """The invented fleet in one lineage, hostile names in another, and another tenant with both."""
    settings = fresh_database(store, "lightship_dashboard_analysis")
    client = connect(settings)
    world.fill(client, NOW, lineage="demo-1")
    world_hostile.fill(client, NOW, lineage="hostile-1")
    world_hostile.fill(client, NOW, tenant="other", lineage="demo-1")
    world_runs.fill(client, NOW, lineage="demo-1")
    world_runs.hostile(client, NOW, tenant="other", lineage="demo-1")
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
        examples.examples(ask, scope, key, SEARCH),
        examples.examples(ask, scope, key, replace(SEARCH, others=True)),
        *examples.matches(ask, scope, key, SEARCH),
        *(affected_query.affected(ask, scope, i.incident_id) for i in incidents.current(ask, SCOPE)),
        outputs_query.context(ask, scope, *world_runs.ASKED.split(":")),
        outputs_query.context(ask, scope, key.slice, key.service),
        *(drift_query.hits(ask, scope, key, m, 300, NOW_S - 90_000, NOW_S) for m in MEASURES),
        drift_query.findings(ask, scope, key, NOW_S - 900_000, NOW_S),
        *(
            releases.strata(
                ask, scope, replace(key, score=m.score.name), m, "prompt_version", 3600, NOW_S - 90_000, NOW_S
            )
            for m in MEASURES
        ),
        releases.first_seen(ask, scope, key, NOW_S - 900_000, NOW_S),
        releases.recorded(ask, scope, key, NOW_S - 900_000),
        releases.marked(ask, scope, key, NOW_S - 900_000, NOW_S),
        texts_query.texts(ask, scope, key, "output", NOW_S - 90_000, NOW_S),
    ]


@pytest.mark.long
def test_no_answer_holds_anything_of_another_tenant_or_lineage(ask: Store) -> None:
    said = repr(everything(ask, SCOPE, KEY))
    assert "support-bot" in said
    assert "javascript" not in said
    hostile = SeriesKey(world_hostile.NAME, "production", "interaction", "refusal")
    assert "javascript" not in repr(everything(ask, SCOPE, hostile))
    assert "javascript" in repr(everything(ask, Scope("other", "demo-1", NOW_S), hostile))


@pytest.mark.parametrize("text", at_length([QUOTES, "", "all\x00", "\u202e"]))
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


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        ("bestellung FEHLT", 3),  # whole words in any case, all of them, on either side
        ("Bestell", 0),
        ("ändere", 3),  # beyond ASCII any part
        ("4c0e11f8a2d35b97", 4),  # one redacted value, wherever it occurs
        ("bestellung payment", 0),
        ("", 10),
    ],
)
def test_outputs_are_found_by_their_words(ask: Store, text: str, outputs: int) -> None:
    narrow = Narrow(words=words_of(text))
    found = examples.examples(ask, SCOPE, KEY, replace(WANTED, narrow=narrow))
    assert len(found) == outputs
    for word in words_of(text):
        assert all(word in f"{e.prompt} {e.output}".lower() for e in found)


def test_a_search_reads_the_stretches_that_may_hold_the_word_alone(database: StoreSettings) -> None:
    wanted = replace(WANTED, narrow=Narrow(words=("nowhere",)))
    choice = examples.choice_of(KEY, wanted)
    client = connect(database)
    sql = f"EXPLAIN indexes = 1 {choice.statement()}"
    rows = client.query(sql, parameters=choice.bind(SCOPE, KEY, wanted)).result_rows
    client.close()
    assert "words_in" in str(rows)


def test_values_of_one_dimension_add_up_and_dimensions_and_flags_narrow(ask: Store) -> None:
    def n(*slices: str, flags: tuple[str, ...] = ()) -> int:
        wanted = replace(WANTED, narrow=Narrow(slices, flags))
        return len(examples.examples(ask, SCOPE, KEY, wanted))

    assert (n("language=de"), n("language=en"), n("language=de", "language=en")) == (6, 4, 10)
    assert n("language=de", "prompt_version=v18") == 6
    assert n("language=de", "prompt_version=v17") == 0
    assert (n(flags=("refusal",)), n(flags=("error",)), n(flags=("not_a_score",))) == (10, 0, 0)


def test_what_stands_around_an_output_is_its_run_and_its_conversation(ask: Store) -> None:
    found = outputs_query.context(ask, SCOPE, *world_runs.ASKED.split(":"))
    assert found is not None
    assert [s.name for s in found.steps] == [
        "invoke_agent refunds",
        "plan",
        "aurora-2",
        "aurora-2",
        "search_orders",
        "issue_refund",
    ]
    assert "[name:77d1aa02c94be613]" in found.steps[4].said
    assert [s.failed for s in found.steps] == [False] * 5 + [True]
    assert len(found.turns) == 4
    assert [t.at for t in found.turns] == sorted(t.at for t in found.turns)
    assert outputs_query.context(ask, SCOPE, "nothing", "of") is None


PLAIN = """
SELECT start, trace_id, span_id, score_refusal, user_id, conversation_id, input_text, output_text
FROM interactions FINAL
WHERE tenant = 'default' AND lineage = 'demo-1' AND service = 'support-bot' AND NOT synthetic
    AND toUnixTimestamp(start) >= {from:UInt32} AND toUnixTimestamp(start) < {to:UInt32}
ORDER BY start DESC
"""


def test_words_are_looked_for_in_all_outputs_and_the_others_are_counted(ask: Store) -> None:
    wanted = replace(WANTED, narrow=Narrow(words=words_of("Bestellung")))
    rows = ask.rows(PLAIN, {"from": NOW_S - 90_000, "to": NOW_S})
    holds = [r for r in rows if "bestellung" in f"{r[6]} {r[7]}".lower()]
    with_it = [r for r in holds if r[3] is not None and r[3] >= 0.5]
    assert 0 < len(with_it) < len(holds)
    assert examples.matches(ask, SCOPE, KEY, wanted) == (len(with_it), len(holds) - len(with_it))
    shown = examples.examples(ask, SCOPE, KEY, replace(wanted, others=True))
    assert {(e.trace_id, e.span_id) for e in shown} == {r[1:3] for r in holds if r not in with_it}
    judged = replace(KEY, score="judgement:correct")
    assert examples.matches(ask, SCOPE, judged, wanted) == (0, len(holds))


def test_who_was_reached_is_counted_from_the_onset_on(ask: Store) -> None:
    """A second way, in Python, comes to what page and message say."""
    stored = next(i for i in incidents.current(ask, SCOPE) if '"score":"refusal"' in i.body)
    incident = read(stored)
    found = affected_query.affected(ask, SCOPE, incident.id)
    rows = ask.rows(PLAIN, {"from": int(incident.onset.timestamp()), "to": NOW_S + 60})
    rows = [r for r in rows if r[0].replace(tzinfo=UTC) >= incident.onset and r[3] is not None]
    hits = [r for r in rows if r[3] >= 0.5]
    assert 0 < len(hits) <= len(rows)
    assert found is not None
    assert (found.n, found.hits) == (len(rows), len(hits))
    assert found.conversations == len({r[5] for r in hits if r[5] is not None})
    assert found.last == hits[0][0].replace(tzinfo=UTC)
    assert affected_query.affected(ask, SCOPE, "0" * 16) is None
    assert affected_query.affected(ask, replace(SCOPE, tenant="other"), incident.id) is None
