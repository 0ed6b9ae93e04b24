"""Every route of the alerts API as every role: who may do what is decided where it is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Route

from alerts.access.keys import granted, role_token
from infra.dashboard_sections import ROLES
from tests.alerts.test_api import TOKEN, Bench

OPEN = ("/healthz", "/readyz", "/metrics")
LEAST = {
    ("GET", "/incidents"): "viewer",
    ("GET", "/oncall"): "viewer",
    ("GET", "/incidents/{incident_id}"): "viewer",
    ("GET", "/incidents/{incident_id}/held"): "viewer",
    ("POST", "/incidents/{incident_id}/{action}"): "responder",
    ("GET", "/silences"): "viewer",
    ("POST", "/silences"): "responder",
    ("POST", "/silences/apply"): "responder",
    ("POST", "/silences/{silence_id}/lift"): "responder",
    ("GET", "/allow"): "viewer",
    ("POST", "/allow"): "responder",
    ("POST", "/allow/preview"): "responder",
    ("POST", "/allow/{rule_id}/remove"): "responder",
    ("GET", "/rules"): "viewer",
    ("POST", "/rules"): "admin",
    ("POST", "/rules/apply"): "admin",
    ("POST", "/rules/{rule_id}/remove"): "admin",
    ("POST", "/receivers/{name}/works"): "responder",
    ("GET", "/baselines"): "viewer",
    ("POST", "/baselines/{action}"): "responder",
}
BODY = {"actor": "ana", "reason": "because"}


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    with made.client:
        yield made


def ask(
    bench: Bench, method: str, path: str, token: str, body: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    incident_id = next(i.incident_id for i in bench.desk.all() if i.place.tenant == "default")
    url = path.format(incident_id=incident_id, action="acknowledge", silence_id="s", rule_id="r", name="n")
    sent = None if method == "GET" else body or BODY
    answer = bench.client.request(method, url, headers={"authorization": f"Bearer {token}"}, json=sent)
    return answer.status_code, answer.json()


def routes(bench: Bench) -> set[tuple[str, str]]:
    found = [r for r in bench.client.app.routes if isinstance(r, Route)]  # type: ignore[attr-defined]
    return {(m, r.path) for r in found for m in (r.methods or ()) if m != "HEAD" and r.path not in OPEN}


def test_every_route_is_in_the_table(bench: Bench) -> None:
    assert routes(bench) == set(LEAST)


@pytest.mark.parametrize(("method", "path"), LEAST)
def test_a_route_is_open_from_its_least_role_on(bench: Bench, method: str, path: str) -> None:
    for role in ROLES:
        status, answer = ask(bench, method, path, role_token(TOKEN, role, "default"))
        if ROLES.index(role) < ROLES.index(LEAST[method, path]):
            assert status == 403
            assert f"needs {LEAST[method, path]}" in answer["error"]
        else:
            assert status not in (401, 403)


def test_baselines_are_adopted_by_admins_alone(bench: Bench) -> None:
    for role in ROLES:
        status, _ = ask(bench, "POST", "/baselines/adopt", role_token(TOKEN, role, "default"))
        assert (status == 403) == (role != "admin")


@pytest.mark.parametrize("claimed", ROLES)
def test_a_role_that_is_named_counts_only_as_far_as_it_is_proved(bench: Bench, claimed: str) -> None:
    act = ("POST", "/incidents/{incident_id}/{action}")
    assert ask(bench, *act, role_token(TOKEN, "viewer", "default"), {**BODY, "role": claimed})[0] == 403
    status, _ = ask(bench, *act, role_token(TOKEN, "responder", "default"), {**BODY, "role": claimed})
    assert (status == 200) == (claimed == "responder")
    # the token itself proves everything, and what it says of the person still has to be enough
    status, _ = ask(bench, *act, TOKEN, {**BODY, "role": claimed})
    assert (status == 403) == (claimed in ("viewer", "analyst"))


def test_a_role_that_does_not_exist_is_refused(bench: Bench) -> None:
    act = ("POST", "/incidents/{incident_id}/{action}")
    assert ask(bench, *act, TOKEN, {**BODY, "role": "owner"})[0] == 422


def test_a_token_reaches_no_other_tenant(bench: Bench) -> None:
    token = role_token(TOKEN, "admin", "b")
    assert ask(bench, "GET", "/incidents/{incident_id}", token)[0] == 404
    assert ask(bench, "GET", "/incidents/{incident_id}/held", token)[0] == 404
    act = ("POST", "/incidents/{incident_id}/{action}")
    assert ask(bench, *act, token)[0] in (403, 404)
    assert ask(bench, *act, token, {**BODY, "tenant": "default"})[0] == 403
    listed = ask(bench, "GET", "/incidents", token)[1]["incidents"]
    assert {one["tenant"] for one in listed} == {"b"}
    assert ask(bench, "GET", "/incidents?tenant=default", token)[0] == 403
    assert (
        ask(bench, "POST", "/silences", token, {**BODY, "service": "bot-*", "lasts": "1h"})[1]["silence"][
            "tenant"
        ]
        == "b"
    )
    assert ask(bench, *act, TOKEN)[0] == 200


@pytest.mark.parametrize(
    "forged",
    [
        "admin.64656661756c74.",
        "admin.64656661756c74." + "0" * 64,
        "admin..x",
        "admin",
        "owner." + role_token(TOKEN, "admin", "default").partition(".")[2],
        "admin." + role_token(TOKEN, "viewer", "default").partition(".")[2],
        role_token(TOKEN, "admin", "default")[:-1],
        role_token("another-token-of-thirty-letters", "admin", "default"),
        role_token(TOKEN, "admin", "default").replace("64656661756c74", "62"),
        "admin.\u00fc.\u00fc",
    ],
)
def test_a_forged_token_proves_nothing(forged: str) -> None:
    assert granted(f"Bearer {forged}", TOKEN) is None
    assert granted(forged, TOKEN) is None
    assert granted(f"Basic {role_token(TOKEN, 'admin', 'default')}", TOKEN) is None
