"""The API: who may, what is asked for, and what is refused with which words."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from alerts.access.keys import FILE, is_allowed, read_token
from alerts.allow_rules.rule import requested_rule
from alerts.api import http_api
from alerts.briefs.brief import Links
from alerts.errors import Unavailable, Unstorable
from alerts.faults import Faults
from alerts.incident_service import IncidentService
from alerts.incidents.incident import Incident
from alerts.metrics import METRICS, Metrics
from alerts.repository.incidents import Moment
from alerts.state.ports import Message, Setup, Source
from detectors.finding import Finding, rfc3339
from infra.clock import NS_PER_S, to_datetime
from infra.errors import Misconfigured
from tests.alerts.invented import TIMING, lengths, refusals
from tests.alerts.memory import HandClock, MemoryPost, MemoryStore

TOKEN = "invented-token-of-thirty-characters"
FINDINGS: tuple[Finding, ...] = (
    refusals(),
    lengths(service="billing-bot"),
    lengths(lineage="demo-1", tenant="b"),
)


class Bench:
    """The application over a desk in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.metrics = Metrics()
        self.problems: list[str] = []
        self.clock = HandClock()
        setup = Setup(TIMING, lambda _: ("hook",), Links())
        self.desk = IncidentService(
            setup, self.store, MemoryPost(), lambda *_: None, self.clock, self.metrics
        )
        self.desk.load()
        self.desk.apply(
            [Message(Source("findings", 0, k), f.to_json().encode()) for k, f in enumerate(FINDINGS)]
        )
        self.ended: list[str] = []
        self.faults = Faults(self.clock)
        app = http_api.build(
            self.desk,
            self.history,
            lambda: self.problems,
            self.metrics,
            TOKEN,
            clock=self.clock,
            condition=http_api.Condition(lambda: self.ended, self.faults.texts),
        )
        self.client = TestClient(
            app, base_url="http://127.0.0.1:4320", headers={"authorization": f"Bearer {TOKEN}"}
        )

    def history(self, tenant: str, incident_id: str) -> list[Moment]:
        if not self.store.answers:
            raise Unavailable("no store")
        rows = [r for (i, _), (r, _) in sorted(self.store.transitions.items()) if i == incident_id]
        assert all(r.incident.place.tenant == tenant for r in rows)
        return [
            Moment(
                r.seq,
                r.at_ns // 1000,
                r.what,
                r.incident.state,
                "breach",
                None,
                "page",
                r.actor,
                r.reason,
                None,
            )
            for r in rows
        ]

    def incident(self) -> Incident:
        return next(i for i in self.desk.all() if i.score == "refusal")

    def post(self, action: str, body: Any, incident_id: str | None = None) -> Any:
        return self.client.post(
            f"/incidents/{incident_id or self.incident().incident_id}/{action}", json=body
        )


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    with bench.client:
        yield bench


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ({}, 3),
        ({"tenant": "b"}, 1),
        ({"lineage": "live"}, 2),
        ({"service": "billing-bot"}, 1),
        ({"state": "open"}, 3),
        ({"state": "resolved"}, 0),
        ({"lineage": "live", "state": "firing", "environment": "production"}, 2),
        ({"environment": "staging"}, 0),
    ],
)
def test_filters(bench: Bench, query: dict[str, str], n: int) -> None:
    answer = bench.client.get("/incidents", params=query).json()
    assert (answer["total"], len(answer["incidents"])) == (n, n)


def test_a_listed_incident_says_what_happened_without_its_insides(bench: Bench) -> None:
    rows = bench.client.get("/incidents", params={"limit": 1}).json()
    assert (rows["total"], len(rows["incidents"])) == (3, 1)
    row = bench.client.get("/incidents", params={"service": "support-assistant", "lineage": "live"}).json()
    (one,) = row["incidents"]
    assert one["headline"].startswith("support-assistant: ")
    assert one["slice"] == "language=es"
    assert "exact" not in one


@pytest.mark.parametrize("query", [{"state": "sad"}, {"limit": "0"}, {"limit": "x"}, {"colour": "red"}])
def test_a_filter_that_cannot_be_is_named(bench: Bench, query: dict[str, str]) -> None:
    answer = bench.client.get("/incidents", params=query)
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_one_incident_has_brief_and_history(bench: Bench) -> None:
    incident_id = bench.incident().incident_id
    whole = bench.client.get(f"/incidents/{incident_id}").json()
    assert whole["brief"]["incident_id"] == incident_id
    assert [m["what"] for m in whole["history"]] == ["opened", "fired"]
    bench.store.answers = False
    assert bench.client.get(f"/incidents/{incident_id}").json()["history"] is None
    assert bench.client.get("/incidents/ffffffffffffffff").status_code == 404


@pytest.mark.parametrize(
    ("action", "state", "ending"),
    [
        ("acknowledge", "firing", None),
        ("false-alarm", "resolved", "false_alarm"),
        ("accept", "resolved", "accepted"),
        ("note", "firing", None),
        ("hold", "firing", None),
    ],
)
def test_actions(bench: Bench, action: str, state: str, ending: str | None) -> None:
    answer = bench.post(action, {"actor": "ana", "reason": "because"})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["ending"]) == (state, ending)


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("accept", {"actor": "ana"}, 422),
        ("note", {"actor": "ana", "reason": "  "}, 422),
        ("acknowledge", {"actor": "  "}, 422),
        ("acknowledge", {"actor": "detector"}, 422),
        ("acknowledge", {"actor": "a" * 101}, 422),
        ("acknowledge", {"actor": 7}, 422),
        ("acknowledge", {"actor": "ana", "reason": "r" * 1001}, 422),
        ("acknowledge", {"actor": "ana", "reason": ["x"]}, 422),
        ("acknowledge", {"actor": "ana", "severity": "page"}, 422),
        ("acknowledge", ["ana"], 422),
        ("acknowledge", {"actor": "ana", "reason": "r" * 20_000}, 413),
        ("hold", {"actor": "ana"}, 422),
        ("silence", {"actor": "ana"}, 404),
    ],
)
def test_what_is_refused_changes_nothing(bench: Bench, action: str, body: Any, status: int) -> None:
    before = bench.desk.all()
    assert bench.post(action, body).status_code == status
    assert bench.desk.all() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"score": "refusal", "lasts": "2h", "actor": "ana"}, 422),
        ({"score": "refusal", "lasts": "2h", "reason": "x"}, 422),
        ({"score": "refusal", "actor": "ana", "reason": "x"}, 422),
        ({"score": "refusal", "lasts": "-2h", "actor": "ana", "reason": "x"}, 422),
        ({"score": "refusal", "lasts": "1e9d", "actor": "ana", "reason": "x"}, 409),
        ({"score": ["refusal"], "lasts": "2h", "actor": "ana", "reason": "x"}, 422),
        ({"colour": "red", "lasts": "2h", "actor": "ana", "reason": "x"}, 422),
        ({"lasts": "2h", "actor": "ana", "reason": "x"}, 409),
    ],
)
def test_a_silence_that_is_refused_changes_nothing(bench: Bench, body: Any, status: int) -> None:
    before = bench.desk.all()
    answer = bench.client.post("/silences", json=body)
    assert (answer.status_code, "error" in answer.json()) == (status, True)
    assert (bench.desk.all(), bench.desk.silences()) == (before, ())


def test_silences_are_made_listed_and_lifted(bench: Bench) -> None:
    said = {"actor": "ana", "reason": "because"}
    made = bench.client.post("/silences", json={"service": "billing-*", "lasts": "2h", **said})
    assert (made.status_code, len(made.json()["covers"])) == (201, 1)
    silence = made.json()["silence"]
    assert bench.client.get("/silences").json()["silences"] == [silence]
    assert bench.client.get("/silences", params={"tenant": "b"}).json()["silences"] == []
    assert bench.client.get("/silences", params={"state": "sad"}).status_code == 400
    url = f"/silences/{silence['silence_id']}/lift"
    assert bench.client.post(url, json={"actor": "ana"}).status_code == 422
    assert bench.client.post(url, json=said).json()["silence"]["ended_by"] == "ana"
    assert bench.client.post(url, json=said).status_code == 409
    assert bench.client.post("/silences/ffffffffffffffff/lift", json=said).status_code == 404
    assert bench.client.get("/silences").json()["silences"] == []
    assert len(bench.client.get("/silences", params={"state": "all"}).json()["silences"]) == 1


def test_a_body_that_is_not_json(bench: Bench) -> None:
    url = f"/incidents/{bench.incident().incident_id}/acknowledge"
    assert bench.client.post(url, content=b"{").status_code == 400
    assert bench.client.post(url, content=b"[" * 9000).status_code == 400


def test_an_action_on_what_is_over_is_a_conflict_and_on_nothing_not_found(bench: Bench) -> None:
    said = {"actor": "ana", "reason": "because"}
    bench.post("accept", said)
    assert bench.post("accept", said).status_code == 409
    assert bench.post("note", said).status_code == 200
    assert bench.post("note", said, "ffffffffffffffff").status_code == 404


def test_undo_says_what_it_took_back_and_what_stays(bench: Bench) -> None:
    bench.clock.sleep(7200)
    body = {"actor": "ana", "reason": "example keys"}
    rule = requested_rule(
        "default",
        {"secrets": "[openai_key:*]", "service": "*"},
        **body,
        now_ns=bench.clock.now_ns(),
        lasts_s=99,
    )
    bench.desk.allow(rule)
    bench.clock.sleep(1)
    assert bench.post("false-alarm", body).status_code == 200
    undone = bench.post("undo", {"actor": "bo"}).json()["undone"]
    assert (undone["act"], undone["actor"], undone["ending"]) == ("resolved", "ana", "false_alarm")
    assert undone["allow_rules"] == [rule.rule_id]
    assert "undone" not in bench.post("note", body).json()


def test_undo_is_refused_where_a_silence_was_the_last_act(bench: Bench) -> None:
    bench.clock.sleep(7200)
    bench.post("acknowledge", {"actor": "ana"})
    bench.clock.sleep(1)
    asked = {"service": "support*", "lasts": "2h", "actor": "bo", "reason": "maintenance"}
    silence_id = bench.client.post("/silences", json=asked).json()["silence"]["silence_id"]
    answer = bench.post("undo", {"actor": "bo"})
    assert (answer.status_code, f"lift {silence_id}" in answer.json()["error"]) == (409, True)
    bench.client.post(f"/silences/{silence_id}/lift", json={"actor": "bo", "reason": "over"})
    assert bench.post("undo", {"actor": "bo"}).json()["undone"]["act"] == "acknowledged"


def test_without_the_store_nothing_is_changed_and_503(bench: Bench) -> None:
    bench.store.answers = False
    answer = bench.post("acknowledge", {"actor": "ana"})
    assert answer.status_code == 503
    assert bench.incident().acknowledged_by is None


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer ü"]
)
def test_without_the_token_nothing_is_told(bench: Bench, header: str | None) -> None:
    headers = {b"authorization": (header or "").encode()}
    for url in ("/silences", "/incidents", f"/incidents/{bench.incident().incident_id}"):
        assert bench.client.get(url, headers=headers).status_code == 401
    for url in (f"/incidents/{bench.incident().incident_id}/acknowledge", "/silences", "/silences/x/lift"):
        assert bench.client.post(url, json={"actor": "ana"}, headers=headers).status_code == 401


def test_a_foreign_host_is_refused(bench: Bench) -> None:
    assert bench.client.get("/incidents", headers={"host": "rebound.example"}).status_code == 421


def test_health_needs_no_token_and_says_what_is_missing(bench: Bench) -> None:
    bare = {"authorization": ""}
    assert bench.client.get("/healthz", headers=bare).status_code == 200
    assert bench.client.get("/readyz", headers=bare).status_code == 200
    bench.problems = ["no ClickHouse"]
    answer = bench.client.get("/readyz", headers=bare)
    assert (answer.status_code, answer.json()["problems"]) == (503, ["no ClickHouse"])
    text = bench.client.get("/metrics", headers=bare).text
    assert "lightship_alerts_findings_total 3\n" in text
    assert "lightship_alerts_incidents_open 3\n" in text
    assert 'lightship_alerts_open_incidents{severity="page",state="firing"}' in text
    assert "support-assistant" not in text
    assert text.count("# TYPE") == len(METRICS) + 2


def test_the_token_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    token = read_token(tmp_path)
    assert len(token) >= 32
    assert [p.name for p in (tmp_path / FILE).parent.iterdir()] == [FILE.name]
    assert read_token(tmp_path) == token
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert is_allowed(f"Bearer {token}", token)
    assert not is_allowed(f"Bearer {token[:-1]}", token)


def test_a_token_that_protects_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text("short")
    with pytest.raises(Misconfigured, match="delete it"):
        read_token(tmp_path)


def test_how_being_on_call_was_is_told_for_as_many_days_as_are_asked_for(bench: Bench) -> None:
    report = bench.client.get("/oncall", params={"days": "390"}).json()
    fired = [i for i in bench.desk.all() if i.place.lineage == "live" and i.severity == "page"]
    assert (report["days"], report["pages"], report["waiting"]) == (390.0, 1, [fired[0].incident_id])
    bench.clock.sleep(7200)
    bench.post("acknowledge", {"actor": "ana"})
    assert bench.client.get("/oncall", params={"days": "390"}).json()["acted_on"]["n"] == 1
    for days in ("0", "500", "x", "nan", "inf"):
        answer = bench.client.get("/oncall", params={"days": days})
        assert (answer.status_code, days in answer.json()["error"]) == (400, True)
    assert bench.client.get("/oncall", headers={"authorization": "Bearer x"}).status_code == 401


def test_a_silence_may_begin_later(bench: Bench) -> None:
    said = {"actor": "ana", "reason": "upgrade", "service": "billing-*", "lasts": "2h"}
    soon = rfc3339(to_datetime(bench.clock.now_ns() + 3600 * NS_PER_S))
    made = bench.client.post("/silences", json={**said, "begins": soon})
    assert (made.status_code, made.json()["covers"]) == (201, [])
    assert (made.json()["silence"]["begins_at"], made.json()["silence"]["begun"]) == (soon, False)
    for begins, status in (("2020-01-01T00:00:00Z", 409), ("2026-11-27T09:30:00", 422), ("soon", 422)):
        assert bench.client.post("/silences", json={**said, "begins": begins}).status_code == status


def test_a_thread_that_has_ended_is_no_life_and_what_was_set_aside_no_lack_of_readiness(bench: Bench) -> None:
    bench.faults.note("findings", KeyError("a text of a user"), "findings/0/17")
    ready = bench.client.get("/readyz")
    assert ready.status_code == 200
    (line,) = ready.json()["set_aside"]
    assert line.startswith("findings failed once, last with KeyError")
    assert "a text" not in line
    assert bench.client.get("/healthz").status_code == 200
    bench.ended.append("the thread sender-hook has ended")
    alive = bench.client.get("/healthz")
    assert alive.status_code == 503
    assert alive.json()["problems"] == ["the thread sender-hook has ended"]


def test_values_that_no_row_can_hold_are_refused_with_the_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise Unstorable("ClickHouse takes no row of silences with these values")

    monkeypatch.setattr(bench.store, "store", refuses)
    answer = bench.post("acknowledge", {"actor": "ana"})
    assert answer.status_code == 422
    assert "nothing was changed" in answer.json()["error"]
