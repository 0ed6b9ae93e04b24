"""``lightship report`` on the real engine: complete, the same again, safe whatever services are called."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

import lightship
from dashboard.queries.days_and_cells import Weeks
from dashboard.queries.store import ClickHouse, Scope
from dashboard.report.contents import as_json, contents
from dashboard.report.gather import gather
from dashboard.report.page import page
from infra.clickhouse import connect
from infra.settings import StoreSettings
from tests.dashboard import world, world_hostile
from tests.dashboard.serving import environment
from tests.dashboard.world import NOW
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

DAY_S = 86_400
NOW_S = int(NOW.timestamp())
MONDAY = datetime(2026, 2, 16, tzinfo=UTC)
PERIOD = Weeks(int(MONDAY.timestamp()), int(MONDAY.timestamp()) + 30 * DAY_S)
Make = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def database(store: str) -> StoreSettings:
    settings = fresh_database(store, "lightship_report")
    client = connect(settings)
    world.fill(client, lineage="demo-1")
    world_hostile.fill(client, NOW, lineage="hostile-1")
    _names(client)
    client.close()
    return settings


BIDI = "bot\u202egnp.exe"


def _names(client: Client) -> None:
    """Services whose names steer, beside the hostile one's; a slice that a spreadsheet would compute."""
    cells = world.Cells("default", "hostile-1")
    for name in (world_hostile.NAME, BIDI):
        made = world.Made(name, "production", 600)
        for score in ("error", "refusal"):
            for slice_ in ("all", world_hostile.SLICE, "language=\u05d0\u05d1", "release=%3DCMD()|!A1"):
                for hours in range(1, 30):
                    at = NOW.replace(minute=5, second=0) - timedelta(hours=hours)
                    if slice_ != "release=%3DCMD()|!A1" or hours < 3:
                        cells.add(
                            made, score, slice_, at, 600, 60.0 if slice_ == world_hostile.SLICE else 6.0
                        )
    cells.insert(client)


@pytest.fixture
def make(database: StoreSettings) -> Iterator[Make]:
    client = connect(database)
    door = ClickHouse(client)

    def made(lineage: str = "demo-1", period: Weeks = PERIOD, tenant: str = "default") -> dict[str, Any]:
        scope = Scope(tenant, lineage, NOW_S)

        def ask(query: Callable[..., Any], *args: Any, **named: Any) -> Any:
            return query(door, scope, *args, **named)

        return contents(gather(ask, scope, period, 1.0, "9c41f0e29c41f0e2"))

    yield made
    client.close()


def test_it_says_what_was_counted_and_where_nothing_came(make: Make) -> None:
    told = make()
    services = {s["service"]: s for s in told["services"]}
    assert set(services) == {made.service for made in world.FLEET}
    # support-bot sends 2,076 an hour: 29 whole days and the first hours of the last
    assert services["support-bot"]["interactions"] == pytest.approx(2_076 * (29 * 24 + 3.2), rel=0.02)
    assert services["support-bot"]["gaps"] == []
    assert services["support-bot"]["days_with_data"] == 30
    assert services["newsletter-writer"]["first_day"] == "2026-03-15"
    assert told["interactions"] == sum(s["interactions"] for s in told["services"])


def test_weeks_and_groups_are_those_of_the_trends_page(make: Make) -> None:
    told = make()
    by_id = {c["id"]: c for c in told["categories"]}
    assert [w["week"] for w in by_id["truncated"]["weeks"]] == [
        "2026-02-16",
        "2026-02-23",
        "2026-03-02",
        "2026-03-09",
        "2026-03-16",
    ]
    assert [w["whole"] for w in by_id["truncated"]["weeks"]] == [True] * 4 + [False]
    # code-helper is cut off more often since three weeks
    assert [w["against_baseline"] for w in by_id["truncated"]["weeks"]][2:4] == ["above", "above"]
    assert by_id["pii"]["weeks"][0]["against_baseline"] == "above"
    assert {c["id"] for c in told["not_measured"]} >= {"harm", "toxicity"}
    language, service = told["groups"]
    clear = {(d["category"], d["group"]) for d in language["differences"] if d["clear"] and d["low"] > 0}
    assert {("refusal", "fr"), ("refusal", "ja")} <= clear
    assert {d["group"] for d in service["differences"]} == {made.service for made in world.FLEET}
    assert ("truncated", "code-helper") in {
        (d["category"], d["group"]) for d in service["differences"] if d["clear"]
    }


def test_incidents_and_changes_of_the_period_are_in_it_and_no_others(make: Make) -> None:
    told = make()
    fired = told["incidents"]
    assert fired["fired"] == fired["read"] == len(fired["list"]) > 0
    assert sum(e["n"] for e in fired["by_ending"]) == fired["pages"] + fired["tickets"]
    assert {"support-bot", "claims-triage"} <= {i["service"] for i in fired["list"]}
    assert all(
        PERIOD.from_s <= datetime.fromisoformat(i["fired"]).timestamp() < PERIOD.to_s for i in fired["list"]
    )
    changes = {(c["kind"], c["value"], c["known_from"]) for c in told["changes"]}
    assert ("prompt_version", "v18", "traffic") in changes
    assert ("release", "7.4.1", "incident") in changes
    assert not [c for c in told["changes"] if c["value"] == "v17"]  # it was there before
    before = make(period=Weeks(PERIOD.from_s - 28 * DAY_S, PERIOD.from_s))
    assert (before["incidents"]["fired"], before["changes"]) == (0, [])


def test_one_service_is_told_of_alone(make: Make) -> None:
    told = make(period=replace(PERIOD, service="support-bot"))
    assert {s["service"] for s in told["services"]} == {"support-bot"}
    assert {i["service"] for i in told["incidents"]["list"]} == {"support-bot"}
    assert [g["by"] for g in told["groups"]] == ["language"]
    assert "claims-triage" not in page(told)


def test_another_tenant_has_a_report_of_nothing(make: Make) -> None:
    told = make(tenant="other")
    assert (told["interactions"], told["categories"], told["incidents"]["fired"]) == (0, [], 0)
    said = page(told)
    assert "No interaction was counted in this period." in said
    assert "support-bot" not in said


@pytest.mark.long
def test_the_same_rows_give_the_same_bytes(make: Make, database: StoreSettings) -> None:
    told = make()
    client = connect(database)
    world.fill(client, lineage="demo-1")  # once more: every row replaces itself
    again = make()
    for table in ("days", "cells", "interactions", "incidents"):
        client.command(f"OPTIMIZE TABLE {table} FINAL")
    client.close()
    merged = make()
    assert as_json(told) == as_json(again) == as_json(merged)
    assert page(told) == page(again) == page(merged)


def test_every_number_of_the_page_is_one_of_its_json(make: Make) -> None:
    told = json.loads(as_json(make()))
    assert page(told) == page(make())


def test_what_tries_to_be_more_than_text_stays_text(make: Make) -> None:
    told = make("hostile-1", Weeks(NOW_S - 2 * DAY_S, NOW_S + 60))
    assert {s["service"] for s in told["services"]} == {world_hostile.NAME, BIDI}
    assert world_hostile.SLICE.partition("=")[2] in {d["group"] for d in told["groups"][0]["differences"]}
    assert "=CMD()|!A1" in {c["value"] for c in told["changes"]}
    said = page(told)
    assert "javascript:alert(1)" in html.unescape(said)  # as text
    elements = set(re.findall(r"<([a-z!/][a-z0-9]*)", said))
    assert not {name.strip("/") for name in elements} & {"img", "script", "a", "b", "iframe", "link", "i"}
    assert not re.search(r"<[^>]*\son\w+=", said)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b]", said)
    assert as_json(told).isascii()


def test_the_command_writes_both_files_and_says_so(
    database: StoreSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make: Make,
) -> None:
    for name, value in environment(database, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LIGHTSHIP_KAFKA", "127.0.0.1:9")  # nothing is asked of it
    out = tmp_path / "report.html"

    def run(*more: str) -> tuple[int, str]:
        words = ["report", "--from", "2026-02-16", "--to", "2026-03-17", "--out", str(out), *more]
        with pytest.raises(SystemExit) as ended:
            lightship.main(words)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    code, said = run("--lineage", "demo-1", "--json")
    assert code == 0, said
    written = json.loads(said)
    told = json.loads((tmp_path / "report.json").read_bytes())
    assert written["interactions"] == told["interactions"] == make()["interactions"]
    assert told["schema"] == "lightship.report/1"
    assert out.read_text(encoding="utf-8") == page(told)
    assert " incidents" in run("--lineage", "demo-1", "--service", "claims-triage")[1]
    for more, why in (
        (("--to", "2026-02-01"), "the first one first"),
        (("--to", "soon"), "expected a day such as"),
        (("--out", "report.pdf"), "ends in .html"),
        (("--out", str(tmp_path / "no" / "x.html")), "cannot write"),
        (
            (
                "--to",
                (datetime.now(UTC) + timedelta(days=1)).date().isoformat(),
                "--from",
                (datetime.now(UTC) - timedelta(days=3)).date().isoformat(),
            ),
            "is not over",
        ),
    ):
        code, said = run(*more)
        assert code == 2, said
        assert why in said
