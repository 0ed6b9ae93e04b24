"""Nothing crosses: every query and every action, as every role, for two tenants on the real store."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st

from dashboard.access.viewer import NotAllowed, Viewer
from dashboard.queries import incidents
from dashboard.queries import store as stores
from dashboard.queries.store import ClickHouse, Scope, Store
from dashboard.shared import actions, data
from dashboard.shared.actions import Answer
from dashboard.views.baselines import baselines_query
from dashboard.views.explore import explore_query
from infra.clickhouse import connect
from infra.dashboard_sections import ROLES
from infra.embedded.ports import spare
from infra.errors import Defect
from infra.settings import AlertSettings, Settings, StoreSettings
from tests.at_length import at_length
from tests.dashboard import asked, world, world_legal_hold
from tests.dashboard.asked import NOW_S, Call
from tests.dashboard.serving import alerts_api, environment
from tests.databases import fresh_database

pytestmark = pytest.mark.integration

OURS, THEIRS, NOBODY = "ours", "theirs", "nobody"
QUERIES = asked.found()
TEXT = "Es tut mir leid"
"""A part of a stored output."""


@dataclass
class Worlds:
    """Two tenants, and what each query answered before the other one was there."""

    settings: StoreSettings
    ids: dict[str, str]
    their_ids: dict[str, str]
    before: dict[str, dict[str, Any]]

    def calls(self) -> dict[str, Call]:
        return asked.calls(self.ids)


def answers(store: Store, tenant: str, calls: dict[str, Call]) -> dict[str, Any]:
    scope = Scope(tenant, "demo-1", NOW_S)
    out = {}
    for name, call in calls.items():
        said = QUERIES[name](store, scope, *call.arguments, **call.named)
        out[name] = repr(call.own(said))
    return out


@pytest.fixture(scope="module")
def worlds(store: str) -> Iterator[Worlds]:
    settings = fresh_database(store, "lightship_dashboard_access")
    client = connect(settings)
    door = ClickHouse(client)
    ids = world.fill(client, lineage="demo-1", tenant=OURS)
    world_legal_hold.copy(client, ids["refusal"], "demo-1", OURS)
    known = asked.calls(ids)
    before = {name: answers(door, name, known) for name in (OURS, NOBODY)}
    # the same services at another time: whatever is counted in common is another number
    their_ids = world.fill(client, world.NOW - timedelta(minutes=31), lineage="demo-1", tenant=THEIRS)
    world_legal_hold.copy(client, their_ids["refusal"], "demo-1", THEIRS)
    world.fill(client, world.NOW - timedelta(minutes=17), lineage="demo-2", tenant=OURS)
    yield Worlds(settings, ids, their_ids, before)
    client.close()


@pytest.fixture
def door(worlds: Worlds) -> Iterator[Store]:
    client = connect(worlds.settings)
    yield ClickHouse(client)
    client.close()


def test_every_query_is_asked_here(worlds: Worlds) -> None:
    assert sorted(worlds.calls()) == sorted(QUERIES), "add the query to tests/dashboard/asked.py"


def test_what_one_tenant_or_lineage_has_changes_no_answer_to_another(worlds: Worlds, door: Store) -> None:
    calls = worlds.calls()
    across = {"scope.lineages"}  # it is about all lineages of the tenant
    for tenant, before in worlds.before.items():
        after = answers(door, tenant, calls)
        assert {n: a for n, a in after.items() if n not in across} == {
            n: a for n, a in before.items() if n not in across
        }
    assert "demo-2" in answers(door, OURS, calls)["scope.lineages"]
    assert "demo-2" not in answers(door, THEIRS, calls)["scope.lineages"]


def test_every_query_has_an_answer_of_ones_own_and_others_ids_give_none(worlds: Worlds, door: Store) -> None:
    calls = worlds.calls()
    ours, theirs = (answers(door, tenant, calls) for tenant in (OURS, THEIRS))
    nobody = worlds.before[NOBODY]
    # nobody judged or silenced anything here, nothing is in quarantine, and incidents have no stored findings
    without_rows = {
        "evaluations.evaluations_of",
        "explore_query.added",
        "oncall.silences",
        "pipeline.set_aside",
        "connect_query.silent",
        "drift_query.findings",
        "releases.marked",
    }
    without_rows |= {f"calibration.{name}" for name in ("names", "pairs", "human_verdicts")}
    without_rows |= {name for name, said in ours.items() if said == repr(asked.SHARED)}
    assert {n for n in ours if ours[n] == nobody[n]} == without_rows
    by_id = {n for n, call in calls.items() if worlds.ids["refusal"] in call.arguments}
    assert by_id == {
        *("incidents.one", "incidents.elsewhere", "incidents.history"),
        *(
            "legal_hold_query.kept",
            "legal_hold_query.examples",
            "affected_query.affected",
            "affected_query.fired",
        ),
    }
    assert all(theirs[n] == nobody[n] for n in by_id)
    same = {n for n in set(ours) - by_id - without_rows if theirs[n] in (ours[n], nobody[n])}
    assert same <= EQUAL


EQUAL = {
    "catalogue.places",
    "catalogue.scores",
    "texts_query.texts",
    "newest.call_texts",
    "detectors_query.registered",
    "examples.matches",
    "incidents.trust",
    "incidents.pages",
    "fleet.watched",
    "report.appeared",
    "scope.heartbeat",
}
"""Counts, names and words that are the same in both worlds."""


@pytest.fixture
def settings(worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in environment(worlds.settings, tmp_path).items():
        monkeypatch.setenv(name, value)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("role", at_length(ROLES, 2))
def test_texts_need_the_role_and_no_question_reaches_another_tenant(worlds: Worlds, role: str) -> None:
    who = Viewer(OURS, role, "Ada")
    scope = Scope(OURS, "demo-1", NOW_S)
    with_text = set()
    for name, call in worlds.calls().items():
        with pytest.raises(Defect, match="another tenant"):
            data.read(who, QUERIES[name], replace(scope, tenant=THEIRS), *call.arguments, **call.named)
        try:
            said = data.read(who, QUERIES[name], scope, *call.arguments, **call.named).value
        except NotAllowed:
            assert role == "viewer"
            assert stores.is_text(QUERIES[name])
            continue
        if TEXT in repr(said):
            with_text.add(name)
            assert stores.is_text(QUERIES[name]), f"mark {name} with shows_text"
    assert bool(with_text) == (role != "viewer")


@dataclass
class Service:
    """The alerts service of both tenants."""

    settings: Settings
    store: Store
    desk: Any


@pytest.fixture
def service(worlds: Worlds, door: Store, tmp_path: Path) -> Iterator[Service]:
    port = spare()
    with alerts_api(worlds.settings, tmp_path, port) as desk:
        yield Service(Settings(home=tmp_path, alerts=AlertSettings(port=port)), door, desk)


Act = Callable[[Settings, Viewer, Worlds, str], Answer]


def _on(action: str) -> Act:
    return lambda settings, who, _, incident: actions.act(settings, who, incident, action, "a reason")


def _silence(settings: Settings, who: Viewer, _: Worlds, incident: str) -> Answer:
    return actions.silence(settings, who, {"service": incident}, "2h", "a reason")


ACTIONS: dict[str, tuple[str, Act]] = {
    **{
        name: ("act", _on(name))
        for name in ("acknowledge", "note", "hold", "release", "accept", "false-alarm")
    },
    "silence": ("silence", _silence),
}
ELSEWHERE = {
    "lift": "tested with a silence to lift, below",
    "accept_baselines": "tested with baselines, below",
    "add_rule": "tested with rules, below",
    "remove_rule": "tested with rules, below",
}


def test_every_action_is_tried_here() -> None:
    offered = {
        name
        for name, value in vars(actions).items()
        if inspect.isfunction(value) and value.__module__ == actions.__name__ and name[0] != "_"
    }
    assert offered == {function for function, _ in ACTIONS.values()} | set(ELSEWHERE)


@pytest.mark.parametrize("role", ROLES)
def test_who_may_not_act_changes_nothing_and_nobody_acts_for_another_tenant(
    worlds: Worlds, service: Service, role: str
) -> None:
    who = Viewer(OURS, role, "Ada")
    before = {i.incident_id: i for i in service.desk.all()}
    for name, (_, act) in ACTIONS.items():
        for mine, incident in ((False, worlds.their_ids["latency"]), (True, worlds.ids["latency"])):
            answer = act(service.settings, who, worlds, incident)
            may = who.may_act and (mine or name == "silence")
            # what was ended by one role here is over for the next
            allowed = answer.done or re.search("is (resolved|ended as|not held)", answer.reason) is not None
            assert allowed == may, (name, mine, answer)
            if not who.may_act:
                assert f"the role {role} may not act" in answer.reason
    after = {i.incident_id: i for i in service.desk.all()}
    assert all(after[i] == before[i] for i in worlds.their_ids.values())
    assert all(s.tenant == OURS for s in service.desk.silences())
    if not who.may_act:
        assert after == before
        assert not service.desk.silences()


def test_a_silence_is_lifted_by_its_tenant_alone(worlds: Worlds, service: Service) -> None:
    ours, theirs = (Viewer(tenant, "responder", "Ada") for tenant in (OURS, THEIRS))
    assert actions.silence(service.settings, ours, {"service": "support-bot"}, "30m", "deploying").done
    (made,) = (s for s in service.desk.silences() if s.in_force and s.service == "support-bot")
    refused = actions.lift(service.settings, theirs, made.silence_id, "not ours")
    assert (refused.done, "there is no silence" in refused.reason) == (False, True)
    assert not actions.lift(service.settings, replace(ours, role="analyst"), made.silence_id, "why").done
    assert actions.lift(service.settings, ours, made.silence_id, "done").done
    (over,) = (s for s in service.desk.silences() if s.silence_id == made.silence_id)
    assert (over.in_force, over.ended_by) == (False, "Ada")


def test_the_record_names_the_persons_role(worlds: Worlds, service: Service) -> None:
    who = Viewer(THEIRS, "admin", "Grace")
    assert actions.act(service.settings, who, worlds.their_ids["refusal"], actions.ACKNOWLEDGE).done
    stored = incidents.one(service.store, Scope(THEIRS, "demo-1", NOW_S), worlds.their_ids["refusal"])
    assert stored is not None
    assert stored.acknowledged_by == "Grace"
    (entry,) = (e for e in service.desk._post.actions if e["incident_id"] == worlds.their_ids["refusal"])
    assert (entry["actor"], entry["role"], entry["tenant"]) == ("Grace", "admin", THEIRS)


@pytest.mark.parametrize("role", ROLES)
def test_levels_are_accepted_for_ones_own_tenant_alone(worlds: Worlds, service: Service, role: str) -> None:
    (one, *_) = (
        x
        for x in baselines_query.learned(service.store, Scope(OURS, "demo-1", NOW_S))
        if x.score == "refusal"
    )
    which = {"lineage": "demo-1", "service": one.service, "environment": one.environment}
    which |= {"score": "refusal", "slice": "all", "version": one.version}
    who = Viewer(OURS, role, "Ada")
    answer = actions.accept_baselines(service.settings, who, which | {"tenant": THEIRS}, "as agreed")
    assert answer.done == who.may_act, answer
    sent = service.desk._post.controls
    assert [(c.key.tenant, c.action, c.body["actor"]) for c in sent] == (
        [(OURS, "accept_level", "Ada")] if who.may_act else []
    )
    if who.may_act:
        old = actions.accept_baselines(service.settings, who, which | {"version": "v11"}, "as agreed")
        assert (old.done, "not version v11 any more" in old.reason) == (False, True)
        assert not actions.accept_baselines(service.settings, who, which, " ").done


RULE = """[[rule]]
score = "refusal"
measure = "rate"
op = ">"
limit = 0.3
services = ["support-bot"]
"""


@pytest.mark.parametrize("role", ROLES)
def test_admins_add_and_remove_rules_of_their_own_tenant_alone(
    worlds: Worlds, service: Service, role: str
) -> None:
    who, admin, theirs = (
        Viewer(tenant, as_, "Ada") for tenant, as_ in ((OURS, role), (OURS, "admin"), (THEIRS, "admin"))
    )
    place = {"lineage": "demo-1", "environment": "production"}
    which = place | {"service": "support-bot"}

    def rules(tenant: str) -> list[tuple[str, str, str]]:
        """As the explore page reads them."""
        found = explore_query.added(
            service.store, Scope(tenant, "demo-1", NOW_S), "support-bot", "production"
        )
        return [(one.rule.rule_id, one.actor, one.reason) for one in found]

    answer = actions.add_rule(service.settings, who, RULE, place | {"tenant": THEIRS}, "promised")
    assert answer.done == who.may_set, answer
    assert (len(rules(OURS)), rules(THEIRS)) == (int(who.may_set), [])
    assert actions.add_rule(service.settings, admin, RULE, place, "promised").done
    ((rule_id, actor, reason),) = rules(OURS)
    assert (actor, reason) == ("Ada", "promised")
    assert not actions.remove_rule(service.settings, theirs, rule_id, which, "not ours").done
    assert not actions.add_rule(service.settings, admin, RULE, place, " ").done
    assert not actions.add_rule(service.settings, admin, RULE.replace("rate", "rates"), place, "why").done
    removed = actions.remove_rule(service.settings, who, rule_id, which, "not needed")
    assert (removed.done, len(rules(OURS))) == (who.may_set, 1 - who.may_set)
    assert actions.remove_rule(
        service.settings, admin, rule_id, which, "over"
    ).done  # removed again: told again
    assert rules(OURS) == []
    assert {c.key.tenant for c in service.desk._post.controls} == {OURS}
