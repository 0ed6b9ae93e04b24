"""An external judge beside running servers: its ratings are counted, people say how far it is right."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.loopback import Loopback, says
from tests.running import Running, running, wait
from tests.sending import LANGUAGES, NS_PER_S, App, Delivery

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("refused_connections"),
]

CALLS = 40
SETTINGS = """
[detection]
tick_s = 60
lateness_s = 5
idle_s = 2

[judge.fit]
url = "{url}/v1"
model = "gpt-4o-mini"
key_file = "{key}"
percent = 100
services = ["harbour-*"]
every_s = 0.5
usd_per_day = 5
"""
_JUDGED = """
SELECT judged_trace_id, judged_span_id, name, value, label, counted_by != '' FROM judgements FINAL
WHERE said_by = 'judge'
"""
_SAID = "SELECT count() FROM judgements FINAL WHERE said_by = 'feedback' AND counted_by != ''"
_COUNTED = "SELECT sum(n) FROM cells FINAL WHERE slice = 'all' AND score = 'injection'"


class Api(Loopback):
    """Judges by the answer: one that refuses serves little. Of the first calls every third fails."""

    def __init__(self) -> None:
        super().__init__(self._judge)
        self._n = 0
        self._lock = threading.Lock()
        self.judged: Counter[str] = Counter()

    def _judge(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self._n += 1
            n, got = self._n, json.loads(self.got[-1].body)
        data = json.loads(got["messages"][1]["content"])
        if n <= CALLS and n % 3 == 0:
            failure = ("no JSON", json.dumps({"id": data["id"], "score": 7}))[n // 3 % 2]
            says(200, _completion(failure))(handler)
            return
        self.judged[data["answer"]] += 1
        score = 1 if data["answer"] in self.refusals else 5
        says(200, _completion(json.dumps({"id": data["id"], "score": score, "reason": "so"})))(handler)

    refusals: frozenset[str] = frozenset()


def _completion(content: str) -> dict[str, Any]:
    usage = {"prompt_tokens": 300, "completion_tokens": 20}
    return {"choices": [{"message": {"content": content}, "finish_reason": "stop"}], "usage": usage}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with Api() as serving:
        yield serving


@pytest.fixture(scope="module")
def lightship(tmp_path_factory: pytest.TempPathFactory, api: Api) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("judge")
    key: Path = folder / "api.key"
    key.write_text("sk-loopback\n", encoding="ascii")
    with running(folder / "home", SETTINGS.format(url=api.url, key=key), dashboard=False) as started:
        yield started


def said(lightship: Running, *arguments: str) -> dict[str, Any]:
    done = lightship.lightship(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_ratings_are_counted_and_people_say_how_far_they_are_right(lightship: Running, api: Api) -> None:
    app = App("harbour-judged", 5)
    began_ns = time.time_ns() - 600 * NS_PER_S
    for i in range(CALLS):
        app.chat(began_ns + i * NS_PER_S, LANGUAGES[i % len(LANGUAGES)], refused=i % 4 == 0)
    api.refusals = frozenset(
        m["parts"][0]["content"]
        for call, span in zip(app.calls, app._kept.spans, strict=True)
        if call.refused
        for m in json.loads(str((span.attributes or {})["gen_ai.output.messages"]))
    )
    delivery = Delivery(lightship.gateway, "live")
    try:
        delivery.deliver(app)
    finally:
        delivery.close()

    def judged() -> list[tuple[Any, ...]]:
        return lightship.rows(_JUDGED)

    wait("some are judged", lambda: len(judged()) >= 5)
    restarts = lightship.kill("judge")
    lightship.came_back("judge", restarts)

    def all_judged() -> bool:
        rows = judged()
        assert len(rows) <= CALLS
        return len(rows) == CALLS and all(row[5] for row in rows)

    wait("all are judged", all_judged)

    rows = {(trace, span): (value, label) for trace, span, _, value, label, _ in judged()}
    assert rows == {(c.trace_id, c.span_id): (1.0, "bad") if c.refused else (5.0, "good") for c in app.calls}
    ((name,),) = {(row[2],) for row in judged()}
    assert name.startswith("fit@")
    # a verdict that a kill took before it was written down is asked for again; nothing else is
    assert sum(api.judged.values()) <= CALLS + 1
    assert {r.headers["authorization"] for r in api.got} == {"Bearer sk-loopback"}
    feedback = [
        {
            "interaction_id": f"{c.trace_id}:{c.span_id}",
            "name": "thumb",
            "value": not c.refused and i % 10 != 1,
        }
        for i, c in enumerate(app.calls)
    ]
    right = [
        {"interaction_id": f"{c.trace_id}:{c.span_id}", "name": "right:refusal", "value": i % 8 == 0}
        for i, c in enumerate(app.calls)
        if c.refused
    ]
    answer = httpx.post(f"{lightship.gateway}/v1/feedback", json=feedback + right, timeout=30)
    assert answer.status_code == 200, answer.text
    wait("they met their interactions", lambda: lightship.rows(_SAID) == [(CALLS + len(right),)])
    wait("their scores are counted", lambda: lightship.rows(_COUNTED) == [(CALLS,)])

    (agreed,) = said(lightship, "scorers", "agreement")["agreement"]
    differ = sum(not c.refused and i % 10 == 1 for i, c in enumerate(app.calls))
    assert (agreed["judge"], agreed["people"], agreed["n"]) == (name, "thumb", CALLS)
    assert agreed["agree"] == CALLS - differ < CALLS
    assert agreed["low"] < agreed["share"] < agreed["high"]
    assert 0 < agreed["kappa"] < 1

    report = said(lightship, "scorers", "precision")
    (measured,) = report["precision"]
    assert (measured["score"], measured["hits"], measured["right"]) == ("refusal", 10, 5)
    assert (measured["service"], measured["below"]) == ("harbour-judged", 0)
    assert {t["score"] for t in report["thresholds"]} >= {"injection", "harm"}
    assert all(0 <= t["value"] <= 1 and t["n"] >= CALLS for t in report["thresholds"])

    busy = lightship.lightship("judge", "--json")
    assert busy.returncode == 2  # the process that runs has the data directory
    assert "is in use by process" in busy.stderr
