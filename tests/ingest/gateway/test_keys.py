"""Keys of tenants and keys to send with."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.errors import Defect, Misconfigured
from infra.tenant_keys import load_key
from ingest.gateway.ingest_keys import IngestKeys, check_host, load_keys
from ingest.gateway.key_file import Key, KeyFile, create, revoke
from ingest.gateway.quotas import Quotas
from ingest.gateway.refusal import Refused
from ingest.gateway.serve import parse


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    key = load_key(tmp_path, "default")
    path = tmp_path / "keys" / "default.key"
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_key(tmp_path, "default") == key
    assert load_key(tmp_path, "other") != key


def test_processes_that_race_for_a_key_get_the_same_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: load_key(tmp_path, "default"), range(64)))
    assert len(keys) == 1
    assert [p.name for p in (tmp_path / "keys").iterdir()] == ["default.key"]


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "a" * 64, ".", "ä"])
def test_a_name_that_is_no_tenants_names_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(Defect):
        load_key(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_key_stops_everything(tmp_path: Path) -> None:
    load_key(tmp_path, "default")
    (tmp_path / "keys" / "default.key").write_bytes(b"short")
    with pytest.raises(Defect, match="5 bytes"):
        load_key(tmp_path, "default")


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def test_a_key_file_has_one_key_a_line(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# ours\n\nalpha {digest('a')}\nbeta {digest('b').upper()}\n")
    keys = load_keys(file)
    assert keys.sender({b"authorization": b"Bearer a"}).tenant == "alpha"
    assert keys.sender({b"authorization": b"bearer  b"}).tenant == "beta"
    for headers in ({b"authorization": b"Bearer c"}, {}):
        with pytest.raises(Refused):
            keys.sender(headers)


@pytest.mark.parametrize("text", ["", "# nothing\n", "alpha secret\n", f"Alpha {digest('a')}\n", "alpha\n"])
def test_a_key_file_that_cannot_work_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(Misconfigured):
        load_keys(file)
    with pytest.raises(Misconfigured):
        load_keys(tmp_path / "missing")


EVERYWHERE = "0.0.0.0"  # noqa: S104 - what must be refused


@pytest.mark.parametrize("host", [EVERYWHERE, "10.0.0.1", "::", "gateway.example.org"])
def test_others_are_listened_to_only_with_keys(host: str) -> None:
    with pytest.raises(Misconfigured, match="--key-file"):
        check_host(host, IngestKeys(None))
    check_host(host, IngestKeys(KeyFile((Key("alpha", digest("a")),))))
    for loopback in ("127.0.0.1", "127.0.0.7", "::1", "localhost"):
        check_host(loopback, IngestKeys(None))


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "lightship.toml"
    config.write_text('[gateway]\nport = 5000\nlinger_ms = 2.0\n[kafka]\nbootstrap = "k:1"\npartitions = 8\n')
    chosen, keys = parse(["--config", str(config), "--port", "5001", "--partitions", "2"])
    assert (chosen.gateway.port, chosen.gateway.linger_ms) == (5001, 2.0)
    assert (chosen.kafka.bootstrap, chosen.kafka.partitions) == ("k:1", 2)
    assert not keys.required
    with pytest.raises(Misconfigured):
        parse(["--config", str(config), "--host", EVERYWHERE])


def test_a_key_for_synthetic_traffic_is_made_and_kept_as_one(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    probe, _ = create(file, "alpha", "probe", Quotas(), "2026-11-27T08:00:00Z", synthetic=True)
    plain, _ = create(file, "alpha", "app", Quotas(), "2026-11-27T08:00:00Z")
    revoke(file, "app", "2026-11-27T09:00:00Z")
    keys = load_keys(file)
    assert keys.sender({b"x-api-key": probe.encode()}).synthetic is True
    assert "synthetic" not in file.read_text().splitlines()[1]
    with pytest.raises(Refused):
        keys.sender({b"x-api-key": plain.encode()})
