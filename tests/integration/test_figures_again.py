"""Every figure shown of a fleet like the demo's, computed a second way: plain Python over stored rows.

Nothing of what computes them for the pages is used here, but for the words of times and numbers.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from streamlit.testing.v1 import AppTest

from alerts.briefs.brief import brief_of
from alerts.briefs.live_tally import live_tally
from alerts.briefs.render import render_text
from alerts.commands.incidents_command import show_one
from alerts.incidents.codec import incident_from_json, incident_to_dict
from dashboard import formats
from dashboard.queries.days_and_cells import Weeks
from dashboard.queries.store import ClickHouse, Scope
from dashboard.report.contents import contents
from dashboard.report.gather import gather
from infra.clickhouse import connect
from infra.settings import StoreSettings
from ingest.agents.detect.days import Days
from tests.dashboard import world, world_operators
from tests.databases import fresh_database
from tests.integration.test_dashboard_operators_pages import _app, opened, shown

pytestmark = pytest.mark.integration

LINEAGE, NOW = world_operators.LINEAGE, world.NOW
HOUR = NOW.replace(minute=0, second=0, microsecond=0)
Row = dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """The database, and its rows as they are."""

    settings: StoreSettings
    client: Client
    ids: dict[str, str]

    def rows(self, table: str, columns: str, also: str = "") -> list[Row]:
        """Rows of the lineage, times with their zone."""
        where = f"tenant = 'default' AND lineage = '{LINEAGE}' {also}"
        said = f"SELECT {columns} FROM {table} FINAL WHERE {where}"  # noqa: S608 - our own words
        found = self.client.query(said).named_results()
        return [{k: _utc(v) for k, v in row.items()} for row in found]

    def incidents(self) -> list[Row]:
        """Incidents as their JSON says."""
        return [json.loads(row["body"]) for row in self.rows("incidents", "body")]

    def calls_by_tick(self, begin: datetime, end: datetime) -> Iterator[tuple[str, datetime, int]]:
        """Service, tick and calls: as many as the score that most of them have."""
        sums: Counter[tuple[str, datetime, str, int]] = Counter()
        also = (
            "AND unit = 'interaction' AND slice = 'all' AND score IN ('error', 'latency_s', 'output_length')"
        )
        for row in self.rows("cells", "service, tick, score, generation, n", also):
            if begin <= row["tick"] < end:
                sums[row["service"], row["tick"], row["score"], row["generation"]] += row["n"]
        most: dict[tuple[str, datetime], int] = defaultdict(int)
        for (service, tick, _, _), n in sums.items():
            most[service, tick] = max(most[service, tick], n)
        yield from ((service, tick, n) for (service, tick), n in most.items())


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


NEVER = datetime.min.replace(tzinfo=UTC)


def at(text: str | None) -> datetime:
    return NEVER if text is None else datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def stored(store: str) -> Iterator[Stored]:
    settings = fresh_database(store, "lightship_figures_again")
    client = connect(settings)
    ids = world_operators.fill(client)
    Days(client).run()  # what came late, too
    yield Stored(settings, client, ids)
    client.close()


@pytest.fixture
def app(stored: Stored, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AppTest]:
    yield from _app(stored.settings, monkeypatch, tmp_path)


def figures(app: AppTest) -> list[tuple[str, str]]:
    return [(str(m.label).replace("\\", ""), str(m.value).replace("\\", "")) for m in app.metric]


def test_the_fleet(app: AppTest, stored: Stored) -> None:
    opened(app, "views/fleet/fleet.py", lineage=LINEAGE)
    calls: Counter[str] = Counter()
    for service, _, n in stored.calls_by_tick(HOUR - timedelta(days=1), HOUR):
        calls[service] += n
    told = dict(figures(app))
    assert told["Outputs, 24 h"] == f"{sum(calls.values()):,}"
    table = app.dataframe[0].value
    assert {
        n.partition(" · ")[0]: k for n, k in zip(table["Service"], table["Outputs"], strict=True)
    } == calls
    pages = [
        i
        for i in stored.incidents()
        if i["severity"] == "page" and at(i["fired_at"]) >= NOW - timedelta(days=30)
    ]
    false = sum(i["ending"] == "false_alarm" for i in pages)
    assert told["False pages, 30 d"] == f"{false} of {len(pages)}"
    open_of = {i["service"]: i for i in stored.incidents() if i["state"] in ("firing", "recovering")}
    newest: dict[str, datetime] = {}
    for row in stored.rows("series", "service, state, last_seen"):
        newest[row["service"]] = max(newest.get(row["service"], row["last_seen"]), row["last_seen"])
    dark = {name for name, seen in newest.items() if NOW - seen > timedelta(hours=1)}
    paging = {n for n, i in open_of.items() if i["severity"] == "page"} - dark
    assert (told["Page"], told["No data"]) == (str(len(paging)), str(len(dark)))
    assert told["Ticket"] == str(sum(i["severity"] == "ticket" for i in open_of.values()))


def test_an_incident_when_it_fired_and_now_on_page_in_message_and_on_the_command_line(
    app: AppTest, stored: Stored
) -> None:
    incident_id = stored.ids["refusal"]
    opened(app, "views/incident/incident.py", lineage=LINEAGE, id=incident_id)
    told = Counter(figures(app))
    where = f"AND incident_id = '{incident_id}' AND what = 'fired'"
    (fired,) = stored.rows("incident_transitions", "body", where)
    then = json.loads(fired["body"])
    assert told["Outputs since", f"{then['n']:,}"] == 1
    assert told["Users", f"{then['n_users']:,}"] == 1
    assert told["Conversations", f"{then['n_conversations']:,}"] == 1
    (now,) = (i for i in stored.incidents() if i["incident_id"] == incident_id)
    onset = at(now["onset"])
    columns = "start, score_refusal, user_id, conversation_id"
    also = "AND service = 'support-bot' AND environment = 'production' AND observed"
    calls = [r for r in stored.rows("interactions", columns, also) if r["start"] >= onset]
    calls = [r for r in calls if r["score_refusal"] is not None]
    hits = [r for r in calls if r["score_refusal"] >= 0.5]
    talks = {r["conversation_id"] for r in hits} - {None}
    last = max(r["start"] for r in hits)
    assert 0 < len(hits) < len(calls)
    assert told["Outputs", f"{len(hits)} of {len(calls)}"] == 1
    assert told["Conversations", str(len(talks))] == 1
    assert told["Last", f"{last:%H:%M}"] == 1
    same = [i for i in stored.incidents() if i["score"] == "refusal"]
    same = [i for i in same if at(i["opened_at"]) >= NOW - timedelta(days=90)]
    wrong = sum(i["ending"] == "false_alarm" for i in same)
    assert f"{wrong} of {len(same)} false alarms, 90 d" in shown(app)
    incident = incident_from_json(json.dumps(now))
    brief = brief_of(incident, tally=live_tally(incident, ClickHouse(stored.client).rows))
    line = show_one({**incident_to_dict(incident), "text": render_text(brief), "history": []})
    assert f"{len(hits)} of {len(calls)} answers" in line
    assert f"{len(talks)} conversations, the last at {last:%H:%M}" in line
    assert f"since {onset:%H:%M}: " in line
    assert f"{then['baseline_value']:.1%}".replace("%", "\u202f%") in line
    assert f"against {then['n_baseline']:,} answers before" in line


def test_being_on_call(app: AppTest, stored: Stored) -> None:
    opened(app, "views/alerts/alerts.py", lineage=LINEAGE, days="90")
    since = NOW - timedelta(days=90)
    pages = [i for i in stored.incidents() if i["severity"] == "page" and at(i["fired_at"]) > since]
    false = [i for i in pages if i["ending"] in ("false_alarm", "withdrawn")]
    judged = ("accepted", "false_alarm", "fixed")
    acted = [i for i in pages if i["acknowledged_by"] or i["held_by"] or i["ending"] in judged]

    def minutes(name: str) -> float:
        ended = [i for i in pages if i[name] is not None]
        return median((at(i[name]) - at(i["fired_at"])).total_seconds() / 60 for i in ended)

    assert dict(figures(app)) == {
        "Pages a week": f"{len(pages) / (90 / 7):.1f}",
        "Acted on": f"{100 * len(acted) / len(pages):.0f}\u202f%",
        "False alarms": str(len(false)),
        "Time to acknowledge": formats.minutes(minutes("acknowledged_at")),
        "Time to resolve": formats.minutes(minutes("resolved_at")),
    }
    (table,) = (d.value for d in app.dataframe)
    attempts: dict[tuple[str, str], list[Row]] = defaultdict(list)
    ours = {i["incident_id"] for i in stored.incidents()}
    sent = stored.client.query("SELECT * FROM notifications FINAL WHERE tenant = 'default'").named_results()
    for row in sent:
        if row["incident_id"] in ours and row["outcome"] != "sending":
            attempts[row["receiver"], row["dedup_key"]].append(row)
    recent = datetime.now(UTC) - timedelta(days=90)  # on the wall clock
    receivers = {name for (name, _), rows in attempts.items() if _utc(rows[0]["at"]) > recent}
    assert set(table["Receiver"]) == receivers
    for receiver in receivers:
        mine = [
            sorted(v, key=lambda r: r["attempt"]) for (name, _), v in attempts.items() if name == receiver
        ]
        ends = Counter(rows[-1]["outcome"] for rows in mine)
        tries = sum(rows[-1]["attempt"] - 1 for rows in mine)
        (found,) = table[table["Receiver"] == receiver].to_dict("records")
        assert [found[c] for c in ("Messages", "Sent", "Given up", "Retries")] == [
            len(mine),
            ends["sent"],
            ends["gave_up"],
            tries,
        ]


def test_the_account_of_the_pipeline(app: AppTest, stored: Stored) -> None:
    opened(app, "views/pipeline/pipeline.py", lineage=LINEAGE)
    columns = "topic, partition, received, declared, stored, duplicate, rejected, dead_lettered, reasons"
    page = shown(app)
    first = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=23)
    rows = [r for r in stored.rows("ledger", f"{columns}, received_at") if r["received_at"] >= first]
    assert f"of {sum(r['received'] for r in rows):,} received" in page
    told = dict(figures(app))
    ends = ("stored", "duplicate", "rejected", "dead_lettered")
    lost = sum(max(r["received"], r["declared"]) - sum(r[e] for e in ends) for r in rows)
    assert (told["Lost"], told["Dead letters"]) == (f"{lost}", f"{sum(r['dead_lettered'] for r in rows)}")
    reasons: Counter[str] = Counter()
    for row in rows:
        reasons.update({k.rpartition(":")[2].replace("_", " "): n for k, n in row["reasons"].items()})
    tables = [d.value for d in app.dataframe]
    shown_reasons = next(t for t in tables if "Outcome" in t.columns)
    assert dict(zip(shown_reasons["Reason"], shown_reasons["Records"], strict=True)) == reasons
    sources = next(t for t in tables if "Newest offset" in t.columns)
    for place, n in zip(sources["Partition"], sources["Records"], strict=True):
        assert n == sum(r["received"] for r in rows if r["partition"] == place)


def test_what_each_service_sends_and_what_the_detectors_fired(app: AppTest, stored: Stored) -> None:
    opened(app, "views/connect/connect.py", lineage=LINEAGE)
    sent = Counter(
        (r["service"], r["dialect"])
        for r in stored.rows("interactions", "service, dialect, start, kind, synthetic")
        if r["start"] > NOW - timedelta(days=7) and r["kind"] == "inference" and not r["synthetic"]
    )
    for (_, dialect), n in sent.items():
        assert f"calls looked at: {min(n, 200)} · {dialect}" in shown(app)
    opened(app, "views/detectors/detectors.py", lineage=LINEAGE, days="90")
    since = NOW - timedelta(days=90)
    recent = [i for i in stored.incidents() if at(i["opened_at"]) > since]
    table = next(d.value for d in app.dataframe if "Pages a month" in d.value.columns)
    for name, fired, false in zip(table["Service"], table["Pages"], table["Of them false"], strict=True):
        service = name.partition(" · ")[0]
        mine = [i for i in recent if i["service"] == service and i["severity"] == "page"]
        assert (fired, false) == (len(mine), sum(i["ending"] == "false_alarm" for i in mine)), name
    watching = sum(r["state"] in ("watching", "accepted") for r in stored.rows("series", "state"))
    assert dict(figures(app))["Watching"] == str(watching)


def test_a_report(stored: Stored) -> None:
    end = HOUR.replace(hour=0)
    begin = end - timedelta(days=30)
    scope = Scope("default", LINEAGE, int(NOW.timestamp()))
    store = ClickHouse(stored.client)
    period = Weeks(int(begin.timestamp()), int(end.timestamp()))
    told = contents(gather(lambda query, *a, **k: query(store, scope, *a, **k), scope, period, 1.0, "c"))
    calls: Counter[str] = Counter()
    for service, _, n in stored.calls_by_tick(begin, end):
        calls[service] += n
    assert {s["service"]: s["interactions"] for s in told["services"]} == calls
    assert told["interactions"] == sum(calls.values())
    fired = [i for i in stored.incidents() if begin <= at(i["fired_at"]) < end]
    assert {i["incident_id"] for i in told["incidents"]["list"]} == {i["incident_id"] for i in fired}
