"""Workers come, go and fall asleep, and the store is away: what is stored, counted and found is the same.

All of it happens while traffic flows, on every kind of broker, and is compared with a day without it. On the
embedded one it is part of `make chaos`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from kafka import TopicPartition

from infra.kafka import LOGS, OBSERVATIONS, SPANS
from ingest.exit_code import UNAVAILABLE
from tests.brokers import EMBEDDED, KINDS
from tests.journey import Journey
from tests.judged import accounted_for, aggregated, confirmed, incidents, stored, told
from tests.running import STREAM_GROUP, Running, reader, running, wait
from tests.workers import Worker, worker

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("refused_connections"),
]

_STORED_TO = "SELECT topic, partition, max(offset) + 1 FROM ledger FINAL GROUP BY topic, partition"
_SNAPSHOTS = "SELECT shard, max(next_offset) FROM snapshots WHERE room = 'detect' GROUP BY shard"


@dataclass(slots=True)
class Days:
    """A running Lightship, what went through it, and what an undisturbed day confirms."""

    lightship: Running
    expected: dict[tuple[str, ...], Any]
    done: list[Journey] = field(default_factory=list)

    def same(self, name: str, before_slice: Callable[[int], None]) -> None:
        """One more day, disturbed, gives what the first one did."""
        journey = Journey(f"evaluation-{name}")
        self.done.append(journey)
        journey.send(self.lightship, before_slice)
        self.lightship.settle(journey.lineage)
        stored(self.lightship, journey)
        aggregated(self.lightship, journey)
        accounted_for(self.lightship, *self.done)
        assert confirmed(self.lightship, journey.lineage) == self.expected
        (incident,) = incidents(self.lightship, journey.lineage)
        assert len(told(self.lightship, incident)) == 1


@pytest.fixture(scope="module", params=[pytest.param(EMBEDDED, marks=pytest.mark.chaos), *KINDS[1:]])
def days(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    home = tmp_path_factory.mktemp("days") / "home"
    with running(home, dashboard=False, kind=request.param) as lightship:
        quiet = Journey("evaluation-quiet")
        quiet.send(lightship)
        lightship.settle(quiet.lineage)
        expected = confirmed(lightship, quiet.lineage)
        assert expected
        yield Days(lightship, expected, [quiet])


def test_one_worker_two_three_and_one_again(days: Days) -> None:
    with contextlib.ExitStack() as stack:
        more: list[Worker] = []

        def change(number: int) -> None:
            if number in (3, 18):
                more.append(stack.enter_context(worker(days.lightship)))
            elif number == 36:
                more[0].shares()
                assert more[0].end() in (0, UNAVAILABLE)  # within a rebalance a stop may end as a crash would
            elif number == 50:
                more[1].shares()
                more[1].end(signal.SIGKILL)
            time.sleep(0.25)

        days.same("rebalanced", change)


def test_a_worker_that_wakes_up_among_others_does_no_harm(days: Days) -> None:
    """It had slept for longer than its session: others had gone on with what it was doing."""
    session_s = days.lightship.everything.settings.kafka.session_timeout_s
    with worker(days.lightship) as sleeper:

        def sleep(number: int) -> None:
            if number == 10:
                sleeper.shares()
            elif number == 20:
                threading.Thread(target=sleeper.pause, args=(session_s + 4.0,)).start()
            elif number > 20:
                time.sleep(0.2)

        days.same("slept", sleep)
        assert sleeper.process.wait(60) == 3


def test_a_worker_that_is_told_to_stop_leaves_nothing_half_done(days: Days) -> None:
    lightship = days.lightship

    def stop(number: int) -> None:
        if number != 40:
            return
        before = lightship.state("worker")
        assert before.pid is not None
        os.kill(before.pid, signal.SIGTERM)
        wait("the worker has ended", lambda: lightship.state("worker").pid != before.pid)
        assert lightship.state("worker").exit_code == 0
        to = {(str(t), int(p)): int(n) for t, p, n in lightship.rows(_STORED_TO)}
        to |= {(OBSERVATIONS.name, int(p)): int(n) for p, n in lightship.rows(_SNAPSHOTS)}
        with reader(lightship.kafka, STREAM_GROUP) as consumer:
            places = [(t.name, p) for t in (SPANS, LOGS, OBSERVATIONS) for p in range(lightship.partitions)]
            committed = {place: consumer.committed(TopicPartition(*place)) or 0 for place in places}
        assert {place: n for place, n in committed.items() if n} == to

    days.same("drained", stop)


def test_a_store_that_is_away_is_waited_for(days: Days) -> None:
    lightship = days.lightship
    probe = f"{lightship.everything.addresses['worker']}/readyz"
    seen: list[str] = []

    def keep_down(number: int) -> None:
        if number != 30:
            return
        for _ in range(40):
            pid = lightship.state("store").pid
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(httpx.HTTPError):
                answer = httpx.get(probe, timeout=5)
                if answer.status_code == 503:
                    seen.append(answer.json()["waiting_for"].get("score", ""))
            time.sleep(0.25)

    days.same("without-store", keep_down)
    assert any("ClickHouse" in words for words in seen), seen
