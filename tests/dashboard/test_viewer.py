from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.access.viewer import NothingGranted, SignInNeeded, Viewer, from_environment, grants, signed_in
from dashboard.queries.scope import Heartbeat
from dashboard.shared.elements import OLD, news
from dashboard.shared.sign_in import KEPT_FOR, Place, Places, unmasked
from infra.dashboard_sections import ROLES, AccessSettings, LoginSettings
from infra.errors import Misconfigured

NOW = datetime(2026, 3, 17, tzinfo=UTC)
LOGIN = LoginSettings(session_minutes=60)
ACCESS = (
    AccessSettings("staff", "viewer"),
    AccessSettings("on-call", "responder"),
    AccessSettings("on-call", "analyst", tenant="shop"),
    AccessSettings("ana@example.org", "admin", claim="email", tenant="lab"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("on-call"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def claims(**more: Any) -> dict[str, Any]:
    at = int(NOW.timestamp()) - 600
    return {"is_logged_in": True, "iat": at, "sub": "u1", "email": "bob@example.org", "groups": []} | more


@pytest.mark.parametrize(
    ("role", "reads", "acts", "sets"),
    [
        ("viewer", False, False, False),
        ("analyst", True, False, False),
        ("responder", True, True, False),
        ("admin", True, True, True),
    ],
)
def test_each_role_may_what_the_one_before_may(role: str, reads: bool, acts: bool, sets: bool) -> None:
    who = Viewer("default", role, "Ada")
    assert (who.may_read_text, who.may_act, who.may_set) == (reads, acts, sets)
    assert role in ROLES


def test_on_ones_own_machine_the_account_may_act() -> None:
    who = from_environment({})
    assert (who.tenant, who.role, who.until) == ("default", "responder", None)
    assert who.name


def test_reachable_from_elsewhere_nobody_unknown_reads_texts_or_acts() -> None:
    assert from_environment({}, loopback=False).role == "viewer"
    assert from_environment({"LIGHTSHIP_ROLE": "analyst"}, loopback=False).role == "analyst"


def test_a_role_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(Misconfigured, match="viewer, analyst, responder, admin"):
        from_environment({"LIGHTSHIP_ROLE": "root"})


@pytest.mark.parametrize(
    ("said", "granted"),
    [
        ({"groups": ["staff"]}, {"default": "viewer"}),
        ({"groups": "staff"}, {"default": "viewer"}),  # some providers send one value bare
        ({"groups": ["on-call", "staff"]}, {"default": "responder", "shop": "analyst"}),
        ({"email": "ana@example.org"}, {}),
        ({"email": "ana@example.org", "email_verified": True}, {"lab": "admin"}),
        ({"email": "ana@example.org", "email_verified": False}, {}),
        ({"email": "ana@example.org", "email_verified": "true"}, {}),  # a text is not true
        ({"email": "ana@example.org", "email_verified": "false"}, {}),
        ({"email": "ana@example.org", "email_verified": 1.5}, {}),
        ({"email": "ana@example.org", "email_verified": None}, {}),
        ({"email": "ana@example.org", "email_verified": [True]}, {}),
        ({"email": "ANA@example.org"}, {}),
        ({"groups": "on-call staff"}, {}),  # a list in one text is not a list
        ({"groups": {"on-call": True}}, {}),
        ({"roles": ["on-call"]}, {}),
    ],
)
def test_claims_grant_the_strongest_role_in_each_tenant(
    said: dict[str, Any], granted: dict[str, str]
) -> None:
    assert grants(claims(**said), ACCESS) == granted


def test_only_granted_tenants_can_be_chosen() -> None:
    both = claims(groups=["on-call"])
    assert signed_in(both, LOGIN, ACCESS, NOW).tenant == "default"
    chosen = signed_in(both, LOGIN, ACCESS, NOW, "shop")
    assert (chosen.tenant, chosen.role, chosen.tenants) == ("shop", "analyst", ("default", "shop"))
    assert signed_in(both, LOGIN, ACCESS, NOW, "lab").tenant == "default"
    with pytest.raises(NothingGranted, match=r"bob@example\.org"):
        signed_in(claims(), LOGIN, ACCESS, NOW, "default")


@pytest.mark.parametrize(
    ("said", "expired"),
    [
        ({"is_logged_in": False}, False),
        ({"is_logged_in": "true"}, False),
        ({"iat": NOW.timestamp() - 3600}, True),
        ({"iat": None}, True),
        ({"iat": True}, True),
        ({"iat": "1773705600"}, True),
        ({"iat": 1e300}, True),
        ({"iat": -1e300}, True),
        ({"iat": float("nan")}, True),
        ({"iat": float("inf")}, True),
        ({"iat": NOW.timestamp() + 121}, True),  # of a clock that is wrong: it would last too long
    ],
)
def test_a_session_needs_a_sign_in_that_is_not_too_old(said: dict[str, Any], expired: bool) -> None:
    with pytest.raises(SignInNeeded) as closed:
        signed_in(claims(groups=["on-call"], **said), LOGIN, ACCESS, NOW)
    assert closed.value.expired == expired
    last = claims(groups=["on-call"], iat=NOW.timestamp() - 3599)
    assert signed_in(last, LOGIN, ACCESS, NOW).until == NOW + timedelta(seconds=1)


@given(st.dictionaries(st.sampled_from(["groups", "email", "email_verified", "sub", "is_logged_in"]), JSON))
def test_claims_of_any_shape_give_a_role_only_by_a_value_that_is_listed(said: dict[str, Any]) -> None:
    body = claims() | said
    try:
        who = signed_in(body, LOGIN, ACCESS[:3], NOW)
    except (SignInNeeded, NothingGranted):
        return
    found = body["groups"]
    assert found == "on-call" or "on-call" in found
    assert (who.tenant, who.role) == ("default", "responder")
    assert 0 < len(who.name) <= 100


def test_a_name_comes_from_the_claim_that_is_set_else_from_the_subject() -> None:
    named = LoginSettings(name_claim="preferred_username")
    group = {"groups": ["staff"]}
    assert signed_in(claims(**group), named, ACCESS, NOW).name == "u1"
    assert signed_in(claims(**group, preferred_username="bob"), named, ACCESS, NOW).name == "bob"


def test_a_browser_is_known_by_its_token_however_it_is_masked() -> None:
    one = unmasked("2|17c942c2|fae4a9c8cc115aa3bfc6f9e610e6df44|1795840476")
    assert one == unmasked("2|598a893d|b4a762378252915cf18532195ea514bb|1795840476")
    assert one != unmasked("2|598a893d|b4a762378252915cf18532195ea514bc|1795840476")
    for text in ("", "2", "2|xx|yy|1", "2||b4a762378252915cf18532195ea514bb|1", "2|598a893d|b4|1"):
        assert unmasked(text) == b""


def test_a_place_is_given_back_once_to_its_browser_and_not_when_it_is_old() -> None:
    places, place = Places(limit=2), Place("incident", {"id": "a"}, NOW)
    for browser in ("one", "two", "three"):
        places.keep(browser, place)
    assert places.take("one", NOW) is None  # the limit
    assert places.take("two", NOW + KEPT_FOR) == place
    assert places.take("two", NOW) is None
    assert places.take("three", NOW + KEPT_FOR + timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    ("then", "now", "age", "said"),
    [
        (Heartbeat(3, NOW), Heartbeat(3, NOW), timedelta(hours=1), ""),
        (Heartbeat(3, NOW), Heartbeat(4, NOW), timedelta(0), "an incident has changed since"),
        (Heartbeat(3, NOW), Heartbeat(3, NOW + OLD), timedelta(seconds=40), ""),  # numbers move all the time
        (
            Heartbeat(3, NOW),
            Heartbeat(3, NOW + OLD),
            OLD + timedelta(seconds=1),
            "newer numbers have arrived",
        ),
        (None, Heartbeat(3, NOW), timedelta(0), "the store answers again"),
        (Heartbeat(3, NOW), None, timedelta(hours=1), ""),  # the page says elsewhere that it does not
    ],
)
def test_what_a_page_offers_to_reload_for(
    then: Heartbeat | None, now: Heartbeat | None, age: timedelta, said: str
) -> None:
    assert news(then, now, age) == said
