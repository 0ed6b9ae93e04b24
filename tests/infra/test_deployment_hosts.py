"""The compose file: under which names its services answer, and what the programs of others may do."""

from __future__ import annotations

import pytest

from dashboard.__main__ import options
from infra.http_hosts import AllowedHosts
from infra.settings import load
from tests.infra.test_deployment import OURS, PORTS, SERVICES


@pytest.mark.parametrize("name", ["gateway", "alerts"])
def test_a_listener_answers_under_its_service_name_and_no_other(name: str) -> None:
    settings = load(environ=OURS[name]["environment"])
    named = settings.gateway.allowed_hosts if name == "gateway" else settings.alerts.allowed_hosts
    allowed = AllowedHosts("0.0.0.0", named)  # noqa: S104 - inside a container
    for host in (name, f"{name}:{PORTS[name]}", f"127.0.0.1:{PORTS[name]}", "localhost"):
        assert allowed.refusal([host.encode()]) is None
    assert allowed.refusal([b"evil.example"]) is not None


def test_the_dashboard_answers_under_its_service_name_and_those_of_loopback() -> None:
    settings = load(environ=OURS["dashboard"]["environment"])
    assert set(options(settings)["server.allowedHosts"]) == {"127.0.0.1", "::1", "localhost", "dashboard"}


@pytest.mark.parametrize("name", ["kafka", "clickhouse"])
def test_what_is_not_ours_publishes_nothing_and_gains_no_rights(name: str) -> None:
    assert "ports" not in SERVICES[name]
    assert "no-new-privileges:true" in SERVICES[name]["security_opt"]
    assert "privileged" not in SERVICES[name]
