"""ClickHouse behind https: our own authority is trusted, others are not.

It is said which setting decides.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.clickhouse import connect, migrate
from infra.errors import Misconfigured, Unavailable
from infra.settings import StoreSettings
from tests.certificates import certificates
from tests.tls_front import tls_front

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def behind_tls(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreSettings]:
    folder = tmp_path_factory.mktemp("tls")
    made = certificates(folder)
    parts = urlsplit(store)
    secret = folder / "password"
    secret.write_text(f"{parts.password}\n", encoding="utf-8")
    assert parts.port is not None
    with tls_front(parts.port, made) as port:
        yield StoreSettings(
            url=f"https://{parts.username}@127.0.0.1:{port}",
            password_file=str(secret),
            ca_file=str(made.ca),
            database=f"tls_{uuid.uuid4().hex[:8]}",
        )


def test_everything_works_over_tls(behind_tls: StoreSettings) -> None:
    assert migrate(behind_tls)
    client = connect(behind_tls)
    client.insert(
        "progress", [["detect", "observations", 1, 7]], ["room", "topic", "partition", "next_offset"]
    )
    assert client.query("SELECT next_offset FROM progress").result_rows == [(7,)]
    client.close()


def test_an_unknown_authority_is_named(behind_tls: StoreSettings, tmp_path: Path) -> None:
    other = certificates(tmp_path)
    for ca_file in (str(other.ca), ""):
        with pytest.raises(Misconfigured, match=r"is not trusted: set store\.ca_file"):
            connect(replace(behind_tls, ca_file=ca_file), database="default")


def test_what_cannot_be_read_or_is_refused_is_named(behind_tls: StoreSettings, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"store\.ca_file .* is no file of certificates"):
        connect(replace(behind_tls, ca_file=str(tmp_path / "missing")))
    wrong = tmp_path / "wrong"
    wrong.write_text("guessed", encoding="utf-8")
    with pytest.raises(Misconfigured, match="refuses user 'default' or the password"):
        connect(replace(behind_tls, password_file=str(wrong)), database="default")


def test_a_port_without_tls_is_not_taken_for_one_that_has_it(store: str, behind_tls: StoreSettings) -> None:
    plain = replace(behind_tls, url=f"https://default@127.0.0.1:{urlsplit(store).port}")
    with pytest.raises((Misconfigured, Unavailable)) as caught:
        connect(plain, database="default")
    assert "127.0.0.1" in str(caught.value)
