"""The compose file: under which names its services answer, and what each may do."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dashboard.__main__ import options
from infra.http_hosts import AllowedHosts
from infra.settings import load
from tests.infra.test_deployment import COLLECTORS, COMPOSE, OURS, PORTS, SERVICES, make_secrets


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


def test_servers_of_others_are_on_a_network_without_a_way_in_or_out() -> None:
    assert COMPOSE["networks"]["backend"]["internal"] is True
    for name in ("kafka", "clickhouse"):
        assert SERVICES[name]["networks"] == ["backend"]
        assert "ports" not in SERVICES[name]
    assert SERVICES["collector"]["networks"] == ["edge"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_published_is_published_to_loopback(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert bool(ports) == (name in ("gateway", "dashboard", "collector"))
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", COLLECTORS)
def test_a_collector_takes_nothing_without_a_token(name: str) -> None:
    for protocol in COLLECTORS[name]["receivers"]["otlp"]["protocols"].values():
        assert protocol["auth"]["authenticator"] in COLLECTORS[name]["extensions"]


def test_secrets_that_exist_are_left_and_what_follows_from_them_is_made_of_them(tmp_path: Path) -> None:
    """As for whoever has a password from before ClickHouse's account was a file."""
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)
    (folder / "clickhouse_password").write_text("from before\n")
    make_secrets(tmp_path)
    assert (folder / "clickhouse_password").read_text() == "from before\n"
    assert hashlib.sha256(b"from before").hexdigest() in (folder / "clickhouse_account").read_text()
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(set(made.values())) == len(made)
    make_secrets(tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == made
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_has_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in ("0", "root")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    assert service["restart"] == ("no" if name == "setup" else "unless-stopped")
