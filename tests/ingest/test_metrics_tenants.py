"""``/metrics`` of relay and judge: numbers for everybody, names of tenants for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from infra.metrics_key import PRIVATE_LABELS
from ingest.agents.probe import probe
from ingest.agents.relay import metrics as relays
from ingest.agents.stream import Health
from ingest.gateway.metrics import Metric, Metrics
from ingest.judge import metrics as judges
from ingest.judge.__main__ import _probe

TENANTS = ("acme-hospital", "first-bank")


def filled(listed: Sequence[Metric]) -> Metrics:
    """Every metric with numbers of two tenants."""
    counters = Metrics(listed)
    for metric in listed:
        for tenant in TENANTS:
            counters.add(metric, *(tenant if n in PRIVATE_LABELS else "x" for n in metric.labels), n=2)
    return counters


def relay() -> web.Application:
    """As `ingest.agents.relay.worker` opens it."""
    counters = filled(relays.ALL)
    return probe(Health(), counters.samples)


def judge() -> web.Application:
    """As `ingest.judge` opens it."""
    return _probe([], {}, filled(judges.ALL), "127.0.0.1")


@pytest.mark.parametrize("process", [relay, judge])
def test_metrics_count_every_tenant_and_name_none(process: type) -> None:
    async def test() -> str:
        async with TestClient(TestServer(process())) as client:
            answer = await client.get("/metrics")
            assert answer.status == 200
            return await answer.text()

    text = asyncio.run(test())
    assert any(PRIVATE_LABELS & set(m.labels) for m in relays.ALL + judges.ALL)
    for tenant in TENANTS:
        assert tenant not in text
    assert "tenant=" not in text
    (line,) = [x for x in text.splitlines() if x.startswith("lightship_gateway_log_records_total")]
    assert line.endswith(" 4")
