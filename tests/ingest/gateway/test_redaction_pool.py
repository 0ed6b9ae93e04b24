"""Processes that redact for a gateway: their answers, their queue, their deaths."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from detectors.redaction import Meter
from infra.settings import load
from ingest.errors import BadRecord, Unavailable
from ingest.gateway import metrics
from ingest.gateway.metrics import Metrics
from ingest.gateway.parts import Parts, take_apart
from ingest.gateway.redaction_pool import MOST_WAITING, RedactionPool, pool_of
from ingest.gateway.refusal import BUSY, TOO_COSTLY, Refused
from ingest.otlp.redactors import Redactors
from ingest.otlp.views import parse_traces
from tests.conftest import ROOT
from tests.fuzz.hostile import text_of
from tests.ingest.telemetry import chat, span, traces

REQUEST = traces(
    *(
        span({**chat(), "gen_ai.prompt": f"mail bob{i}@x.org {'word ' * 500}"}, span_id=i + 1)
        for i in range(20)
    )
)
BODY = REQUEST.SerializeToString()


def in_a_loop(test: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """A test that runs in an event loop of its own."""

    @functools.wraps(test)
    def run(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))

    return run


@contextlib.asynccontextmanager
async def pool(home: Path, processes: int = 1, **more: str) -> AsyncIterator[tuple[RedactionPool, Metrics]]:
    Redactors(home).of("default")
    environment = {"LIGHTSHIP_HOME": str(home), "LIGHTSHIP_GATEWAY_REDACTION_PROCESSES": str(processes)}
    counters = Metrics()
    made = pool_of(load(environ={**environment, **more}), counters)
    await made.start()
    try:
        yield made, counters
    finally:
        await made.stop()


async def take(on: RedactionPool, body: bytes = BODY, tenant: str = "default") -> Parts:
    return await on.take("traces", body, tenant, is_json=False, synthetic=False)


@in_a_loop
async def test_a_process_answers_as_this_one_would(tmp_path: Path) -> None:
    here = take_apart(parse_traces(BODY), Redactors(tmp_path).of("default"), 4, Meter(10**9), synthetic=False)
    async with pool(tmp_path, LIGHTSHIP_KAFKA_PARTITIONS="4") as (made, _):
        there = await take(made)
        with pytest.raises(BadRecord, match="protobuf"):
            await take(made, b"\xff" * 99)
        assert await take(made) == there
    assert there == here
    assert there.records == 20
    assert there.removed == {"email": 20}
    assert b"bob1@x.org" not in b"".join(p.body for p in there.pieces)


@in_a_loop
async def test_a_killed_process_costs_one_answer_and_comes_back(tmp_path: Path) -> None:
    async with pool(tmp_path) as (made, counters):
        await take(made)
        (pid,) = made.pids
        os.kill(pid, signal.SIGKILL)
        outcomes = [await asyncio.gather(take(made), return_exceptions=True) for _ in range(2)]
        assert isinstance(outcomes[0][0], Unavailable | Parts)  # it may be seen before the next request
        assert isinstance(outcomes[1][0], Parts)
        assert made.pids != [pid]
        assert counters.value(metrics.REDACTION_RESTARTS) <= 1


@in_a_loop
async def test_more_than_may_wait_is_refused_and_tenants_take_turns(tmp_path: Path) -> None:
    Redactors(tmp_path).of("other")
    async with pool(tmp_path) as (made, _):
        await take(made)
        order: list[str] = []

        async def one(tenant: str) -> None:
            await take(made, tenant=tenant)
            order.append(tenant)

        flood = [asyncio.create_task(one("default")) for _ in range(MOST_WAITING + 1)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as caught:
            await take(made)
        assert caught.value.reason is BUSY
        assert caught.value.retry_after_s == 1
        await one("other")  # somebody else's queue is empty
        await asyncio.gather(*flood)
        assert order.index("other") <= 3


@in_a_loop
async def test_one_that_takes_too_long_is_killed_and_refused(tmp_path: Path) -> None:
    Redactors(tmp_path).of("default")
    configuration = {"home": str(tmp_path), "redaction": {}, "partitions": 4, "text_ms": 1e9,
                     "text_chars": 1 << 30, "request_ms": 1e9}  # fmt: skip
    made = RedactionPool(configuration, Metrics(), 1, most_s=1)
    await made.start()
    slow = traces(*(span({**chat(), "gen_ai.prompt": text_of("telephones", 1 << 20)}) for _ in range(8)))
    try:
        with pytest.raises(Refused, match="smaller batches") as caught:
            await take(made, slow.SerializeToString())
        assert caught.value.reason is TOO_COSTLY
        assert caught.value.retry_after_s is None
        assert (await take(made, traces(span(chat())).SerializeToString())).records == 1
    finally:
        await made.stop()


@in_a_loop
async def test_records_beyond_what_a_request_may_cost_are_rejected_and_counted(tmp_path: Path) -> None:
    costly = traces(
        *(
            span({**chat(), "gen_ai.prompt": text_of("addresses", 20_000, i)}, span_id=i + 1)
            for i in range(50)
        )
    )
    async with pool(tmp_path, LIGHTSHIP_GATEWAY_REDACTION_REQUEST_MS="200") as (made, _):
        parts = await take(made, costly.SerializeToString())
    kept = sum(p.records for p in parts.pieces)
    assert 0 < kept < 50
    assert parts.rejected == {"over_redaction_budget": 50 - kept}
    assert b"@x" not in b"".join(p.body for p in parts.pieces)


def test_processes_die_with_the_one_that_started_them(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys, time\nfrom infra.settings import load\n"
        "from ingest.gateway.metrics import Metrics\n"
        "from ingest.gateway.redaction_pool import pool_of\n"
        "async def main():\n    p = pool_of(load(), Metrics())\n    await p.start()\n"
        "    while len(p.pids) < 2: await asyncio.sleep(0.05)\n"
        "    print(*p.pids, flush=True)\n    await asyncio.sleep(60)\nasyncio.run(main())"
    )
    environment = {
        **os.environ,
        "LIGHTSHIP_HOME": str(tmp_path),
        "LIGHTSHIP_GATEWAY_REDACTION_PROCESSES": "2",
    }
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pids = list(map(int, parent.stdout.readline().split()))
        parent.kill()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(map(_runs, pids)):
        time.sleep(0.1)
    assert not any(map(_runs, pids))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
