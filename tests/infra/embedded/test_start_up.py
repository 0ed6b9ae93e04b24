"""Locks, ports, run.json, producers' state: what has to be right before anything runs."""

from __future__ import annotations

import json
import os
import random
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded.directory_lock import DirectoryLock
from infra.embedded.errors import AlreadyRunning, PortBusy
from infra.embedded.object_files import ObjectFiles
from infra.embedded.pair import embedded_pair, with_password
from infra.embedded.ports import LOOPBACK, is_free, spare, spares
from infra.embedded.producer_state import META_KEY, forget_producers
from infra.embedded.reserved_ports import ReservedPorts
from infra.embedded.run_file import read_run, remove_run, write_run
from infra.errors import Misconfigured


@pytest.fixture
def busy() -> Iterator[int]:
    sock = socket.create_server((LOOPBACK, 0))
    port: int = sock.getsockname()[1]
    yield port
    sock.close()


def test_a_busy_port_that_was_asked_for_is_named(busy: int) -> None:
    with pytest.raises(PortBusy, match=rf"port {busy} for the broker is in use"):
        ReservedPorts().claim("the broker", 10_000, asked=busy)


def test_without_asking_the_next_free_port_is_taken(busy: int) -> None:
    with ReservedPorts() as ports:
        first = ports.claim("the broker", busy)
        assert first > busy
        assert ports.claim("the store", busy) > first


def test_a_spare_port_is_free_and_out_of_the_kernels_way() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = spare(random.Random(1))
    assert port < low
    assert is_free(port)
    assert spare(random.Random(1), taken={port}) != port


def test_spare_ports_are_all_different() -> None:
    assert len(set(spares(600))) == 600


def test_two_cannot_hold_one_directory(tmp_path: Path) -> None:
    with DirectoryLock(tmp_path / "home"), pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}"):
        DirectoryLock(tmp_path / "home")
    DirectoryLock(tmp_path / "home").release()


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, os; from pathlib import Path\n"
        "from infra.embedded.directory_lock import DirectoryLock as L\n"
    )
    code += "l = L(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == -9
    DirectoryLock(tmp_path).release()


def test_the_run_file_is_believed_only_while_somebody_runs(tmp_path: Path) -> None:
    with DirectoryLock(tmp_path):
        assert read_run(tmp_path) is None
        write_run(tmp_path, {"pid": 1})
        assert read_run(tmp_path) == {"v": 1, "pid": 1}
        (tmp_path / "run.json").write_text("{")
        assert read_run(tmp_path) is None
        write_run(tmp_path, {"pid": 2})
    assert read_run(tmp_path) is None
    remove_run(tmp_path)
    remove_run(tmp_path)
    assert not (tmp_path / "run.json").exists()


def test_the_stores_password_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    first = embedded_pair(tmp_path)
    again = embedded_pair(tmp_path)
    assert first.clickhouse.split("@")[0] == again.clickhouse.split("@")[0]
    key = tmp_path / "keys" / "clickhouse"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    password = key.read_text().strip()
    assert len(password) >= 32
    assert embedded_pair(tmp_path / "other").clickhouse != first.clickhouse
    shown = first.shown()
    assert password not in json.dumps(shown)
    assert all(password not in part for spec in first.specs for part in spec.argv)
    assert with_password(tmp_path, shown["clickhouse"]) == first.clickhouse


def test_ports_asked_for_are_used(tmp_path: Path) -> None:
    kafka, clickhouse = spares(2)
    pair = embedded_pair(tmp_path, kafka, clickhouse, retain_hours={"b": 1.5, "a": 2})
    assert pair.kafka == f"127.0.0.1:{kafka}"
    assert pair.clickhouse.endswith(f"@127.0.0.1:{clickhouse}")
    argv = list(pair.specs[0].argv)
    assert [argv[i + 1] for i, a in enumerate(argv) if a == "--retain"] == ["a=2", "b=1.5"]


def test_sequence_numbers_of_producers_are_forgotten_and_the_rest_is_kept(tmp_path: Path) -> None:
    files = ObjectFiles(tmp_path)
    assert forget_producers(files) == 0
    meta = {"producers": {"1": {"sequences": {}}, "2": {}}, "topics": {"t": {"x": "é"}}, "transactions": {}}
    files.put(META_KEY, json.dumps(meta).encode())
    assert forget_producers(files) == 2
    assert json.loads(files.read(META_KEY)) == {**meta, "producers": {}}
    assert forget_producers(files) == 0


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"producers": 1}', b"\xff"])
def test_damaged_metadata_is_reported(tmp_path: Path, content: bytes) -> None:
    files = ObjectFiles(tmp_path)
    files.put(META_KEY, content)
    with pytest.raises(Misconfigured, match=r"meta\.json"):
        forget_producers(files)
