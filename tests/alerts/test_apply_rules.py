"""Rules of a file, applied: planned, owned by a set, done once, and spread to services that come later."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.rule_watch.service_rules import MOST_ADDED
from detectors.rules import Rule
from infra.rule_section import RuleSettings
from infra.settings import Settings
from tests.alerts.test_added_rules import KEY, TOML, WHO, Bench
from tests.at_length import examples

REFUSALS: dict[str, Any] = {
    "score": "refusal",
    "measure": "rate",
    "op": ">",
    "limit": 0.25,
    "services": ["shop"],
}
COSTS: dict[str, Any] = {"score": "cost_usd", "measure": "sum", "limit": 9.0, "least_n": 1, "name": "Spend"}


@pytest.fixture
def bench() -> Bench:
    return Bench(Settings())


def apply(bench: Bench, *tables: dict[str, Any], **more: str) -> dict[str, Any]:
    """The report of a file with these tables; its counts are checked against its steps."""
    answer = bench.client.post("/rules/apply", json={"tables": json.dumps(tables), **WHO, **more})
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    found = [step["action"] for step in report["steps"]]
    assert report["counts"] == {a: found.count(a) for a in ("add", "change", "remove", "unchanged")}
    return report


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    return tuple(report["counts"].values())


def in_force(bench: Bench) -> dict[tuple[str, str], tuple[Rule, str]]:
    """By environment and id: the rules of the tenant, and whose each is."""
    known = [one for one in bench.kept.rules.values() if one.in_force and one.place.tenant == "default"]
    return {(one.place.environment, one.rule.rule_id): (one.rule, one.applied) for one in known}


def test_a_plan_changes_nothing_and_what_is_applied_twice_is_there_once(bench: Bench) -> None:
    assert counts(apply(bench, REFUSALS, COSTS, plan="yes")) == (4, 0, 0, 0)
    assert (bench.kept.rules, bench.kept.told, bench.kept.audited) == ({}, [], [])
    assert counts(apply(bench, REFUSALS, COSTS)) == (4, 0, 0, 0)
    once = in_force(bench)
    assert [(one.key.environment, one.action) for one in bench.kept.told] == [
        *(("", "rule"), ("production", "rule")),
        *(("", "rule"), ("production", "rule")),
    ]
    assert len(bench.kept.audited) == 4
    assert counts(apply(bench, COSTS, REFUSALS)) == (0, 0, 0, 4)
    assert in_force(bench) == once
    assert len(bench.kept.audited) == 4


def test_what_a_file_has_no_more_goes_and_what_people_added_stays_unless_pruned(bench: Bench) -> None:
    apply(bench, REFUSALS, COSTS)
    bench.add(TOML.replace("0.25", "0.5"), environment="production")
    report = apply(bench, COSTS)
    assert counts(report) == (0, 0, 2, 2)
    assert {applied for _, applied in in_force(bench).values()} == {"default", ""}
    report = apply(bench, COSTS, prune="yes")
    assert [(s["action"], s["why"]) for s in report["steps"] if s["action"] != "unchanged"] == [
        ("remove", "made by hand, by ada")
    ]
    assert counts(apply(bench)) == (0, 0, 2, 0)
    assert in_force(bench) == {}


def test_a_rule_of_the_same_name_changes_and_so_does_one_with_other_labels(bench: Bench) -> None:
    apply(bench, COSTS)
    report = apply(bench, {**COSTS, "limit": 20.0})
    assert counts(report) == (0, 2, 0, 0)
    assert "> 9 " in report["steps"][0]["was"]
    assert {rule.limit for rule, _ in in_force(bench).values()} == {20.0}
    assert [one.action for one in bench.kept.told[2:]] == ["rule_over", "rule", "rule_over", "rule"]
    assert counts(apply(bench, {**COSTS, "limit": 20.0, "severity": "page"})) == (0, 2, 0, 0)
    assert {rule.severity for rule, _ in in_force(bench).values()} == {"page"}


def test_a_set_leaves_another_alone_and_takes_over_what_it_names_of_what_people_added(bench: Bench) -> None:
    apply(bench, COSTS, set="finance")
    apply(bench, REFUSALS, set="search")
    assert counts(apply(bench, set="search")) == (0, 0, 2, 0)
    answer = bench.client.post("/rules/apply", json={"tables": json.dumps([COSTS]), **WHO, "set": "x"})
    assert (answer.status_code, "of set 'finance'" in answer.json()["error"]) == (409, True)
    bench.add(TOML)
    assert counts(apply(bench, REFUSALS)) == (1, 1, 0, 0)
    assert counts(apply(bench)) == (0, 0, 2, 0)
    assert {applied for _, applied in in_force(bench).values()} == {"finance"}


def test_services_that_come_later_are_watched_and_what_somebody_removed_from_one_stays_removed() -> None:
    bench = Bench(Settings())
    known = bench.kept.services()
    bench.kept.services = lambda: list(known)  # type: ignore[method-assign]
    apply(bench, COSTS)
    bench.client.post(f"/rules/{bench.listed()[0]['rule_id']}/remove", json=WHO | {"environment": ""})
    known.append(replace(KEY, service="search"))
    known.append(replace(KEY, service="search", lineage="import-1"))
    for _ in range(2):
        bench.rules.spread()
    left = {(o.place.service, o.place.environment) for o in bench.kept.rules.values() if o.in_force}
    assert left == {("shop", "production"), ("search", "")}
    assert bench.kept.told[-1].key == replace(KEY, service="search")
    assert counts(apply(bench, COSTS)) == (1, 0, 0, 2)  # the file says so again


def test_what_the_settings_have_is_left_to_them_and_what_waits_for_a_restart_is_named() -> None:
    kept = RuleSettings("refusal", "rate", ">", 0.25, services=("shop",))
    gone = RuleSettings("refusal", "rate", ">", 0.5)
    bench = Bench(replace(Settings(), rule=(kept, gone)))
    report = apply(bench, REFUSALS, COSTS, whole="yes")
    assert counts(report) == (2, 0, 0, 0)
    assert ["0.5" in warning for warning in report["warnings"]] == [True]
    together = REFUSALS | {"together": True, "services": []}
    report = apply(bench, REFUSALS, COSTS, together | {"limit": 0.4}, whole="yes")
    assert "once Lightship is restarted" in report["warnings"][1]
    report = apply(bench, REFUSALS | {"severity": "page"}, COSTS)
    assert ["its name, severity" in warning for warning in report["warnings"]] == [True]


def test_a_service_nobody_has_seen_is_a_warning(bench: Bench) -> None:
    report = apply(bench, REFUSALS | {"services": ["shoop"]})
    assert counts(report) == (0, 0, 0, 0)
    assert "nothing came from shoop yet" in report["warnings"][0]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ([REFUSALS, REFUSALS | {"severity": "page"}], "rule[1] says what another one says"),
        ([REFUSALS, COSTS | {"limt": 3}], "unknown key in [rule[1]]: 'limt', did you mean 'limit'"),
        ([REFUSALS | {"limit": 5.0}], "rule[0], refusal: rate"),
        ([REFUSALS | {"score": "refusals"}], "did you mean 'refusal'"),
        ([REFUSALS | {"receivers": ["chat"]}], "unknown receiver in rule[0]: 'chat'"),
        (
            [COSTS | {"least_n": n + 1, "name": ""} for n in range(MOST_ADDED + 1)],
            "would have 101 added rules",
        ),
        (["x"], "rule[0] must be a table"),
        ([COSTS | {"together": True}], "together belongs into lightship.toml"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing(bench: Bench, tables: list[Any], said: str) -> None:
    answer = bench.client.post("/rules/apply", json={"tables": json.dumps(tables), **WHO})
    assert answer.status_code == 409
    assert said in answer.json()["error"]
    assert (bench.kept.rules, bench.kept.told) == ({}, [])


@pytest.mark.parametrize("away", ["store", "log"])
def test_what_was_cut_off_is_whole_when_it_is_applied_again(bench: Bench, away: str) -> None:
    apply(bench, COSTS | {"name": ""})
    told = len(bench.kept.told)
    bench.kept.away = away
    body = {"tables": json.dumps([REFUSALS]), **WHO}
    assert bench.client.post("/rules/apply", json=body).status_code == 503
    bench.kept.away = ""
    assert bench.client.post("/rules/apply", json=body).status_code == 200
    ids = {rule_id for _, rule_id in in_force(bench)}
    later = [
        (one.action, one.body.get("rule_id") or Rule.of(one.body["rule"]).rule_id)
        for one in bench.kept.told[told:]
    ]
    assert {i for action, i in later if action == "rule"} == ids
    assert len([i for action, i in later if action == "rule_over"]) == 2


def test_who_may_not_change_rules_applies_none(bench: Bench) -> None:
    for header, status in (("Bearer wrong", 401), ("", 401)):
        body = {"tables": "[]", **WHO}
        answer = bench.client.post("/rules/apply", json=body, headers={"Authorization": header})
        assert answer.status_code == status
    assert bench.client.post("/rules/apply", json={"tables": "{}", **WHO}).status_code == 422
    assert bench.client.post("/rules/apply", json={"tables": "[", **WHO}).status_code == 422


TABLES = st.lists(
    st.builds(
        lambda limit, name, service, severity: (
            REFUSALS | {"limit": limit, "name": name, "services": [service], "severity": severity}
        ),
        st.sampled_from([0.1, 0.2, 0.3]),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["shop", "sho*", "*"]),
        st.sampled_from(["page", "ticket"]),
    ),
    max_size=4,
    unique_by=lambda table: str((table["limit"], table["services"])),
)


@given(files=st.lists(st.tuples(TABLES, st.sampled_from(["one", "two"])), min_size=1, max_size=4))
@settings(max_examples=examples(30))
def test_after_any_files_a_set_has_what_its_last_one_says_and_again_is_nothing(
    files: list[tuple[list[dict[str, Any]], str]],
) -> None:
    bench = Bench(Settings())
    for tables, set_ in files:
        body = {"tables": json.dumps(tables), **WHO, "set": set_}
        before = in_force(bench)
        answer = bench.client.post("/rules/apply", json=body)
        if answer.status_code == 409:
            assert in_force(bench) == before
            continue
        wanted = {Rule.of(asdict(RuleSettings.of(t))).rule_id: t["severity"] for t in tables}
        mine = {i: rule.severity for (_, i), (rule, whose) in in_force(bench).items() if whose == set_}
        assert mine == wanted
        others = {key: one for key, one in before.items() if one[1] != set_}
        assert {key: one for key, one in in_force(bench).items() if one[1] != set_} == others
        assert counts(apply(bench, *tables, set=set_))[:3] == (0, 0, 0)
        detected: dict[tuple[str, str], bool] = {}
        for one in bench.kept.told:
            rule_id = one.body.get("rule_id") or Rule.of(one.body["rule"]).rule_id
            detected[one.key.environment, rule_id] = one.action == "rule"
        assert {key for key, on in detected.items() if on} == set(in_force(bench))
