"""Broken clocks and counters through everything, from the gateway to alerts and the dashboard."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from tests.bad_numbers import SERVICE, log_request, logs, spans, trace_request
from tests.running import running

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("refused_connections"),
]

LINEAGE = "evaluation-numbers"
HEADERS = {"content-type": "application/x-protobuf"}
PROCESSES = ("gateway", "worker", "fleet", "alerts")

_STORED = """
SELECT lineage, countIf(source = 'i'), countIf(source = 'c') FROM
(
    SELECT lineage, trace_id, 'i' AS source FROM interactions FINAL WHERE service = {service:String}
    UNION ALL
    SELECT lineage, trace_id, 'c' AS source FROM context_spans FINAL WHERE service = {service:String}
)
GROUP BY lineage ORDER BY lineage
"""
_TIMES = """
SELECT countIf(clock_skew), countIf(received_at < now() - 3600)
FROM interactions FINAL WHERE service = {service:String} AND lineage = {lineage:String}
"""
_CELLS = """
SELECT toYear(min(tick)), toYear(max(tick)) FROM cells FINAL
WHERE service = {service:String} AND lineage = {lineage:String}
"""


def test_everything_is_kept_flagged_and_shown_and_nobody_is_paged(tmp_path: Path) -> None:
    with (
        running(tmp_path / "home") as lightship,
        httpx.Client(base_url=lightship.gateway, timeout=60) as client,
    ):
        now_ns = time.time_ns()
        sent = [span for _, span in spans(now_ns)]
        records = list(logs(now_ns))
        for lineage in ("live", LINEAGE):
            headers = {**HEADERS, "lightship-lineage": lineage}
            for at in range(0, len(sent), 10):
                body = trace_request(*sent[at : at + 10]).SerializeToString()
                assert client.post("/v1/traces", content=body, headers=headers).status_code == 200
            body = log_request(*records).SerializeToString()
            assert client.post("/v1/logs", content=body, headers=headers).status_code == 200
        before = {name: lightship.state(name).restarts for name in PROCESSES}
        for ahead in ("0", "1", str(2**63 - 1), str(2**64), "-1", "NaN"):
            marked = {**HEADERS, "lightship-lineage": LINEAGE, "lightship-event-time": ahead}
            assert client.post("/v1/traces", content=b"", headers=marked).status_code == 400
        lightship.end(LINEAGE, time.time_ns())
        lightship.settle(LINEAGE)
        stored = {lineage: n + m for lineage, n, m in lightship.rows(_STORED, service=SERVICE)}
        assert stored == {LINEAGE: len(sent), "live": len(sent)}
        for lineage in ("live", LINEAGE):
            skewed, old = lightship.rows(_TIMES, service=SERVICE, lineage=lineage)[0]
            assert skewed >= 10
            assert old == 0
            (years,) = lightship.rows(_CELLS, service=SERVICE, lineage=lineage)
            assert years == (2026, 2026) or set(years) <= {2025, 2026, 2027}, years
        assert {name: lightship.state(name).restarts for name in PROCESSES} == before
        balanced = lightship.lightship("ledger", "--json")
        assert balanced.returncode == 0, balanced.stdout
        paged = [i for i in lightship.alerts("/incidents?limit=500")["incidents"] if i["severity"] == "page"]
        assert [i["headline"] for i in paged] == []
