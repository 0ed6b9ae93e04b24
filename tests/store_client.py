"""A client of the embedded store and a table of one test, as fixtures for modules that import them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client


def connect(url: str, **more: Any) -> Client:
    """The ordinary client, with whatever else it takes."""
    parts = urlsplit(url)
    return clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port,
        username=parts.username,
        password=more.pop("password", parts.password or ""),
        **more,
    )


@pytest.fixture(name="client")
def a_client(store: str) -> Iterator[Client]:
    """A client of the store."""
    opened = connect(store)
    yield opened
    opened.close()


@pytest.fixture(name="table")
def a_table(client: Client) -> Iterator[str]:
    """Name of a table that is gone after the test."""
    name = f"t_{uuid.uuid4().hex}"
    yield name
    client.command(f"DROP TABLE IF EXISTS {name}")
