"""Rules that people add: through the API, stored before detection is told, told again at a start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from alerts.access.typed_text import TypedText
from alerts.api.request import Refused, refuse
from alerts.api.rules import RuleApi, Rules
from alerts.errors import NotPossible, Unavailable
from alerts.rules.added_rule import AddedRule, check_rules, read
from detectors.declared_limits import Limit, declared
from detectors.finding import SEVERAL
from detectors.observation import Control, ServiceKey, decode, encode
from detectors.rule_watch.service_rules import MOST_ADDED
from detectors.rules import Rule
from detectors.service_patterns import matches
from detectors.slo import Slo
from infra.errors import Misconfigured
from infra.rule_section import RuleSettings
from infra.sections import LimitSettings, SloSettings
from infra.settings import CustomScoreSettings, ReceiverSettings, ScorerSettings, Settings
from tests.alerts.memory import HandClock

TOML = """[[rule]]
score = "refusal"
measure = "rate"
op = ">"
limit = 0.25
services = ["shop"]
"""
WHO = {"actor": "ada", "reason": "the vendor promised it"}
TOKEN = "invented-token-of-the-service"
KEY = ServiceKey("default", "live", "", "shop")


@dataclass
class Kept:
    """A store, detection and an audit that can each be away."""

    rules: dict[tuple[ServiceKey, str], AddedRule] = field(default_factory=dict)
    told: list[Control] = field(default_factory=list)
    audited: list[dict[str, Any]] = field(default_factory=list)
    away: str = ""

    def services(self) -> list[ServiceKey]:
        return [KEY, replace(KEY, environment="production"), replace(KEY, tenant="b")]

    def added_rules(self) -> list[AddedRule]:
        self._check("store")
        return list(self.rules.values())

    def put_rule(self, added: AddedRule) -> None:
        self._check("store")
        self.rules[added.place, added.rule.rule_id] = added

    def send(self, records: Sequence[Control]) -> None:
        self._check("log")
        self.told += [decode(encode(record)) for record in records]  # type: ignore[misc]

    def audit(self, _: str, entry: dict[str, Any]) -> None:
        self.audited.append(entry)

    def _check(self, what: str) -> None:
        if self.away == what:
            raise Unavailable(f"no {what}")


class Bench:
    def __init__(self, settings: Settings) -> None:
        self.kept = Kept()
        self.rules = Rules(self.kept, self.kept.send, self.kept.audit, settings, HandClock())
        api = RuleApi(self.rules, TOKEN)
        routes = [
            Route("/rules", api.listed),
            Route("/rules", api.added, methods=["POST"]),
            Route("/rules/apply", api.applied, methods=["POST"]),
            Route("/rules/{rule_id}/remove", api.removed, methods=["POST"]),
        ]
        app = Starlette(routes=routes, exception_handlers={Refused: refuse})
        app.state.typed = TypedText.under_random_keys()
        self.client = TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"})

    def add(self, toml: str = TOML, **more: str) -> Any:
        return self.client.post("/rules", json={"toml": toml, **WHO, **more})

    def listed(self, **asked: str) -> list[Any]:
        rules: list[Any] = self.client.get("/rules", params=asked).json()["rules"]
        return rules


@pytest.fixture
def bench() -> Bench:
    return Bench(Settings())


def test_a_rule_is_added_listed_told_and_removed(bench: Bench) -> None:
    made = bench.add(role="admin")
    assert made.status_code == 201
    rule = made.json()["rule"]
    assert (rule["service"], rule["text"]) == (
        "shop",
        "refusal: rate over 30 min > 0.25 (of at least 20)",
    )
    assert bench.listed() == [rule]
    assert [(c.key, c.action) for c in bench.kept.told] == [(KEY, "rule")]
    assert Rule.of(bench.kept.told[0].body["rule"]).rule_id == rule["rule_id"]
    gone = bench.client.post(f"/rules/{rule['rule_id']}/remove", json=WHO | {"service": "shop"}).json()
    assert [one["ended_by"] for one in gone["removed"]] == ["ada"]
    assert bench.listed() == []
    assert [one["ended_reason"] for one in bench.listed(state="all")] == [WHO["reason"]]
    assert (bench.kept.told[-1].action, bench.kept.told[-1].body["rule_id"]) == ("rule_over", rule["rule_id"])
    entries = [(e["action"], e["actor"], e["role"]) for e in bench.kept.audited]
    assert entries == [("rule", "ada", "admin"), ("rule_removed", "ada", None)]
    assert bench.add().json()["rule"]["ended_at"] is None  # and may be added again


def test_the_same_rule_again_is_the_one_there_is_and_of_another_environment_another(bench: Bench) -> None:
    first = bench.add().json()
    assert bench.add(actor="bob").json() == first
    assert bench.add(environment="production").json() != first
    assert bench.add(tenant="b").json()["rule"]["tenant"] == "b"
    assert [one["environment"] for one in bench.listed(tenant="default")] == ["", "production"]


def test_a_tenant_removes_its_own_alone(bench: Bench) -> None:
    rule_id = bench.add().json()["rule"]["rule_id"]
    url = f"/rules/{rule_id}/remove"
    assert bench.client.post(url, json=WHO | {"tenant": "b"}).status_code == 404
    assert len(bench.listed()) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"reason": ""}, 422),
        ({"environment": "staging"}, 409),
        ({"lineage": "import-1"}, 409),
        ({"toml": TOML.replace("shop", "shopp")}, 409),
        ({"actor": ""}, 422),
        ({"toml": "x" * 4001}, 422),
        ({"toml": ""}, 409),
        ({"toml": "[[rule]"}, 409),
        ({"toml": TOML + TOML}, 409),
        ({"toml": TOML + "[store]\n"}, 409),
        ({"toml": TOML.replace("refusal", "refusals")}, 409),
        ({"toml": TOML.replace("0.25", '"much"')}, 409),
        ({"toml": TOML.replace("rate", "quantile") + 'slice = "language=es"\n'}, 409),
        ({"toml": TOML + "window_s = 301\n"}, 409),
        ({"toml": TOML.replace('["shop"]', '["shop", "shop2"]')}, 409),
        ({"toml": TOML.replace('["shop"]', '["shop*"]')}, 409),
        ({"toml": TOML.replace('["shop"]', "[]")}, 409),
        ({"toml": TOML + 'receivers = ["chat"]\n'}, 409),
    ],
)
def test_what_is_refused_changes_nothing(bench: Bench, body: dict[str, str], status: int) -> None:
    answer = bench.client.post("/rules", json={"toml": TOML, **WHO, **body})
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
    assert (bench.kept.rules, bench.kept.told, bench.kept.audited) == ({}, [], [])


def test_a_name_with_wildcards_in_it_is_one_service() -> None:
    service, rule = read(TOML.replace("shop", "a[[]b[*]"), Settings())
    assert service == "a[b*"
    assert rule.is_for(service)
    assert not rule.is_for("abc")


def test_a_name_that_holds_a_redacted_value_is_one_service() -> None:
    service, rule = read(TOML.replace("shop", "shop of [email:3f2a]"), Settings())
    assert service == "shop of [email:3f2a]"
    assert rule.is_for(service)
    assert not rule.is_for("shop of e")
    with pytest.raises(NotPossible, match="must name one service"):
        read(TOML.replace("shop", "shop of [email:*]"), Settings())
    assert matches("shop of [email:3f2a]", ["shop of [email:*]"])
    assert declared([Limit("refusal", 0.1, ("a[1]",))], "a[1]", "refusal") == 0.1
    assert Slo("refusal", 0.99, services=("a[1]",)).is_for("a[1]")


def test_an_added_rule_names_receivers_that_there_are() -> None:
    settings = Settings(receiver=(ReceiverSettings("chat"),))
    _, rule = read(TOML + 'receivers = ["chat"]\n', settings)
    assert rule.receivers == ("chat",)
    with pytest.raises(NotPossible, match="unknown receiver in rule\\[0\\]: 'caht', did you mean 'chat'"):
        read(TOML + 'receivers = ["caht"]\n', settings)


def test_what_the_settings_have_is_theirs(bench: Bench) -> None:
    told = RuleSettings("refusal", "rate", ">", 0.25, services=("shop",), severity="page")
    answer = Bench(replace(Settings(), rule=(told,))).add()
    assert (answer.status_code, answer.json()["error"]) == (409, "lightship.toml has this rule already")


@pytest.mark.parametrize(("away", "kept"), [("store", 0), ("log", 1)])
def test_what_does_not_answer_is_said_and_asking_again_is_safe(bench: Bench, away: str, kept: int) -> None:
    bench.kept.away = away
    assert bench.add().status_code == 503
    assert len(bench.kept.rules) == kept
    bench.kept.away = ""
    assert bench.add().status_code == 201
    assert len(bench.kept.told) == 1


def test_a_removal_that_failed_halfway_is_completed_when_asked_for_again(bench: Bench) -> None:
    url = f"/rules/{bench.add().json()['rule']['rule_id']}/remove"
    bench.kept.away = "log"
    assert bench.client.post(url, json=WHO).status_code == 503
    bench.kept.away = ""
    again = bench.client.post(url, json=WHO | {"actor": "bob"})
    assert [one["ended_by"] for one in again.json()["removed"]] == ["ada"]
    assert [c.action for c in bench.kept.told] == ["rule", "rule_over"]
    assert [entry["action"] for entry in bench.kept.audited] == ["rule", "rule_removed"]


def test_a_start_tells_again_what_may_have_been_missed(bench: Bench) -> None:
    rule_id = bench.add().json()["rule"]["rule_id"]
    bench.kept.away = "log"
    assert bench.client.post(f"/rules/{rule_id}/remove", json=WHO).status_code == 503
    bench.kept.away = ""
    bench.kept.told.clear()
    bench.rules.resend()
    assert [c.action for c in bench.kept.told] == ["rule_over"]
    bench.add()
    bench.kept.told.clear()
    bench.rules.resend()
    assert [c.action for c in bench.kept.told] == ["rule"]


def test_a_service_takes_only_so_many(bench: Bench) -> None:
    for n in range(MOST_ADDED):
        assert bench.add(TOML + f"least_n = {n + 1}\n").status_code == 201
    assert bench.add(TOML + "least_n = 5000\n").status_code == 409


@pytest.mark.parametrize("header", ["", "Bearer wrong"])
def test_without_the_token_nothing_is_told_or_done(bench: Bench, header: str) -> None:
    headers = {"Authorization": header}
    assert bench.client.get("/rules", headers=headers).status_code == 401
    assert bench.client.post("/rules", json={"toml": TOML, **WHO}, headers=headers).status_code == 401
    assert bench.client.post("/rules/x/remove", json=WHO, headers=headers).status_code == 401
    assert bench.kept.rules == {}


def test_a_filter_that_cannot_be_is_named(bench: Bench) -> None:
    assert bench.client.get("/rules", params={"state": "sad"}).status_code == 400
    assert bench.client.get("/rules", params={"scores": "x"}).status_code == 400


def test_two_tables_are_not_one_rule() -> None:
    with pytest.raises(NotPossible, match="one table"):
        read(TOML + TOML, Settings())


def test_rules_of_a_changed_file_are_told_to_every_service_once_and_to_later_ones(tmp_path: Path) -> None:
    first = RuleSettings(score="refusal", measure="rate", limit=0.2, services=("sh*",))
    bench = Bench(Settings(home=tmp_path, rule=(first,)))
    bench.rules.keep_up(anew=True)
    assert bench.kept.told == []  # detection reads them itself when it starts
    bench.rules.use(Settings(home=tmp_path, rule=(first,)))
    bench.rules.keep_up(anew=False)
    assert bench.kept.told == []
    changed = Settings(home=tmp_path, rule=(replace(first, limit=0.3), replace(first, services=("other",))))
    bench.rules.use(changed)
    bench.rules.keep_up(anew=False)
    assert [c.key for c in bench.kept.told] == with_fleets(bench.kept.services())
    for record in bench.kept.told:
        assert record.action == "rules_of_settings"
        if record.key.service == SEVERAL:
            assert not record.body["rules"]
            continue
        assert not record.body["slos"]
        assert not record.body["limits"]
        assert [(one["limit"], one["services"]) for one in record.body["rules"]] == [(0.3, ("sh*",))]
    later = replace(KEY, service="shed")
    bench.kept.services = lambda: [KEY, later]  # type: ignore[method-assign]
    bench.kept.told.clear()
    bench.rules.use(changed)
    bench.rules.keep_up(anew=False)
    assert [c.key for c in bench.kept.told] == [later]
    again = Bench(changed)  # a start: the workers may have been started with others
    again.rules.keep_up(anew=True)
    assert [c.key for c in again.kept.told] == with_fleets(again.kept.services())


def with_fleets(services: Sequence[ServiceKey]) -> list[ServiceKey]:
    """Services, and after them what watches those of an environment together."""
    return [*services, *(replace(key, service=SEVERAL) for key in services)]


def test_objectives_limits_and_rules_together_of_a_changed_file_are_told_to_whom_they_are_about(
    tmp_path: Path,
) -> None:
    bench = Bench(Settings(home=tmp_path))
    together = RuleSettings(score="refusal", measure="sum", limit=9.0, together=True)
    slos = (SloSettings("error", 0.99, services=("sh*",)), SloSettings("error", 0.9, services=("x",)))
    limits = (LimitSettings("refusal", 0.2, ("x",)), LimitSettings("refusal", 0.3, ()))
    changed = Settings(home=tmp_path, rule=(together,), slo=slos, limit=limits)
    check_rules(changed)
    bench.rules.use(changed)
    bench.rules.keep_up(anew=False)
    bodies = {c.key: c.body for c in bench.kept.told}
    assert [one["limit"] for one in bodies[replace(KEY, service=SEVERAL)]["rules"]] == [9.0]
    assert [one["together"] for one in bodies[KEY]["rules"]] == [True]
    assert [one["objective"] for one in bodies[KEY]["slos"]] == [0.99]
    assert [one["at_most"] for one in bodies[KEY]["limits"]] == [0.3]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(slo=(SloSettings("errror", 0.99),)), "did you mean 'error'"),
        (Settings(slo=(SloSettings("latency_s", 0.99),)), r"slo\[0\], .*above is missing"),
        (Settings(limit=(LimitSettings("latency_s", 0.2),)), "flag in limit.score"),
    ],
)
def test_a_file_whose_objective_or_limit_can_never_be_decided_is_not_taken_up(
    settings: Settings, words: str
) -> None:
    with pytest.raises(Misconfigured, match=words):
        check_rules(settings)


def test_a_rule_about_a_judgement_can_be_added_and_is_no_fault_of_a_file(tmp_path: Path) -> None:
    toml = TOML.replace("refusal", "judgement:helpful").replace("rate", "mean").replace('">"', '"<"')
    assert Bench(Settings(home=tmp_path)).add(toml).status_code == 201
    helpful = RuleSettings(score="judgement:helpful", measure="mean", op="<", limit=0.25)
    later = RuleSettings(score="my_score", measure="mean", limit=0.5)  # known once the service starts again
    own = ScorerSettings(own={"my_score": CustomScoreSettings(python="x.py:f", kind="bounded")})
    check_rules(Settings(rule=(helpful, later), scorers=own))
    with pytest.raises(Misconfigured, match="unknown score 'my_scor'"):
        check_rules(Settings(rule=(replace(later, score="my_scor"),), scorers=own))


def test_what_the_file_has_no_more_and_people_added_is_told_again(tmp_path: Path) -> None:
    bench = Bench(Settings(home=tmp_path))
    bench.add()
    (rule,) = [c.body["rule"] for c in bench.kept.told]
    same = RuleSettings.of(rule)
    for rules in ((same,), ()):
        bench.kept.told.clear()
        bench.rules.use(Settings(home=tmp_path, rule=rules))
        bench.rules.keep_up(anew=False)
        assert [c.action for c in bench.kept.told if c.key == KEY] == ["rules_of_settings", "rule"]
