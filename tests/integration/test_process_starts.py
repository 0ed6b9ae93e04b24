"""Processes that no supervisor counts say that they start; many starts of one are a loop."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from alerts.notify import self_monitoring
from infra.clickhouse import connect
from infra.instance import VARIABLE
from infra.process_starts import read_starts, report_start
from infra.settings import StoreSettings
from tests.conftest import ROOT
from tests.databases import fresh_database

pytestmark = pytest.mark.integration


def test_a_process_that_a_platform_starts_again_and_again_is_a_page(store: str, tmp_path: Path) -> None:
    """A process of ours that ends at once, as no broker answers, and is started again as containers are."""
    settings = fresh_database(store, "process_starts_loop")
    environment = {
        "LIGHTSHIP_HOME": str(tmp_path),
        "LIGHTSHIP_CLICKHOUSE": store,
        "LIGHTSHIP_STORE_DATABASE": settings.database,
        "LIGHTSHIP_KAFKA": "127.0.0.1:1",
        "PATH": "",
    }
    code = "import sys; from ingest import process\n"
    code += "sys.exit(process.run('worker', process.arguments('ingest.worker', None, 1), [], lambda *_: 0))"
    for _ in range(4):
        argv = [sys.executable, "-c", code]
        ended = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=120)
        assert ended.returncode == 3, ended.stderr  # no broker answers
    with closing(connect(settings)) as client:
        (worker,) = read_starts(client)
    assert worker.name.startswith("worker on ")
    assert worker.count == 3
    (look,) = self_monitoring.restarts([worker], time.time_ns())
    assert look.since_ns is not None
    assert look.severity == "page"
    assert "restarted 3 times in 10 min" in look.note


def test_a_supervised_process_writes_nothing_and_one_without_a_store_starts_all_the_same(store: str) -> None:
    settings = fresh_database(store, "process_starts_quiet")
    report_start(settings, "worker", {VARIABLE: "x"})
    with closing(connect(settings)) as client:
        assert read_starts(client) == []
    began = time.monotonic()
    report_start(StoreSettings(url="http://127.0.0.1:1"), "worker", {}, wait_s=0.5)
    assert time.monotonic() - began < 30
