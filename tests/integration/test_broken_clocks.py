"""Broken clocks and counters through everything, from the gateway to alerts and reports.

What senders' clocks and counters say, and wall clocks of the gateway and the worker that jump by hours.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from dashboard.queries.outputs import outputs
from dashboard.queries.store import ClickHouse, Scope
from infra.clock import NS_PER_S
from tests.bad_numbers import SERVICE, log_request, logs, spans, trace_request
from tests.chaos.clocks import Clocks
from tests.ingest.telemetry import chat, pairs
from tests.running import Running, running, wait

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(600),
    pytest.mark.long,
    pytest.mark.usefixtures("refused_connections"),
]

HOUR_S = 3600
PROTOBUF = {"content-type": "application/x-protobuf"}
PROCESSES = ("gateway", "worker", "fleet", "alerts")
CLOCKED = ("gateway", "worker")
QUIET_S = 7
"""Longer than partitions without data wait before they mark the time: `idle_s`, then up to five seconds."""
SECRET = "ghp_" + "Zk4Q9" * 7 + "x"
SETTINGS = """
[detection]
idle_s = 1.0
"""

_STORED = """
SELECT trace_id, count() FROM
(
    SELECT trace_id, span_id FROM interactions FINAL
    WHERE service = {service:String} AND lineage = {lineage:String}
    UNION ALL
    SELECT trace_id, span_id FROM context_spans FINAL
    WHERE service = {service:String} AND lineage = {lineage:String}
)
GROUP BY trace_id
"""
_FLAGGED = """
SELECT trace_id FROM interactions FINAL
WHERE service = {service:String} AND lineage = {lineage:String} AND clock_skew
"""
_MARKED = """
SELECT toUnixTimestamp64Nano(max(at)) FROM observations WHERE kind = 'mark' AND lineage = 'live'
"""
_CELLS = """
SELECT toYear(min(tick)), toYear(max(tick))
FROM cells FINAL WHERE service = {service:String} AND lineage = {lineage:String}
"""
_LATE = """
SELECT count() FROM cells FINAL
WHERE service = {service:String} AND lineage = {lineage:String} AND part != 0 AND tick > now() - 3600
"""
"""Only what arrived while the gateway's clock was hours behind may be late."""


@dataclass(frozen=True, slots=True)
class World:
    """A running Lightship, and the clocks of two of its processes."""

    lightship: Running
    clocks: Clocks


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("clocks")
    clocks = Clocks(folder, CLOCKED)
    with running(folder / "home", SETTINGS, dashboard=False, adapt=clocks.adapt) as started:
        yield World(started, clocks)


@contextmanager
def undisturbed(lightship: Running) -> Iterator[None]:
    """Nothing is started again, the ledger balances, and nothing becomes a dead letter."""
    before = {name: lightship.state(name).restarts for name in PROCESSES}
    yield
    assert {name: lightship.state(name).restarts for name in PROCESSES} == before
    ledger = lightship.lightship("ledger", "--json")
    assert ledger.returncode == 0, ledger.stdout + ledger.stderr
    assert lightship.rows("SELECT sum(dead_lettered) FROM ledger FINAL") == [(0,)]


def call(rng: random.Random, at_ns: int, answer: str = "A ship that is a lighthouse.") -> Span:
    """A usual call that ends now."""
    return Span(
        trace_id=rng.randbytes(16),
        span_id=rng.randbytes(8),
        name="chat gpt-4o",
        start_time_unix_nano=at_ns - NS_PER_S,
        end_time_unix_nano=at_ns,
        attributes=pairs({**chat(answered=answer), "user.id": "u1"}),
    )


def send(client: httpx.Client, some: list[Span], service: str, lineage: str) -> None:
    """Spans of a service, ten in a request, each acknowledged."""
    for at in range(0, len(some), 10):
        body = trace_request(*some[at : at + 10], service=service).SerializeToString()
        headers = {**PROTOBUF, "lightship-lineage": lineage}
        assert client.post("/v1/traces", content=body, headers=headers).status_code == 200


def rows_of(lightship: Running, service: str) -> dict[str, int]:
    """How often each live call of a service is stored."""
    return dict(lightship.rows(_STORED, service=service, lineage="live"))


def paged(lightship: Running) -> set[tuple[str, str, str]]:
    """Lineage, service and score of everything that somebody was called for."""
    found = lightship.alerts("/incidents?limit=500")["incidents"]
    return {(i["lineage"], i["service"], i["score"]) for i in found if i["severity"] == "page"}


def test_numbers_and_times_out_of_every_range_are_kept_and_nobody_is_paged(
    world: World, tmp_path: Path
) -> None:
    lightship = world.lightship
    now_ns = time.time_ns()
    rng = random.Random(1)
    bad = [span for _, span in spans(now_ns)]
    calm = [call(rng, now_ns - n * NS_PER_S) for n in range(20)]
    lineages = ("live", "evaluation-numbers")
    with undisturbed(lightship), httpx.Client(base_url=lightship.gateway, timeout=60) as client:
        for lineage in lineages:
            send(client, bad, SERVICE, lineage)
            body = log_request(*logs(now_ns)).SerializeToString()
            headers = {**PROTOBUF, "lightship-lineage": lineage}
            assert client.post("/v1/logs", content=body, headers=headers).status_code == 200
            told = [call(rng, now_ns, f"Use {SECRET}.")] if lineage != "live" else []
            send(client, [*calm, *told], "calm", lineage)
        lightship.end(lineages[1], now_ns)
        lightship.settle(lineages[1])
        wait(
            "live traffic is stored",
            lambda: len(lightship.rows(_STORED, service="calm", lineage="live")) == 20,
        )
        for lineage in lineages:
            stored = dict(lightship.rows(_STORED, service=SERVICE, lineage=lineage))
            assert stored == {span.trace_id.hex(): 1 for span in bad}
            assert len(lightship.rows(_FLAGGED, service=SERVICE, lineage=lineage)) >= 10
            assert lightship.rows(_FLAGGED, service="calm", lineage=lineage) == []
        year = datetime.fromtimestamp(now_ns // NS_PER_S, UTC).year
        for service in (SERVICE, "calm"):
            [[first, last]] = lightship.rows(_CELLS, service=service, lineage=lineages[1])
            assert year - 1 <= first <= last <= year + 1, service
        wait("the secret beside them is a page", lambda: paged(lightship))
        assert paged(lightship) == {(lineages[1], "calm", "secrets")}
    shown(lightship, lineages[1], tmp_path)


def shown(lightship: Running, lineage: str, folder: Path) -> None:
    """The pages of outputs and the report can be made."""
    today = datetime.now(UTC)
    with lightship.store() as client:
        read = outputs(ClickHouse(client), Scope("default", lineage), SERVICE, "test", 0, 2**32 - 1)
    assert read.rows
    report = folder / "report.html"
    days = (today - timedelta(days=20), today + timedelta(days=1))
    first, last = (f"{day:%Y-%m-%d}" for day in days)
    written = lightship.lightship(
        "report", "--from", first, "--to", last, "--lineage", lineage, "--out", str(report)
    )
    assert written.returncode == 0, written.stderr
    assert SERVICE in report.read_text(encoding="utf-8")


def test_clocks_that_jump_by_hours_and_back_lose_nothing_and_time_goes_on(world: World) -> None:
    lightship, clocks = world.lightship, world.clocks
    rng = random.Random(2)
    sent: list[Span] = []
    behind: set[str] = set()
    before = paged(lightship)
    with undisturbed(lightship), httpx.Client(base_url=lightship.gateway, timeout=60) as client:
        for by_s in (0.0, 5 * HOUR_S, -5 * HOUR_S, 0.0):
            for process in CLOCKED:
                clocks.set(process, by_s)
            for _ in range(2):
                time.sleep(1)
                some = [call(rng, time.time_ns()) for _ in range(8)]
                send(client, some, "ticking", "live")
                sent += some
                behind |= {span.trace_id.hex() for span in some if by_s < 0}
            time.sleep(QUIET_S if by_s > 0 else 1)
        sent.append(call(rng, time.time_ns(), f"Use {SECRET}."))
        send(client, sent[-1:], "ticking", "live")
        every = {span.trace_id.hex(): 1 for span in sent}
        wait("all is stored", lambda: len(rows_of(lightship, "ticking")) >= len(every))
        assert rows_of(lightship, "ticking") == every
        assert {trace for (trace,) in lightship.rows(_FLAGGED, service="ticking", lineage="live")} == behind
        wait("the secret after it is a page", lambda: paged(lightship) - before)
        assert paged(lightship) - before == {("live", "ticking", "secrets")}
        last_ns = sent[-1].end_time_unix_nano
        wait("the clock of live traffic goes on", lambda: lightship.rows(_MARKED)[0][0] > last_ns)
        assert lightship.rows(_MARKED)[0][0] <= time.time_ns()
        assert lightship.rows(_LATE, service="ticking", lineage="live") == [(0,)]
