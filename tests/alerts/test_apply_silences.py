"""Silences of a file, applied: planned, owned by a set, made once, and no gap between two of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from alerts.silences.silence import MAX_SILENCES
from detectors.finding import rfc3339
from infra.clock import NS_PER_S, to_datetime
from tests.alerts.test_api import Bench

HOUR_NS = 3600 * NS_PER_S
WHO = {"actor": "ci", "reason": "commit 4f1c"}
REFUSALS = {"score": "refusal", "service": "support-*"}


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    with bench.client:
        yield bench


def later(bench: Bench, hours: float) -> str:
    return rfc3339(to_datetime(bench.clock.now_ns() + int(hours * HOUR_NS)))


def apply(bench: Bench, *tables: dict[str, str], **more: str) -> dict[str, Any]:
    answer = bench.client.post("/silences/apply", json={"tables": json.dumps(tables), **WHO, **more})
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    return tuple(report["counts"].values())


def in_force(bench: Bench) -> list[tuple[str, str | None, str]]:
    found = bench.client.get("/silences").json()["silences"]
    return [(s["score"], s["applied"], s["ends_at"]) for s in found]


def test_a_file_is_planned_made_once_kept_over_a_restart_and_lifted_when_it_has_it_no_more(
    bench: Bench,
) -> None:
    ends = later(bench, 5)
    table = {**REFUSALS, "ends": ends, "reason": "reindexing"}
    assert counts(apply(bench, table, plan="yes")) == (1, 0, 0, 0)
    assert in_force(bench) == []
    assert counts(apply(bench, table)) == (1, 0, 0, 0)
    assert in_force(bench) == [("refusal", "default", ends)]
    assert bench.incident().silence is not None
    bench.clock.ns += HOUR_NS
    bench.desk.load()
    assert counts(apply(bench, table)) == (0, 0, 0, 1)
    hand = {"score": "length", "lasts": "2h", **WHO}
    assert bench.client.post("/silences", json=hand).status_code == 201
    assert counts(apply(bench)) == (0, 0, 1, 0)
    assert [(score, applied) for score, applied, _ in in_force(bench)] == [("length", None)]
    assert bench.incident().silence is None
    assert counts(apply(bench, table)) == (1, 0, 0, 0)  # the file has it again
    assert counts(apply(bench, table, prune="yes")) == (0, 0, 1, 1)
    assert in_force(bench) == [("refusal", "default", ends)]


def test_another_end_changes_it_and_nobody_is_told_in_between(bench: Bench) -> None:
    apply(bench, {**REFUSALS, "ends": later(bench, 2)})
    before = bench.incident()
    ends = later(bench, 6)
    report = apply(bench, {**REFUSALS, "ends": ends})
    assert counts(report) == (0, 1, 0, 0)
    assert "until" in report["steps"][0]["was"]
    assert in_force(bench) == [("refusal", "default", ends)]
    rows = [row for (_, seq), (row, _) in sorted(bench.store.transitions.items()) if seq > before.seq]
    mine = [(row.what, row.notify) for row in rows if row.incident.incident_id == before.incident_id]
    assert mine == [("silenced", "")]


def test_what_a_person_lifted_is_not_made_again_until_its_times_change(bench: Bench) -> None:
    table = {**REFUSALS, "ends": later(bench, 3)}
    apply(bench, table)
    (silence,) = bench.client.get("/silences").json()["silences"]
    said = {"actor": "ana", "reason": "it leaks"}
    assert bench.client.post(f"/silences/{silence['silence_id']}/lift", json=said).status_code == 200
    report = apply(bench, table)
    assert (counts(report), in_force(bench)) == ((0, 0, 0, 0), [])
    assert "ana lifted it" in report["warnings"][0]
    assert counts(apply(bench, {**REFUSALS, "ends": later(bench, 4)})) == (1, 0, 0, 0)


def test_a_time_to_come_and_one_that_is_over(bench: Bench) -> None:
    soon = {"service": "*", "severity": "ticket", "begins": later(bench, 24), "lasts": "2h"}
    over = {**REFUSALS, "begins": later(bench, -5), "lasts": "4h"}
    report = apply(bench, soon, over)
    assert counts(report) == (1, 0, 0, 0)
    assert ["it is over" in warning for warning in report["warnings"]] == [True]
    bench.clock.ns += 25 * HOUR_NS
    assert counts(apply(bench, soon, over)) == (0, 0, 0, 1)
    bench.clock.ns += 5 * HOUR_NS
    bench.desk.elapse()
    assert counts(apply(bench, soon)) == (0, 0, 0, 0)


def test_a_set_leaves_another_alone(bench: Bench) -> None:
    apply(bench, {**REFUSALS, "ends": later(bench, 3)}, set="search")
    assert counts(apply(bench, {"score": "error", "ends": later(bench, 3)})) == (1, 0, 0, 0)
    assert counts(apply(bench)) == (0, 0, 1, 0)
    assert [applied for _, applied, _ in in_force(bench)] == ["search"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"lasts": "2h"}, "give ends, or begins and lasts"),
        ({"begins": "2026-01-01T00:00:00Z", "lasts": "soon"}, "lasts = 'soon' must be a span"),
        ({"ends": "2026-01-01T00:00:00"}, "is not a time with its zone"),
        ({"begins": "2099-01-02T00:00:00Z", "ends": "2099-01-01T00:00:00Z"}, "it ends before it begins"),
        ({"begins": "2099-01-02T00:00:00Z", "lasts": "2h"}, "it may begin within 90 days"),
        ({"ends": "2099-01-01T00:00:00Z"}, "it may last 60 s to 30 days"),
        ({"score": "*", "service": "*", "ends": "LATER"}, "a silence of everything is not possible"),
        ({"servce": "x", "ends": "LATER"}, "did you mean 'service'"),
        ({"ends": "LATER", "severity": "pages"}, "matches none of page, ticket"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing(bench: Bench, table: dict[str, str], said: str) -> None:
    good = {"score": "error", "ends": later(bench, 3)}
    tables = [good, {**REFUSALS, **{k: later(bench, 3) if v == "LATER" else v for k, v in table.items()}}]
    answer = bench.client.post("/silences/apply", json={"tables": json.dumps(tables), **WHO})
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("silence[1]: ")
    assert said in answer.json()["error"]
    assert in_force(bench) == []


def test_twice_the_same_and_too_many_are_refused(bench: Bench) -> None:
    ends = later(bench, 3)
    one = {**REFUSALS, "ends": ends}
    many = [{"score": f"s{n}", "ends": ends} for n in range(MAX_SILENCES + 1)]
    for tables, said in (([one, one], "says what another one says"), (many, f"more than {MAX_SILENCES}")):
        answer = bench.client.post("/silences/apply", json={"tables": json.dumps(tables), **WHO})
        assert (answer.status_code, said in answer.json()["error"]) == (409, True)
    assert in_force(bench) == []


def test_what_could_not_be_stored_is_made_when_it_is_applied_again(bench: Bench) -> None:
    table = {**REFUSALS, "ends": later(bench, 3)}
    bench.store.answers = False
    body = {"tables": json.dumps([table]), **WHO}
    assert bench.client.post("/silences/apply", json=body).status_code == 503
    bench.store.answers = True
    assert counts(apply(bench, table)) == (1, 0, 0, 0)
