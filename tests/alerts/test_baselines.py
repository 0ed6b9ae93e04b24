"""Levels as a proposal: compared with other services, and accepted through the API with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from alerts.api import http_api
from alerts.api.baselines import BaselinesApi
from alerts.baselines.proposal import LearnedBaseline, proposals
from alerts.briefs.brief import Links
from alerts.commands.baselines_command import show_accepted, show_list
from alerts.errors import Unavailable
from alerts.incident_service import IncidentService
from alerts.metrics import Metrics
from alerts.state.ports import Setup
from detectors.baselines.adopt import profile_in, unpack
from detectors.baselines.proposal import BEYOND, BY_PERSON, PROPOSED
from detectors.engine import snapshot
from detectors.observation import Control, decode, encode
from detectors.scorers import SPECS
from tests.alerts.invented import TIMING
from tests.alerts.memory import HandClock, MemoryPost, MemoryStore
from tests.detectors.test_traffic import message
from tests.detectors.traffic import DAY, START, World, config, watch

TOKEN = "invented-token-of-thirty-characters"
CHAT = LearnedBaseline(
    "default", "live", "production", "harbour-chat", "interaction", "refusal", 1, "all", "flag", "watching",
    "aa11", "learned", 0.04, 0.03, 0.05, 9_000, 360, 0.02, BEYOND, "", "", None, 0.03, 0.01, "rate",
)  # fmt: skip
SEARCH = replace(CHAT, service="search", level=0.01, verdict=PROPOSED, version="bb22")
BILLING = replace(CHAT, service="billing", level=0.02, verdict=BY_PERSON, accepted_by="Bo", version="cc33")
LENGTH = replace(CHAT, score="output_length", level=400.0, kind="positive", version="dd44", examples=None)
SPANISH = replace(CHAT, slice="language=es", version="ee55")


@dataclass
class Bench:
    """The application over levels in memory; what was sent to the observation log."""

    known: tuple[LearnedBaseline, ...] = (CHAT, SEARCH, BILLING, LENGTH, SPANISH)
    sent: list[Control] = field(default_factory=list)
    answers: bool = True
    snapshots: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        desk = IncidentService(
            Setup(TIMING, lambda _: (), Links()),
            MemoryStore(),
            MemoryPost(),
            lambda *_: None,
            HandClock(),
            Metrics(),
        )
        people = BaselinesApi(self, self.send, 300)
        app = http_api.build(desk, lambda *_: [], list, Metrics(), TOKEN, levels=people)
        self.client = TestClient(
            app, base_url="http://127.0.0.1:4320", headers={"authorization": f"Bearer {TOKEN}"}
        )

    def baselines(self, tenant: str, lineage: str, *, slices: bool) -> list[LearnedBaseline]:
        if not self.answers:
            raise Unavailable("no store")
        return [
            one
            for one in self.known
            if (one.tenant, one.lineage) == (tenant, lineage) and (slices or one.slice == "all")
        ]

    def shard_snapshots(self) -> list[bytes]:
        return self.snapshots

    def send(self, records: Sequence[Control]) -> None:
        self.sent += [m for m in (decode(encode(r)) for r in records) if isinstance(m, Control)]

    def accept(self, **named: Any) -> Any:
        body = {"service": "harbour-chat", "actor": "Ada", "reason": "a strict assistant", **named}
        return self.client.post("/baselines/accept", json={k: v for k, v in body.items() if v is not None})


def test_a_level_is_shown_beside_those_of_other_services() -> None:
    rows = Bench().client.get("/baselines", params={"score": "refusal"}).json()["baselines"]
    assert [(r["service"], r["verdict"], r["others"]) for r in rows] == [
        ("harbour-chat", BEYOND, 2),
        ("search", PROPOSED, 2),
        ("billing", BY_PERSON, 2),
    ]
    assert rows[0]["gap"] == pytest.approx(0.04 - 0.015)
    assert (rows[0]["examples"], rows[0]["limit"], rows[0]["detectable_1d"]) == (360, 0.02, 0.03)
    (alone,) = proposals([LENGTH, CHAT], [LENGTH])
    assert (alone.gap, alone.others) == (None, 0)
    shown = show_list({"baselines": rows})
    assert "0.04 (0.03-0.05)" in shown
    assert "accepted by Bo" in shown
    assert "360 of 9000" in shown
    assert "learn" in show_list({"baselines": []})


def test_accepting_sends_the_version_that_was_seen_for_what_is_not_fine_yet() -> None:
    bench = Bench()
    answer = bench.accept()
    assert answer.json()["accepted"] == ["refusal in all", "output_length in all"]
    assert [(r.action, r.body["score"], r.body["version"]) for r in bench.sent] == [
        ("accept_level", "refusal", "aa11"),
        ("accept_level", "output_length", "dd44"),
    ]
    assert bench.sent[0].key.text() == "default/live/production/harbour-chat"
    assert bench.sent[0].body["reason"] == "a strict assistant"
    assert bench.accept(service="billing").json()["accepted"] == []
    assert "fine already" in show_accepted({"accepted": []})
    bench.sent.clear()
    assert bench.accept(score="refusal", slice="*").json()["accepted"] == [
        "refusal in all",
        "refusal in language=es",
    ]


@pytest.mark.parametrize(
    ("named", "status", "words"),
    [
        ({"reason": None}, 422, "needs a reason"),
        ({"actor": ""}, 422, "name of a person"),
        ({"service": None}, 409, "name the service"),
        ({"service": "unknown"}, 409, "still be learning"),
        ({"version": "old"}, 409, "not version old any more"),
        ({"score": 3}, 422, "texts"),
        ({"colour": "red"}, 422, "nothing else"),
    ],
)
def test_what_cannot_be_accepted_is_refused_in_words(named: dict[str, Any], status: int, words: str) -> None:
    bench = Bench()
    answer = bench.accept(**named)
    assert (answer.status_code, words in answer.json()["error"]) == (status, True)
    assert bench.sent == []


def test_only_who_has_the_token_and_only_while_the_store_answers() -> None:
    bench = Bench()
    wrong = {"authorization": "Bearer wrong"}
    assert bench.client.get("/baselines", headers=wrong).status_code == 401
    assert bench.client.post("/baselines/accept", headers=wrong, json={}).status_code == 401
    assert bench.client.get("/baselines", params={"colour": "red"}).status_code == 400
    assert bench.client.post("/baselines/forget", json={}).status_code == 404
    bench.answers = False
    assert bench.accept().status_code == 503
    assert bench.client.get("/baselines").status_code == 503


def test_a_service_adopts_what_an_import_learned() -> None:
    bench = Bench()
    calls = {name: spec for name, spec in SPECS.items() if spec.unit == "interaction"}
    watcher, _ = watch(World(seed=1, per_day=60, days=14.1), config(specs=calls))
    for minute in range(0, 14 * DAY, 24):
        watcher.observe(message(START + minute, 1), 0)
    watcher.pass_time(START + 14 * DAY, 0)
    state, arrays = watcher.state()
    facts = {"watchers": {watcher.key.text(): [0, state]}}
    bench.snapshots = [snapshot.pack(facts, {f"0.{name}": array for name, array in arrays.items()})]
    body = {"service": "desk", "environment": "production", "from": watcher.key.lineage, "actor": "Ada"}
    assert bench.client.post("/baselines/adopt", json=body).status_code == 422  # without a reason
    answer = bench.client.post("/baselines/adopt", json={**body, "reason": "the same prompts"})
    assert answer.status_code == 200, answer.text
    assert "refusal in all" in answer.json()["adopted"]
    assert "calls by hour of the week" in answer.json()["adopted"]
    (record,) = bench.sent
    assert (record.action, record.key.text()) == ("adopt", "default/live/production/desk")
    assert {one.key.score for one in unpack(record.body["baselines"])} >= {"refusal", "secrets"}
    profile = profile_in(record.body["baselines"])
    assert profile is not None
    assert profile.per_minute.mean() == pytest.approx(60 / DAY, rel=0.2)
    for wrong, words in (
        ({"from": "import-9"}, "no service 'desk' in lineage 'import-9'"),
        ({"from": "live"}, "another one"),
        ({"from_service": "other"}, "no service 'other'"),
    ):
        refused = bench.client.post("/baselines/adopt", json={**body, "reason": "x", **wrong})
        assert (refused.status_code, words in refused.json()["error"]) == (409, True)


def test_a_boundary_is_announced_at_its_tick() -> None:
    bench = Bench()
    body = {"service": "harbour-chat", "at": "2026-03-17T04:05:00Z", "actor": "Ada", "reason": "release 7"}
    answer = bench.client.post("/baselines/expect", json={**body, "scores": "refusal, output_length"})
    assert answer.json()["expected"]["scores"] == ["refusal", "output_length"]
    (record,) = bench.sent
    assert (record.action, record.tick) == ("expect", 1773720300 // 300)
    wrong = bench.client.post("/baselines/expect", json={**body, "at": "tomorrow"})
    assert (wrong.status_code, "2026-03-17T04:05:00Z" in wrong.json()["error"]) == (409, True)
