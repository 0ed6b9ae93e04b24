"""Addresses for commands: from the settings, else from the instance that runs on the data directory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from infra.embedded.pair import with_password
from infra.embedded.run_file import read_run
from infra.errors import Misconfigured
from infra.settings import Settings

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound
"""Addresses a server listens on that nobody can connect to, and what to use from the same machine."""


def reach(settings: Settings) -> Settings:
    """Settings with every address known.

    Raises
    ------
    Misconfigured
        If an address is not set and nothing runs on the data directory.
    """
    if settings.kafka.bootstrap and settings.store.url:
        return settings
    addresses = _running(settings)
    kafka, store = settings.kafka, settings.store
    if not kafka.bootstrap:
        kafka = replace(kafka, bootstrap=addresses["kafka"])
    if not store.url:
        shown = str(addresses["clickhouse"]).replace(":***@", "@")
        store = replace(store, url=with_password(settings.home, shown))
    return replace(settings, kafka=kafka, store=store)


def gateway_address(settings: Settings) -> str:
    """Where applications send to: the running instance's gateway, else the configured one."""
    return _address(settings, "gateway", settings.gateway.host, settings.gateway.port)


def alerts_address(settings: Settings) -> str:
    """Where the alerts service answers: the running instance's, else the configured one."""
    return _address(settings, "alerts", settings.alerts.host, settings.alerts.port)


def dashboard_address(settings: Settings) -> str:
    """Where people reach the dashboard: the running instance's, else the configured one."""
    if settings.dashboard.login.metadata_url:
        return settings.dashboard.address
    return _address(settings, "dashboard", settings.dashboard.host, settings.dashboard.port)


def _address(settings: Settings, name: str, host: str, port: int) -> str:
    run = read_run(settings.home)
    if run is not None and name in run.get("addresses", {}):
        return str(run["addresses"][name])
    host = EVERYWHERE.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _running(settings: Settings) -> dict[str, Any]:
    run = read_run(settings.home)
    addresses = run.get("addresses") if run is not None else None
    if not isinstance(addresses, dict) or not urlsplit(str(addresses.get("clickhouse"))).hostname:
        raise Misconfigured(
            f"nothing runs on {settings.home}: start `lightship up`, or set LIGHTSHIP_KAFKA and "
            "LIGHTSHIP_CLICKHOUSE"
        )
    return addresses
