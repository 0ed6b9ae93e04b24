"""Allow rules: what a person says is no leak is no incident, and nothing else is hidden by it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from alerts.access.typed_text import TypedText
from alerts.allow_rules.rule import AllowRule, AllowRules, preview, requested_rule
from alerts.api.allow_rules import AllowApi, Allowing
from alerts.api.request import Refused, refuse
from alerts.errors import NotPossible, Unavailable
from alerts.incidents.incident import FIRING, RESOLVED
from detectors.finding import Finding
from infra.clock import NS_PER_S, to_ns
from tests.alerts.invented import TIMING, at, secret
from tests.alerts.lifecycles import World, look_twice
from tests.alerts.test_incident_state import Desk

EXAMPLE, OTHER, REAL = (f"[openai_key:{c * 16}]" for c in "123")
DAY_S = 86_400.0


def hit(finding_id: str, *secrets: str, clock: str = "04:07", **changes: object) -> Finding:
    given = {"made_at": at(clock), "notes": ("secret-in-output: interaction 1:2",), **changes}
    given["notes"] = (*given["notes"], *(f"holds {s}" for s in secrets))  # type: ignore[misc]
    return secret(finding_id, **given)


def rule(
    secrets: str = EXAMPLE, service: str = "support-*", clock: str = "04:00", s: float = DAY_S
) -> AllowRule:
    asked = {"secrets": secrets, "service": service}
    return requested_rule("default", asked, "ana", "keys of the tutorial", to_ns(at(clock)), s)


@pytest.mark.parametrize(
    ("made", "secrets", "covered"),
    [
        (rule(), [EXAMPLE], True),
        (rule(), [OTHER], False),
        (rule(), [EXAMPLE, REAL], False),  # one real key beside an example is a leak
        (rule(f"{EXAMPLE} {REAL}"), [EXAMPLE, REAL], True),
        (rule("[openai_key:*]"), [EXAMPLE, "[openai_key:unknown]"], True),
        (rule("[openai_key:*]"), ["[password:1111111111111111]"], False),
        (rule("[openai_key:*]"), [EXAMPLE, "more than 20"], False),
        (rule(), [], False),  # it names none: nobody knows what it was
        (rule(), ["[openai_key:unknown]"], False),
        (rule(service="billing-*"), [EXAMPLE], False),
        (rule(s=60), [EXAMPLE], False),  # it has expired by then
        (rule().over("bo", "real", to_ns(at("04:06"))), [EXAMPLE], False),
        (rule().over("bo", "real", to_ns(at("04:08"))), [EXAMPLE], True),  # what it covered stays covered
        (replace(rule(), tenant="other"), [EXAMPLE], False),
    ],
)
def test_a_hit_is_covered_only_if_each_secret_in_it_is_allowed_there_and_then(
    made: AllowRule, secrets: list[str], covered: bool
) -> None:
    desk = Desk()
    desk.book.allowed = AllowRules((made,))
    assert len(desk.take(hit("h1", *secrets)).incidents) == (0 if covered else 1)


def test_two_rules_together_cover_what_each_of_them_covers_in_part() -> None:
    both = AllowRules((rule(), rule(REAL)))
    assert both.cover(hit("h1", EXAMPLE, REAL))


@pytest.mark.parametrize(
    ("secrets", "service"),
    [("", "a"), ("sk-live", "a"), ("[email:1111111111111111]", "a"), ("[*:*]", "a"), (EXAMPLE, "")],
)
def test_a_rule_names_secrets_by_pseudonym_or_kind_and_a_service(secrets: str, service: str) -> None:
    with pytest.raises(NotPossible):
        rule(secrets, service)


def test_a_preview_counts_hits_and_says_which_cannot_be_known() -> None:
    stored = [hit("h1", EXAMPLE, n=40), hit("h2", EXAMPLE, REAL, n=2), hit("h3")]
    assert preview([rule()], stored) == {"hits": 43, "covered": 40, "unknown": 1}


def test_an_allow_rule_of_an_incident_outlives_a_restart_and_lets_the_next_leak_through() -> None:
    hits = [hit("h1", EXAMPLE), hit("h2", OTHER, clock="04:09")]
    world = World(*hits)
    world.store.hits = hits
    process = world.run()
    world.clock.ns = to_ns(at("04:10"))
    (incident,) = process.desk.all()
    said: list[tuple[str, dict[str, object]]] = []
    allowing = Allowing(process.desk, world.store, world.clock, lambda key, entry: said.append((key, entry)))
    made, would = allowing.requested({"incident": incident.incident_id}, "ana", "keys of the tutorial")
    assert (made.secrets, would) == ((OTHER, EXAMPLE)[::-1], {"hits": 2, "covered": 2, "unknown": 0})
    assert process.desk.allow_rules().all == (), "a preview keeps nothing"
    allowing.add(made, "responder")
    process.desk.act(incident.incident_id, "false-alarm", "ana", "keys of the tutorial")
    later = [hit("h3", EXAMPLE, OTHER, clock="04:12", n=7), hit("h4", EXAMPLE, REAL, clock="04:13")]
    world.log += [f.to_json().encode() for f in later]
    world.store.hits = [*hits, *later]
    again = world.run()
    assert [(i.state, i.hits.count) for i in again.desk.all()] == [(FIRING, 1), (RESOLVED, 2)]
    after = replace(allowing, desk=again.desk)
    world.clock.ns = to_ns(at("04:20"))
    (listed,) = after.listed({})
    assert (listed["covered"], listed["last"]) == (9, "2026-03-17T04:12:00Z")
    after.remove(made.rule_id, None, "bo", "the tutorial has new keys", "")
    world.log.append(hit("h5", OTHER, clock="04:30").to_json().encode())
    last = world.run()
    assert [i.hits.count for i in last.desk.all()] == [2, 2]
    assert [entry["action"] for _, entry in said] == ["allow", "allow_removed"]


def test_what_failed_halfway_is_completed_when_asked_for_again() -> None:
    world = World()
    process = world.run()
    world.clock.ns = to_ns(at("04:01"))
    said: list[str] = []
    away: list[Unavailable] = [Unavailable("no log")]

    def audit(_: str, entry: dict[str, Any]) -> None:
        if away:
            raise away.pop()
        said.append(f"{entry['action']} {entry['actor']}")

    allowing = Allowing(process.desk, world.store, world.clock, audit)
    with pytest.raises(Unavailable):
        allowing.add(rule(), "")
    kept = allowing.add(rule(clock="04:01"), "")
    assert [r.rule_id for r in process.desk.allow_rules().all] == [kept.rule_id]
    away.append(Unavailable("no log"))
    with pytest.raises(Unavailable):
        allowing.remove(kept.rule_id, None, "bo", "a real one", "")
    over = allowing.remove(kept.rule_id, None, "cy", "asked again", "")
    assert (over.ended_by, said) == ("bo", ["allow ana", "allow_removed bo"])
    assert allowing.add(rule(clock="04:02"), "").rule_id != kept.rule_id, "what was removed is made anew"


def test_hits_that_are_allowed_do_not_keep_a_leak_open() -> None:
    world = World(hit("h1", REAL))
    process = world.run()
    process.desk.allow(rule())
    last = at("04:07")
    world.store.hits = [hit(f"a{k}", EXAMPLE, made_at=last + timedelta(minutes=3 * k)) for k in range(1, 20)]
    world.store.hours_of_traffic, world.store.interactions, world.store.hits_to_come = 2.0, 500, 19
    world.clock.ns = to_ns(at("07:00"))
    look_twice(process.desk)
    assert process.desk.all()[0].hits.quiet_ns == to_ns(last) + int(TIMING.quiet_s * NS_PER_S)


def test_a_hit_beyond_those_allowed_keeps_it_open() -> None:
    world = World(hit("h1", REAL))
    process = world.run()
    process.desk.allow(rule())
    world.store.hours_of_traffic, world.store.interactions, world.store.hits_to_come = 2.0, 500, 1
    look_twice(process.desk)
    assert process.desk.all()[0].hits.quiet_ns is None


def test_a_key_typed_as_it_is_becomes_its_pseudonym_and_a_reason_is_needed() -> None:
    process = World().run()
    world = process.world
    api = AllowApi(Allowing(process.desk, world.store, world.clock, lambda *_: None), "token")
    routes = [
        Route("/allow", api.made, methods=["POST"]),
        Route("/allow/preview", api.previewed, methods=["POST"]),
    ]
    app = Starlette(routes=routes, exception_handlers={Refused: refuse})
    app.state.typed = TypedText.under_random_keys()
    client = TestClient(app, headers={"authorization": "Bearer token"})
    asked = {"secrets": "AKIAQWERTYUIOP234567 [openai_key:*]", "service": "docs-bot", "actor": "ana"}
    assert client.post("/allow", json=asked).status_code == 422
    answer = client.post("/allow/preview", json={**asked, "reason": "a tutorial"}).json()
    assert re.fullmatch(r"\[aws_access_key_id:[0-9a-f]{16}\]", answer["rule"]["secrets"][0]), answer
    assert (answer["rule"]["secrets"][1], answer["kept"]) == ("[openai_key:*]", False)
    assert process.desk.allow_rules().all == ()
    assert client.post("/allow", json={**asked, "reason": "a tutorial"}).status_code == 201
    assert len(process.desk.allow_rules().all) == 1
